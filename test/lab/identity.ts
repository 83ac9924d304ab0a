import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { listenerAuthority } from './acme.ts';
import { mustNow } from './command.ts';
import { aptSettings, localAuthorities, pipSettings, resolvConf } from './machine.ts';
import { archivePort, gatewayAddress, hostAddress, hostAddress6 } from './network.ts';
import type { HostRecord, LabRecord } from './registry.ts';

/** The private key that every host of a lab lets in, as `deploy` and as root. */
export const identityFile = (lab: LabRecord) => join(lab.dir, 'id_ed25519');
/** The known_hosts file with the keys of a lab's hosts. */
export const knownHostsFile = (lab: LabRecord) => join(lab.dir, 'known_hosts');

/** Makes the SSH key of a lab. */
export function makeIdentity(lab: LabRecord): void {
  mustNow(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'reconcile-lab', '-f', identityFile(lab)]);
  writeFileSync(knownHostsFile(lab), '');
}

/** A host's public key, as `ssh-ed25519 AAAA…`. */
export function hostKey(rootDir: string): string {
  const text = readFileSync(join(rootDir, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8');
  return text.split(' ').slice(0, 2).join(' ');
}

/**
 * Writes into a host's tree what makes it this host: names, address, keys, and the way out to packages. Written again
 * after the tree was laid anew, it is the same host.
 */
export function writeIdentity(lab: LabRecord, host: HostRecord, rootDir: string): void {
  const publicKey = writeKeys(lab, host, rootDir);
  const write = (path: string, text: string, mode = 0o644) => {
    const file = join(rootDir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  write('etc/hostname', `${host.name}\n`);
  write('etc/machine-id', `${createHash('md5').update(publicKey).digest('hex')}\n`, 0o444);
  write(
    'etc/hosts',
    `127.0.0.1 localhost\n127.0.1.1 ${host.name}\n::1 localhost ip6-localhost ip6-loopback\n`,
  );
  write('etc/resolv.conf', resolvConf());
  write('etc/systemd/network/10-lab.network', networkFile(lab, host));
  write('etc/apt/apt.conf.d/80lab', aptConf(lab));
  write('etc/pip.conf', pipSettings());
  trust(rootDir, { ...localAuthorities(), ...(lab.acme && { 'lab-acme.crt': listenerAuthority(lab) }) });
}

function networkFile(lab: LabRecord, host: HostRecord): string {
  const address = `Address=${hostAddress(lab.id, host.index)}/24\nGateway=${gatewayAddress(lab.id)}\n`;
  const address6 = hostAddress6(lab.id, host.index);
  const second = address6 ? `[Address]\nAddress=${address6}/64\nDuplicateAddressDetection=none\n` : '';
  return `[Match]\nName=host0\n[Network]\n${address}LinkLocalAddressing=no\nIPv6AcceptRA=no\nIgnoreCarrierLoss=yes\n${second}`;
}

function aptConf(lab: LabRecord): string {
  const proxy = [
    `Acquire::http::Proxy "http://${gatewayAddress(lab.id)}:${archivePort}";`,
    'Acquire::https::Proxy "DIRECT";',
  ];
  const patience = ['Acquire::http::Timeout "300";', 'Acquire::Retries "3";', 'Acquire::Languages "none";'];
  return [...aptSettings(), ...proxy, ...patience, ''].join('\n');
}

function writeKeys(lab: LabRecord, host: HostRecord, rootDir: string): string {
  const name = 'ssh_host_ed25519_key';
  const kept = join(dirname(rootDir), name);
  if (!existsSync(kept)) {
    mustNow(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', host.name, '-f', kept]);
    const publicKey = readFileSync(`${kept}.pub`, 'utf8');
    appendFileSync(knownHostsFile(lab), `${hostAddress(lab.id, host.index)},${host.name} ${publicKey}`);
  }
  mustNow(['cp', '-p', kept, `${kept}.pub`, join(rootDir, 'etc/ssh/')]);
  const authorized = readFileSync(`${identityFile(lab)}.pub`, 'utf8');
  for (const home of ['root', 'home/deploy']) {
    const folder = join(rootDir, home, '.ssh');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'authorized_keys'), authorized, { mode: 0o600 });
  }
  mustNow(['chroot', rootDir, 'chown', '-R', 'deploy:deploy', '/home/deploy/.ssh']);
  return hostKey(rootDir);
}

// Does what update-ca-certificates would do, in a tenth of its time; later runs of it come to the same.
function trust(rootDir: string, authorities: Record<string, string>): void {
  const folder = '/usr/local/share/ca-certificates';
  const bundle = join(rootDir, 'etc/ssl/certs/ca-certificates.crt');
  mkdirSync(join(rootDir, folder), { recursive: true });
  for (const [name, pem] of Object.entries(authorities)) {
    const file = join(rootDir, folder, name);
    writeFileSync(file, pem);
    if (readFileSync(bundle, 'utf8').includes(pem.trim())) continue;
    appendFileSync(bundle, `${pem.trim()}\n`);
    const hash = mustNow(['openssl', 'x509', '-in', file, '-noout', '-hash']).trim();
    const link = join(rootDir, 'etc/ssl/certs', `${hash}.0`);
    rmSync(link, { force: true });
    symlinkSync(join(folder, name), link);
  }
}
