import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run, runNow, withLock } from './command.ts';

const packageOfProgram: Record<string, string> = {
  mmdebstrap: 'mmdebstrap',
  'systemd-nspawn': 'systemd-container',
  ip: 'iproute2',
  iptables: 'iptables',
  ssh: 'openssh-client',
  pebble: 'pebble',
  openssl: 'openssl',
};
const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The folder that keeps base trees, downloads and running labs. It must not lie on an overlay file system. */
export function labDir(): string {
  const dir = process.env['RECONCILE_LAB_DIR'] || '/var/cache/reconcile-lab';
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Where the unified cgroup hierarchy is mounted, also on a machine that still has the old one beside it. */
export function cgroupMount(): string | undefined {
  return /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
}

function missingPackages(): string[] {
  const inPath = (program: string) =>
    [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].some(dir =>
      existsSync(join(dir, program)),
    );
  const missing = Object.keys(packageOfProgram).filter(program => !inPath(program));
  return [
    ...missing.map(program => packageOfProgram[program]!),
    ...(existsSync(debianKeyring) ? [] : ['debian-archive-keyring']),
  ];
}

/** Why this machine can never run a lab, whatever is installed; null when it can. */
export function labImpossible(): string | null {
  if (process.platform !== 'linux') return `the lab needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0)
    return 'the lab needs root: it mounts, makes network interfaces and starts hosts';
  const cgroup = cgroupMount();
  if (!cgroup) return 'the lab needs the unified cgroup hierarchy (cgroup2), and none is mounted';
  if (!existsSync('/proc/sys/net/ipv4/ip_forward')) return 'the lab needs a writable /proc/sys/net';
  return null;
}

/** Why a lab cannot run here as things are, or null when `openLab` will work. */
export function labAvailable(): string | null {
  const missing = labImpossible() === null ? missingPackages() : [];
  return (
    labImpossible() ?? (missing.length > 0 ? `the lab needs these packages: ${missing.join(' ')}` : null)
  );
}

/** Installs what the lab needs and this machine lacks. Throws when apt cannot, with apt's last words. */
export async function ensureLabPackages(): Promise<void> {
  await install(missingPackages);
}

const inotifyInstances = '/proc/sys/fs/inotify/max_user_instances';

/** Lets many hosts boot: each systemd takes several of the 128 inotify instances that the kernel gives root. */
export function allowManyHosts(): void {
  const most = 8192;
  if (Number(readFileSync(inotifyInstances, 'utf8')) < most) writeFileSync(inotifyInstances, String(most));
}

/** Installs Debian packages that this machine lacks; needs root. Throws when apt cannot, with apt's last words. */
export async function ensurePackages(names: readonly string[]): Promise<void> {
  const isThere = (name: string) =>
    runNow(['dpkg-query', '-W', '-f=${db:Status-Status}', name]).stdout === 'installed';
  await install(() => names.filter(name => !isThere(name)));
}

async function install(missing: () => string[]): Promise<void> {
  await withLock(join(labDir(), 'packages.lock'), async () => {
    const names = missing();
    if (names.length === 0) return;
    const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qy'] as const;
    const attempt = () => run([...apt, 'install', '--no-install-recommends', ...names]);
    let outcome = await attempt();
    if (outcome.code !== 0) {
      await run([...apt, 'update']);
      outcome = await attempt();
    }
    if (outcome.code !== 0) throw new Error(`apt-get install ${names.join(' ')}: ${outcome.stderr.trim()}`);
  });
}

/** The apt source lines of a suite of Debian, from the mirror this machine itself uses where it is a Debian. */
export function debianSources(suite: string): string[] {
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const targets = runNow([
    'apt-get',
    'indextargets',
    '--format',
    '$(REPO_URI) $(RELEASE)',
    'Created-By: Packages',
  ]);
  const mirror = (name: string) =>
    targets.stdout
      .split('\n')
      .map(line => line.split(' '))
      .find(([uri, of]) => of === name && uri?.startsWith('http'))?.[0]
      ?.replace(/\/$/, '');
  const isDebian = /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
  const archive = (isDebian && mirror(codename!)) || 'http://deb.debian.org/debian';
  const security = (isDebian && mirror(`${codename}-security`)) || 'http://deb.debian.org/debian-security';
  // Nothing is newer than sid.
  if (suite === 'sid') return [`deb ${archive} sid main`];
  return [
    `deb ${archive} ${suite} main`,
    `deb ${archive} ${suite}-updates main`,
    `deb ${security} ${suite}-security main`,
  ];
}

/** This machine's apt settings that decide whether a download works at all, as apt.conf lines. */
export function aptSettings(): string[] {
  const wanted = /^Acquire::(Check-Valid-Until|Check-Date|https::(Verify|CaInfo))/;
  return runNow(['apt-config', 'dump'])
    .stdout.split('\n')
    .filter(line => wanted.test(line));
}

/** The proxy that this machine's apt goes through, as a URL, or undefined. */
export function aptProxy(): string | undefined {
  return /^Acquire::http::Proxy "([^"]+)"/im.exec(runNow(['apt-config', 'dump']).stdout)?.[1];
}

/** The certificate authorities that this machine trusts beyond Debian's, as file name → PEM. */
export function localAuthorities(): Record<string, string> {
  const dir = '/usr/local/share/ca-certificates';
  const names = existsSync(dir) ? readdirSync(dir).filter(name => name.endsWith('.crt')) : [];
  return Object.fromEntries(names.map(name => [name, readFileSync(join(dir, name), 'utf8')]));
}

/** A pip.conf that makes pip on a host reach what pip on this machine reaches. */
export function pipSettings(): string {
  const carried = ['index-url', 'extra-index-url', 'trusted-host', 'proxy', 'timeout', 'retries'];
  const files = ['/etc/pip.conf', join(homedir(), '.pip/pip.conf'), join(homedir(), '.config/pip/pip.conf')];
  const settings = new Map<string, string>([['cert', '/etc/ssl/certs/ca-certificates.crt']]);
  for (const file of files.filter(existsSync)) {
    for (const [, key, value] of readFileSync(file, 'utf8').matchAll(/^\s*([\w-]+)\s*[=:]\s*(.*?)\s*$/gm))
      if (carried.includes(key!)) settings.set(key!, value!);
  }
  for (const key of carried) {
    const variables = [`PIP_${key}`, `PIP_DEFAULT_${key}`].map(name =>
      name.toUpperCase().replaceAll('-', '_'),
    );
    const value = variables.map(name => process.env[name]).find(Boolean);
    if (value) settings.set(key, value);
  }
  return ['[global]', ...[...settings].map(([key, value]) => `${key} = ${value}`), ''].join('\n');
}

/** This machine's DNS servers as a resolv.conf that also works from another network namespace. */
export function resolvConf(): string {
  const candidates = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
  const texts = candidates.filter(existsSync).map(file => readFileSync(file, 'utf8'));
  const reachable = texts.find(text => /^nameserver (?!127\.|::1)/m.test(text)) ?? '';
  return reachable.replace(/^nameserver (127\.|::1).*\n/gm, '');
}
