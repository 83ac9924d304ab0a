import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand, shellQuote } from '../quote.ts';
import { fingerprint, hashedName, keyType } from '../util/ssh-formats.ts';
import { judge, type KnownKey, knownKeys } from './known-hosts.ts';
import type { Target } from './target.ts';

const pinned = 'host_key of the inventory';

/** Returns the trusted keys of a host: only the pinned one, or those of the known_hosts files. */
export async function recordedKeys(host: Target): Promise<KnownKey[]> {
  if (host.hostKey === undefined)
    return knownKeys(host.knownHostsFiles, host.knownAs.name, host.knownAs.port);
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

/** Records a key that was accepted as new. Rejects with a ProblemError if that fails. */
export async function record(host: Target, blob: Buffer): Promise<void> {
  const [file = ''] = host.knownHostsFiles;
  const name = knownName(host);
  const line = `${host.hashKnownHosts ? hashedName(name) : name} ${keyType(blob)} ${blob.toString('base64')}\n`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = await readFile(file, 'utf8').catch(() => '');
    // A single write, so that programs that append at the same time do not mix their lines.
    await appendFile(file, before === '' || before.endsWith('\n') ? line : `\n${line}`, { mode: 0o600 });
  } catch (error) {
    const message = `The host key is new and could not be recorded in "${file}"`;
    throw new ProblemError(
      problem(host, 'host-key-unknown', message, {
        hint: `The next run could not tell whether it is the same: ${(error as Error).message}`,
      }),
    );
  }
}

/** Returns the problem with the host's key, or undefined if the key is trusted. */
export function hostKeyProblem(host: Target, keys: readonly KnownKey[], blob: Buffer): Problem | undefined {
  const verdict = judge(keys, blob);
  const shown = `${keyType(blob)} ${fingerprint(blob)}`;
  switch (verdict.is) {
    case 'known':
      return undefined;
    case 'unknown':
      return host.acceptsNew && host.hostKey === undefined ? undefined : unknown(host, blob, shown);
    case 'changed':
      return changed(host, verdict.by, shown);
    case 'revoked':
      return problem(host, 'host-key-revoked', `The host key is revoked by ${place(verdict.by)} (${shown})`, {
        hint: 'Somebody has declared this key stolen. The host needs a new one before anybody logs in.',
      });
    case 'certificate-only': {
      const message = `${place(verdict.by)} trusts a certificate authority, which transport ssh does not support (${shown})`;
      return problem(host, 'host-key-unknown', message, { hint: 'Set "transport: openssh" for this host.' });
    }
  }
}

function unknown(host: Target, blob: Buffer, shown: string): Problem {
  const type = keyType(blob).replace(/^ssh-|-.*$/g, '');
  const port = host.port === 22 ? [] : ['-p', String(host.port)];
  const scan = shellCommand(['ssh-keyscan', '-t', type, ...port, host.address]);
  const command =
    host.jump === undefined && host.knownAs.name === host.address
      ? `${scan} >> ~/.ssh/known_hosts`
      : login(host);
  const hint = `If you have checked the fingerprint, record it with:\n    ${command}`;
  return problem(host, 'host-key-unknown', `The host key is not in known_hosts (${shown})`, { hint });
}

function changed(host: Target, by: KnownKey, shown: string): Problem {
  const message = `The host shows another key (${shown}) than ${place(by)} (${by.type} ${fingerprint(by.blob)})`;
  const name = knownName(host);
  const forget =
    by.file === pinned
      ? 'correct host_key.'
      : `forget the old one with:\n    ssh-keygen -R ${shellQuote(name)} -f ${shellQuote(by.file)}`;
  const hint = `Somebody may be in between. If the host was reinstalled and you have checked its new fingerprint, ${forget}`;
  return problem(host, 'host-key-changed', message, { hint });
}

function knownName({ knownAs: { name, port } }: Target): string {
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The command that logs in by hand, with the same key. */
export function login({ jump, port, user, address, identitiesOnly, identityFiles }: Target): string {
  const chain: string[] = [];
  for (let hop = jump; hop !== undefined; hop = hop.jump) chain.unshift(hop.hop!);
  const through = chain.length === 0 ? [] : ['-J', chain.join(',')];
  const keys = identitiesOnly ? identityFiles.flatMap(file => ['-i', file]) : [];
  const only = keys.length === 0 ? [] : ['-o', 'IdentitiesOnly=yes', ...keys];
  return shellCommand(['ssh', ...through, ...only, '-p', String(port), `${user}@${address}`]);
}

function place(key: KnownKey): string {
  return key.line === 0 ? key.file : `${key.file}:${key.line}`;
}

function problem(host: Target, code: Problem['code'], message: string, rest: { hint: string }): Problem {
  return { code, message: `${message}. Nothing was changed on this host.`, host: host.name, ...rest };
}
