import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { matchesList } from './name-patterns.ts';

/** A line of known_hosts for a host. */
export interface KnownKey {
  file: string;
  /** Line number, from 1. */
  line: number;
  marker: '' | '@revoked' | '@cert-authority' | (string & {});
  /** `ssh-ed25519`, `ssh-rsa`, … */
  type: string;
  blob: Buffer;
}

/** The verdict of the known keys on a key, with the line that decided it if there is one. */
export type Verdict =
  | { is: 'known' }
  | { is: 'unknown' }
  | { is: 'revoked' | 'changed' | 'certificate-only'; by: KnownKey };

/** Returns the fingerprint of a public key, in the form of ssh-keygen. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Returns the type of a public key in wire form, or an empty text if it has none. */
export function keyType(blob: Buffer): string {
  return blob.length < 4 ? '' : blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
}

/** Returns the recorded keys of a host, from all files in order. An unreadable file has none. */
export async function knownKeys(
  files: readonly string[],
  address: string,
  port: number,
): Promise<KnownKey[]> {
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8').catch(() => '')));
  return texts.flatMap((text, i) => keysIn(text, files[i]!, address, port));
}

/** Returns the keys of a host in one known_hosts text. As in ssh, a line without a port also counts for other ports. */
export function keysIn(text: string, file: string, address: string, port: number): KnownKey[] {
  const host = address.toLowerCase();
  const names = port === 22 ? [host] : [`[${host}]:${port}`, host];
  const [exact, plain] = names.map(name =>
    text.split('\n').flatMap((line, i) => keyOfLine(line, { file, line: i + 1 }, name)),
  );
  return exact!.length > 0 ? exact! : (plain ?? []);
}

function keyOfLine(text: string, at: { file: string; line: number }, name: string): KnownKey[] {
  const words = text.trim().split(/[ \t]+/);
  if (words[0] === '' || words[0]!.startsWith('#')) return [];
  const marker = words[0]!.startsWith('@') ? words.shift()! : '';
  const [patterns, type, base64] = words;
  if (patterns === undefined || type === undefined || base64 === undefined) return [];
  const blob = Buffer.from(base64, 'base64');
  return keyType(blob) === type && matchesHost(patterns, name) ? [{ ...at, marker, type, blob }] : [];
}

function matchesHost(patterns: string, name: string): boolean {
  return patterns.startsWith('|') ? matchesHash(patterns, name) : matchesList(patterns.toLowerCase(), name);
}

function matchesHash(hashed: string, name: string): boolean {
  const [, version, salt, hash] = hashed.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** Returns a name in the form of HashKnownHosts. */
export function hashedName(name: string, salt: Buffer = randomBytes(20)): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name.toLowerCase()).digest('base64')}`;
}

/** Returns the verdict of the recorded keys of a host on the key that it shows. */
export function judge(keys: readonly KnownKey[], blob: Buffer): Verdict {
  const same = keys.filter(key => key.blob.equals(blob));
  const revoked = same.find(key => key.marker === '@revoked');
  if (revoked !== undefined) return { is: 'revoked', by: revoked };
  if (same.some(key => key.marker === '')) return { is: 'known' };
  const plain = keys.filter(key => key.marker === '');
  const other = plain.find(key => key.type === keyType(blob)) ?? plain[0];
  if (other !== undefined) return { is: 'changed', by: other };
  const authority = keys.find(key => key.marker === '@cert-authority');
  return authority === undefined ? { is: 'unknown' } : { is: 'certificate-only', by: authority };
}

/**
 * Returns the host key algorithms to ask for, those of the recorded keys first: otherwise, a host with a recorded RSA key
 * would show its ed25519 key and seem changed.
 */
export function hostKeyAlgorithms(
  keys: readonly KnownKey[],
  algorithms: readonly string[] = usualAlgorithms,
): string[] {
  const recorded = new Set(keys.filter(key => key.marker === '').map(key => key.type));
  const isRecorded = (algorithm: string) =>
    recorded.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...algorithms.filter(isRecorded), ...algorithms.filter(algorithm => !isRecorded(algorithm))];
}

const usualAlgorithms = [
  'ssh-ed25519',
  ...['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ...['rsa-sha2-512', 'rsa-sha2-256'],
];
