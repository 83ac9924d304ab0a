import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { labCgroup, startIn } from './cgroup.ts';
import { mustNow, waitFor } from './command.ts';
import { rootDir } from './host.ts';
import { gatewayAddress, hostAddress } from './network.ts';
import type { HostRecord, LabRecord } from './registry.ts';

/** The certificate authority that a host of a lab can get certificates from, for any name at all. */
export interface HostAcme {
  /** The ACME directory's URL, e.g. for `certbot --server`. */
  directory: string;
  /** On the host: the authority of the directory's own TLS certificate. The host's system trusts it, too. */
  caBundle: string;
  /** The root that signs the host's certificates, as PEM; a new one each time the lab starts. */
  rootPem(): Promise<string>;
}

/** The answer of a site over HTTPS. */
export interface HttpsAnswer {
  status: number;
  body: string;
  /** The common name of whoever signed the site's certificate. */
  issuer: string;
  /** The names that the certificate is for. */
  names: string[];
}

// Several hosts serve the same name, so each has a server of its own whose DNS says that every name is that host.
const ports = (index: number) => ({
  directory: 14_000 + index,
  management: 15_000 + index,
  dns: 16_000 + index,
});
const acmeDir = (lab: LabRecord) => join(lab.dir, 'acme');

/** The authority of the ACME servers' own listeners, as PEM; made on first use. */
export function listenerAuthority(lab: LabRecord): string {
  const dir = acmeDir(lab);
  const path = (name: string) => join(dir, name);
  if (existsSync(path('cert.pem'))) return readFileSync(path('ca.pem'), 'utf8');
  mkdirSync(dir, { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'] as const;
  const request = ['openssl', 'req', '-x509', ...key] as const;
  const caFiles = ['-keyout', path('ca.key'), '-out', path('ca.pem')];
  // Python 3.13 and later trust no authority without it.
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  mustNow([...request, ...caFiles, '-subj', `/CN=Lab ${lab.id} ACME listeners`, ...usage]);
  const names = [
    '-addext',
    `subjectAltName=IP:${gatewayAddress(lab.id)}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ];
  const signed = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-subj', '/CN=lab-acme', ...names];
  mustNow([...request, ...signed, '-keyout', path('key.pem'), '-out', path('cert.pem')]);
  return readFileSync(path('ca.pem'), 'utf8');
}

/** Starts a host's ACME server and that server's DNS, and waits until it answers. */
export async function startAcme(lab: LabRecord, host: HostRecord): Promise<void> {
  const gateway = gatewayAddress(lab.id);
  const port = ports(host.index);
  const path = (name: string) => join(acmeDir(lab), name);
  const config = {
    listenAddress: `${gateway}:${port.directory}`,
    managementListenAddress: `${gateway}:${port.management}`,
    certificate: path('cert.pem'),
    privateKey: path('key.pem'),
    httpPort: 80,
    tlsPort: 443,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  };
  writeFileSync(path(`${host.name}.json`), JSON.stringify({ pebble: config }));
  const dns = `${gateway}:${port.dns}`;
  const cgroup = join(labCgroup(lab.id), 'acme');
  const answers = ['-defaultIPv4', hostAddress(lab.id, host.index), '-defaultIPv6', '', '-dns01', dns];
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-management', ''];
  startIn(cgroup, ['pebble-challtestsrv', ...answers, ...off], path(`${host.name}-dns.log`));
  const server = ['pebble', '-config', path(`${host.name}.json`), '-dnsserver', dns] as const;
  startIn(cgroup, server, path(`${host.name}.log`), { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' });
  await waitFor(`the ACME server of ${host.name} answers`, 30_000, () =>
    rootPem(lab, host).catch(() => undefined),
  );
  await trustAcme(lab, host);
}

/** Has a host trust its ACME server. A private authority: who vouches for its server vouches for its certificates, too. */
export async function trustAcme(lab: LabRecord, host: HostRecord): Promise<void> {
  appendFileSync(join(rootDir(lab, host), hostAcme(lab, host).caBundle), await rootPem(lab, host));
}

/** The ACME server of a host, for the host and for tests. It listens only in a lab opened with `acme: true`. */
export function hostAcme(lab: LabRecord, host: HostRecord): HostAcme {
  return {
    directory: `https://${gatewayAddress(lab.id)}:${ports(host.index).directory}/dir`,
    caBundle: '/usr/local/share/ca-certificates/lab-acme.crt',
    rootPem: () => rootPem(lab, host),
  };
}

async function rootPem(lab: LabRecord, host: HostRecord): Promise<string> {
  const address = gatewayAddress(lab.id);
  const port = ports(host.index).management;
  const answer = await httpsGet(`https://${address}:${port}/roots/0`, address, listenerAuthority(lab));
  return answer.body;
}

/** Fetches a URL from the given address, whatever DNS says of its name, trusting only the given authority (PEM). */
export function httpsGet(url: string, address: string, authority: string): Promise<HttpsAnswer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const servername = /^[\d.]+$/.test(hostname) ? '' : hostname;
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port: port || 443,
      path: pathname + search,
      servername,
      headers: { host },
    };
    const sent = request({ ...options, ca: authority, agent: false, timeout: 30_000 }, response => {
      const certificate = (response.socket as TLSSocket).getPeerCertificate();
      const body: Buffer[] = [];
      response.on('data', chunk => body.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: String(Buffer.concat(body)),
          issuer: String(certificate.issuer?.CN ?? ''),
          names: (certificate.subjectaltname ?? '').split(', ').map(name => name.replace(/^\w+:/, '')),
        }),
      );
    });
    sent.once('timeout', () => sent.destroy(new Error(`${url} at ${address} is silent`)));
    sent.once('error', reject);
    sent.end();
  });
}
