import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand, shellQuote } from '../quote.ts';
import { fingerprint, judge, type KnownKey, keyType, knownKeys } from './known-hosts.ts';

const pinned = 'host_key of the inventory';

/** The keys a host may show: the pinned one alone, or those of the known_hosts files. */
export async function recordedKeys(host: Host, files: readonly string[] | undefined): Promise<KnownKey[]> {
  if (host.hostKey === undefined) return knownKeys(files ?? defaultFiles(), host.address, host.port);
  const [type = '', base64 = ''] = host.hostKey.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  if (type !== '' && keyType(blob) === type) return [{ file: pinned, line: 0, marker: '', type, blob }];
  throw new ProblemError({
    code: 'invalid-value',
    message: `"host_key" "${host.hostKey}" is not a public key.`,
    hint: 'It looks like "ssh-ed25519 AAAA…", as in /etc/ssh/ssh_host_ed25519_key.pub on the host.',
    host: host.name,
  });
}

function defaultFiles(): string[] {
  const own = join(homedir(), '.ssh');
  return [join(own, 'known_hosts'), join(own, 'known_hosts2'), '/etc/ssh/ssh_known_hosts'];
}

/** What is wrong with the key that a host shows; undefined when it may be trusted. */
export function hostKeyProblem(
  host: Host,
  keys: readonly KnownKey[],
  blob: Buffer,
  strict: boolean,
): Problem | undefined {
  const verdict = judge(keys, blob);
  const shown = `${keyType(blob)} ${fingerprint(blob)}`;
  switch (verdict.is) {
    case 'known':
      return undefined;
    case 'unknown':
      return strict ? unknown(host, blob, shown) : undefined;
    case 'changed':
      return changed(host, verdict.by, shown);
    case 'revoked':
      return problem(host, 'host-key-changed', `The host key is revoked by ${place(verdict.by)} (${shown})`, {
        hint: 'Somebody has declared this key stolen. The host needs a new one before anybody logs in.',
      });
    case 'certificate-only': {
      const message = `${place(verdict.by)} trusts a certificate authority, which transport ssh cannot ask (${shown})`;
      return problem(host, 'host-key-unknown', message, { hint: 'Set "transport: openssh" for this host.' });
    }
  }
}

function unknown(host: Host, blob: Buffer, shown: string): Problem {
  const type = keyType(blob).replace(/^ssh-|-.*$/g, '');
  const port = host.port === 22 ? [] : ['-p', String(host.port)];
  const scan = shellCommand(['ssh-keyscan', '-t', type, ...port, host.address]);
  const hint = `If you have checked the fingerprint, record it with:\n    ${scan} >> ~/.ssh/known_hosts`;
  return problem(host, 'host-key-unknown', `The host key is not in known_hosts (${shown})`, { hint });
}

function changed(host: Host, by: KnownKey, shown: string): Problem {
  const message = `The host shows another key (${shown}) than ${place(by)} (${by.type} ${fingerprint(by.blob)})`;
  const name = host.port === 22 ? host.address : `[${host.address}]:${host.port}`;
  const forget =
    by.file === pinned
      ? 'correct host_key.'
      : `forget the old one with:\n    ssh-keygen -R ${shellQuote(name)} -f ${shellQuote(by.file)}`;
  const hint = `Somebody may be in between. If the host was reinstalled and you have checked its new fingerprint, ${forget}`;
  return problem(host, 'host-key-changed', message, { hint });
}

function place(key: KnownKey): string {
  return key.line === 0 ? key.file : `${key.file}:${key.line}`;
}

function problem(host: Host, code: Problem['code'], message: string, rest: { hint: string }): Problem {
  return { code, message: `${message}. Nothing was changed on this host.`, host: host.name, ...rest };
}
