import { X509Certificate } from 'node:crypto';
import { anyOf } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type { DirectoryEntry } from '../engine/probe.ts';
import type { Schema } from '../engine/schema-types.ts';
import { defined } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';

/** Parses the first certificate of a PEM file. Returns null if the file contains none. */
export function readCertificate(pem: Uint8Array) {
  try {
    const certificate = new X509Certificate(pem);
    const names = (certificate.subjectAltName ?? '').split(', ').filter(name => name.startsWith('DNS:'));
    const type = certificate.publicKey.asymmetricKeyType;
    return {
      domains: names.map(name => name.slice(4).toLowerCase()).sort(),
      keyType: type === 'ec' ? 'ecdsa' : type === 'rsa' ? 'rsa' : 'other',
      fromS: Date.parse(certificate.validFrom) / 1000,
      untilS: Date.parse(certificate.validTo) / 1000,
    };
  } catch {
    return null;
  }
}

/** Whether each link of the certificate leads to a file. */
export const isWhole = (links: DirectoryEntry[] | null, archive: DirectoryEntry[] | null): boolean =>
  ['fullchain.pem', 'privkey.pem'].every(name => {
    const target = links?.find(link => link.path === name)?.target?.replace(/.*\//, '');
    return archive?.some(file => file.path === target);
  });

type Lifetime = Pick<NonNullable<ReturnType<typeof readCertificate>>, 'fromS' | 'untilS'>;

/** Returns the remaining validity of a certificate, in the words of the declared state. */
export function validity({ fromS, untilS }: Lifetime, renewBefore: string, nowS: number): string {
  // A certificate that lives shorter than this would always be too old.
  const enoughS = Math.min(durationS(renewBefore), (untilS - fromS) / 3);
  if (untilS - nowS >= enoughS) return `more than ${renewBefore}`;
  return untilS <= nowS ? 'expired' : `${Math.floor((untilS - nowS) / 86_400)}d left`;
}

/** Returns a value of a certificate's renewal file, or undefined if the file does not set it. */
export function renewalValue(conf: string, key: string): string | undefined {
  const value = new RegExp(`^${key} = (.*)$`, 'm').exec(conf)?.[1]?.trim();
  if (value === undefined || value === 'None') return undefined;
  return /^("""|'''|"|')(.*)\1$/.exec(value)?.[2] ?? value.replace(/,$/, '');
}

/** Returns the renewal file with another value. The value undefined removes the key. */
export function withRenewalValue(conf: string, key: string, value: string | undefined): string {
  const kept = conf.replace(new RegExp(`^${key} = .*\\n`, 'm'), '');
  if (value === undefined) return kept;
  return kept.replace(/^\[renewalparams\]\n/m, heading => `${heading}${key} = ${quoted(value)}\n`);
}

// certbot parses the file with ConfigObj, which splits a value at a comma and ends it at a # outside quotes.
function quoted(value: string): string {
  if (!/[,#"']/.test(value)) return value;
  const mark = ['"', "'", '"""', "'''"].find(one => !value.includes(one)) ?? '"';
  return `${mark}${value}${mark}`;
}

const only = <const R extends string, const P extends Record<R, Schema>>(required: R, properties: P) =>
  ({ type: 'object', properties, required: [required], additionalProperties: false }) as const;

export const challenge = anyOf(
  [
    { enum: ['nginx', 'standalone'] },
    only('nginx', { nginx: { const: true } }),
    only('standalone', { standalone: { const: true } }),
    only('webroot', { webroot: { type: 'string', pattern: '^/' } }),
    only('dns', {
      dns: { type: 'string' },
      credentials: { type: 'string' },
      propagation: { type: 'integer' },
    }),
  ],
  'Proof of control over the domains: `nginx`, `standalone`, `{webroot: FOLDER}` or `{dns: PLUGIN, credentials: FILE, propagation: SECONDS}`.',
  { default: 'nginx' },
);
type Challenge = Given<{ challenge: typeof challenge }, 'challenge'>['challenge'];
type Method = Partial<
  Record<'nginx' | 'standalone', true> & Record<'webroot' | 'dns' | 'credentials', string>
>;

/** Returns the authenticator of certbot: its options, Debian's package, and the file or folder it needs on the host. */
export function authenticator(challenge: Challenge) {
  const given = typeof challenge === 'string' ? { [challenge]: true } : challenge;
  const { webroot, dns, credentials, propagation }: Method & { propagation?: number } = given;
  const name = dns === undefined ? Object.keys(given)[0]! : `dns-${dns}`;
  const settings = defined({
    'webroot-path': webroot,
    [`${name}-credentials`]: credentials,
    [`${name}-propagation-seconds`]: propagation,
  });
  return {
    name,
    options: [`--${name}`, ...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, `${value}`])],
    package: ['standalone', 'webroot'].includes(name) ? 'certbot' : `python3-certbot-${name}`,
    needs: webroot ?? credentials,
  };
}
