import { statSync } from 'node:fs';
import { readFile } from '../util/read-file.ts';
import { keyType } from '../util/ssh-formats.ts';
import { HashedNames } from './hashed-names.ts';
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

/** Returns the recorded keys of a host, from all files in order. An unreadable file has none. */
export function knownKeys(files: readonly string[], address: string, port: number): KnownKey[] {
  return files.flatMap(file => knownHostsIn(file)?.keysOf(address, port) ?? []);
}

/** The parsed files of this process. A run with many hosts asks each file once for each of them. */
const parsed = new Map<string, { version: string; hosts: KnownHosts }>();

function knownHostsIn(file: string): KnownHosts | undefined {
  try {
    const stat = statSync(file);
    const version = `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
    const known = parsed.get(file);
    if (known?.version === version) return known.hosts;
    const hosts = new KnownHosts(readFile(file).toString(), file);
    parsed.set(file, { version, hosts });
    return hosts;
  } catch {
    return undefined;
  }
}

/** Returns the keys of a host in one known_hosts text. As in ssh, a line without a port also counts for other ports. */
export function keysIn(text: string, file: string, address: string, port: number): KnownKey[] {
  return new KnownHosts(text, file).keysOf(address, port);
}

/** The words of a line. */
interface Entry extends Omit<KnownKey, 'file' | 'blob'> {
  patterns: string;
  base64: string;
}

/** One known_hosts text. The key of a line is decoded only for a host that the line names. */
class KnownHosts {
  readonly #file: string;
  readonly #byName = new Map<string, Entry[]>();
  readonly #withPatterns: Entry[] = [];
  readonly #hashed: Entry[] = [];
  readonly #hashes: HashedNames;

  constructor(text: string, file: string) {
    this.#file = file;
    for (const [i, line] of text.split('\n').entries()) this.#add(line, i + 1);
    this.#hashes = new HashedNames(this.#hashed.map(({ patterns }) => patterns));
  }

  keysOf(address: string, port: number): KnownKey[] {
    const host = address.toLowerCase();
    const exact = port === 22 ? [] : this.#keysOf(`[${host}]:${port}`);
    return exact.length > 0 ? exact : this.#keysOf(host);
  }

  #add(text: string, line: number): void {
    const words = text.trim().split(/[ \t]+/);
    if (words[0] === '' || words[0]!.startsWith('#')) return;
    const marker = words[0]!.startsWith('@') ? words.shift()! : '';
    const [patterns, type, base64] = words;
    if (patterns === undefined || type === undefined || base64 === undefined) return;
    const entry = { line, marker, patterns: patterns.toLowerCase(), type, base64 };
    if (patterns.startsWith('|')) this.#hashed.push({ ...entry, patterns });
    else if (/[*?!]/.test(patterns)) this.#withPatterns.push(entry);
    else
      for (const name of new Set(entry.patterns.split(',')))
        this.#byName.set(name, [...(this.#byName.get(name) ?? []), entry]);
  }

  #keysOf(name: string): KnownKey[] {
    const found = [
      ...(this.#byName.get(name) ?? []),
      ...this.#withPatterns.filter(({ patterns }) => matchesList(patterns, name)),
      ...this.#hashes.of(name).map(index => this.#hashed[index]!),
    ];
    return found
      .sort((a, b) => a.line - b.line)
      .map(({ line, marker, type, base64 }) => {
        return { file: this.#file, line, marker, type, blob: Buffer.from(base64, 'base64') };
      })
      .filter(({ type, blob }) => keyType(blob) === type);
  }
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
