import { X509Certificate } from 'node:crypto';
import { durationS } from '../engine/duration.ts';
import type { Entry } from '../engine/probe.ts';
import type { ArgumentsOf, Schema } from '../engine/schema-types.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload } from '../engine/steps/units.ts';

export const live = (name: string) => `/etc/letsencrypt/live/${name}`;
export const archive = (name: string) => `/etc/letsencrypt/archive/${name}`;
export const renewalConf = (name: string) => `/etc/letsencrypt/renewal/${name}.conf`;
/** What certbot keeps for all certificates. */
export const shared = ['accounts', 'options-ssl-nginx.conf', 'ssl-dhparams.pem'].map(
  name => `/etc/letsencrypt/${name}`,
);
export const dropIn = (name: string) => `/etc/systemd/system/certbot.service.d/ca-of-${name}.conf`;
export const dropInText = (bundle: string) =>
  `# Written by reconcile (certbot): renewals trust this authority.\n[Service]\nEnvironment="REQUESTS_CA_BUNDLE=${bundle}"\n`;

/** What a certificate says of itself; times in seconds since 1970. */
export interface Certificate {
  /** Its DNS names in lower case, sorted. */
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
      domains: names.map(name => name.slice(4).toLowerCase()).sort(),
      fromS: Date.parse(certificate.validFrom) / 1000,
      untilS: Date.parse(certificate.validTo) / 1000,
      keyType: type === 'ec' ? 'ecdsa' : type === 'rsa' ? 'rsa' : 'other',
    };
  } catch {
    return null;
  }
}

/** Whether each link of the certificate leads to a file. */
export const isWhole = (links: Entry[] | null, archive: Entry[] | null): boolean =>
  ['fullchain.pem', 'privkey.pem'].every(name => {
    const target = links?.find(link => link.path === name)?.target?.replace(/.*\//, '');
    return archive?.some(file => file.path === target);
  });

/** How much longer it is valid, in the terms of what is declared. */
export function validity({ fromS, untilS }: Certificate, renewBefore: string, nowS: number): string {
  // A certificate that lives shorter than this would always be too old.
  const enoughS = Math.min(durationS(renewBefore), (untilS - fromS) / 3);
  if (untilS - nowS >= enoughS) return `more than ${renewBefore}`;
  return untilS <= nowS ? 'expired' : `${Math.floor((untilS - nowS) / 86_400)}d left`;
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
export const challenge = {
  anyOf: [
    { enum: ['nginx', 'standalone'] },
    schemaOf('nginx', { nginx: { const: true } }),
    schemaOf('standalone', { standalone: { const: true } }),
    schemaOf('webroot', { webroot: { type: 'string', pattern: '^/' } }),
    schemaOf('dns', {
      dns: { type: 'string' },
      credentials: { type: 'string' },
      propagation: { type: 'integer' },
    }),
  ],
} as const;
type Challenge = ArgumentsOf<{
  properties: { challenge: typeof challenge };
  required: ['challenge'];
}>['challenge'];

function schemaOf<const R extends string, const P extends Record<R, Schema>>(required: R, properties: P) {
  return { type: 'object', properties, required: [required], additionalProperties: false } as const;
}

/** One of certbot's ways to prove a domain, and what it takes. */
interface Authenticator {
  name: string;
  options: string[];
  /** The package that Debian ships it in. */
  package: string;
  /** The folder or file that it needs on the host. */
  needs?: string | undefined;
}

/** How certbot meets a challenge. */
export function authenticator(challenge: Challenge): Authenticator {
  if (typeof challenge === 'string')
    return { name: challenge, options: [`--${challenge}`], package: packageOf(challenge) };
  if ('webroot' in challenge) {
    const { webroot } = challenge;
    return {
      name: 'webroot',
      options: ['--webroot', '--webroot-path', webroot],
      package: 'certbot',
      needs: webroot,
    };
  }
  if (!('dns' in challenge)) return authenticator('nginx' in challenge ? 'nginx' : 'standalone');
  const { credentials, propagation } = challenge;
  const name = `dns-${challenge.dns}`;
  const options = [
    `--${name}`,
    ...(credentials === undefined ? [] : [`--${name}-credentials`, credentials]),
    ...(propagation === undefined ? [] : [`--${name}-propagation-seconds`, String(propagation)]),
  ];
  return { name, options, package: packageOf(name), needs: credentials };
}

const packageOf = (name: string): string => (name === 'standalone' ? 'certbot' : `python3-certbot-${name}`);

/** Has renewals trust a private authority. */
export const trusting = (name: string, bundle: string): Step[] => [
  { do: 'directory', path: '/etc/systemd/system/certbot.service.d' },
  {
    do: 'write',
    path: dropIn(name),
    content: dropInText(bundle),
    owner: 'root',
    group: 'root',
    mode: '0644',
  },
  daemonReload,
];

export const startTimer: Step = {
  do: 'run',
  command: ['systemctl', 'enable', '--now', 'certbot.timer'],
  touches: [
    {
      on: 'unit',
      name: 'certbot.timer',
      sets: { LoadState: 'loaded', ActiveState: 'active', SubState: 'waiting', UnitFileState: 'enabled' },
    },
  ],
};

export const forget = (name: string): Step => ({
  do: 'run',
  command: ['certbot', 'delete', '--non-interactive', '--cert-name', name],
  touches: [{ on: 'removal', path: renewalConf(name) }],
});
