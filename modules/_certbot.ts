import { X509Certificate } from 'node:crypto';

/** What a certificate says of itself; times in seconds since 1970. */
export interface Certificate {
  /** Its DNS names, sorted. */
  domains: string[];
  fromS: number;
  untilS: number;
  keyType: 'ecdsa' | 'rsa' | 'other';
}

/** Reads the first certificate of a PEM file; null when there is none in it. */
export function readCertificate(pem: Uint8Array): Certificate | null {
  try {
    const certificate = new X509Certificate(pem);
    const names = (certificate.subjectAltName ?? '').split(', ').filter(name => name.startsWith('DNS:'));
    const type = certificate.publicKey.asymmetricKeyType;
    return {
      domains: names.map(name => name.slice(4)).sort(),
      fromS: Date.parse(certificate.validFrom) / 1000,
      untilS: Date.parse(certificate.validTo) / 1000,
      keyType: type === 'ec' ? 'ecdsa' : type === 'rsa' ? 'rsa' : 'other',
    };
  } catch {
    return null;
  }
}

/** A value of a certificate's renewal file; undefined when it has none. */
export function renewalValue(conf: string, key: string): string | undefined {
  const value = new RegExp(`^${key} = (.*)$`, 'm').exec(conf)?.[1]?.trim();
  if (value === undefined || value === 'None') return undefined;
  return /^("""|'''|"|')(.*)\1$/.exec(value)?.[2] ?? value.replace(/,$/, '');
}

/** The renewal file with another value; undefined removes the key. */
export function withRenewalValue(conf: string, key: string, value: string | undefined): string {
  const kept = conf.replace(new RegExp(`^${key} = .*\\n`, 'm'), '');
  if (value === undefined) return kept;
  return kept.replace(/^\[renewalparams\]\n/m, heading => `${heading}${key} = ${quoted(value)}\n`);
}

// certbot keeps it by ConfigObj, which splits at a comma and stops at a # outside quotes.
function quoted(value: string): string {
  if (!/[,#"']/.test(value)) return value;
  const mark = ['"', "'", '"""', "'''"].find(one => !value.includes(one)) ?? '"';
  return `${mark}${value}${mark}`;
}

/** How an authority is to see that a domain is ours. */
export type Challenge =
  | 'nginx'
  | 'standalone'
  | { nginx: true }
  | { standalone: true }
  | { webroot: string }
  | { dns: string; credentials?: string; propagation?: number };

/** The name of certbot's authenticator, its options, and the package that Debian ships it in. */
export function authenticator(challenge: Challenge): { name: string; options: string[]; package: string } {
  if (typeof challenge === 'string')
    return { name: challenge, options: [`--${challenge}`], package: packageOf(challenge) };
  if ('webroot' in challenge)
    return {
      name: 'webroot',
      options: ['--webroot', '--webroot-path', challenge.webroot],
      package: 'certbot',
    };
  if (!('dns' in challenge)) return authenticator('nginx' in challenge ? 'nginx' : 'standalone');
  const name = `dns-${challenge.dns}`;
  const options = [`--${name}`];
  if (challenge.credentials !== undefined) options.push(`--${name}-credentials`, challenge.credentials);
  if (challenge.propagation !== undefined)
    options.push(`--${name}-propagation-seconds`, String(challenge.propagation));
  return { name, options, package: packageOf(name) };
}

const packageOf = (name: string): string => (name === 'standalone' ? 'certbot' : `python3-certbot-${name}`);
