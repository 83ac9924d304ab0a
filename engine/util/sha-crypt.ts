import { createHash } from 'node:crypto';

/** The schemes of crypt(5) that are computed here, by their names in Ansible, and their prefixes. */
const schemes = {
  sha256: { prefix: '$5$', bytes: 32 },
  sha512: { prefix: '$6$', bytes: 64 },
} as const;
export type Scheme = keyof typeof schemes;
export const schemeNames = Object.keys(schemes) as Scheme[];

/** The number of rounds of a hash that does not name one. */
export const defaultRounds = 5000;

/** The beginning of a hash: everything but the hash itself. */
export interface Setting {
  readonly scheme: Scheme;
  readonly salt: string;
  /** undefined = not named, which means `defaultRounds`. */
  readonly rounds?: number | undefined;
}

/** Returns the beginning of a hash, such as `$6$rounds=10000$SALT`; undefined for another scheme or too many rounds. */
export function readSetting(text: string): Setting | undefined {
  const [, digit, rounds, salt] = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([./0-9A-Za-z]{1,16})$/.exec(text) ?? [];
  if (salt === undefined) return undefined;
  const scheme = digit === '5' ? 'sha256' : 'sha512';
  return { scheme, salt, ...(rounds !== undefined && { rounds: Number(rounds) }) };
}

/**
 * Returns the hash of a password for /etc/shadow. This is the algorithm of Ulrich Drepper's "Unix crypt using SHA-256 and
 * SHA-512" (https://www.akkadia.org/drepper/SHA-crypt.txt), which crypt(5) names sha256crypt and sha512crypt.
 */
export function shaCrypt(password: string, { scheme, salt: saltText, rounds }: Setting): string {
  const { prefix, bytes } = schemes[scheme];
  const digest = (...parts: readonly Buffer[]) => {
    const hash = createHash(scheme);
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const [key, salt] = [Buffer.from(password, 'utf8'), Buffer.from(saltText, 'utf8')];
  const other = digest(key, salt, key);
  const mixed: Buffer[] = [key, salt, repeated(other, key.length)];
  for (let length = key.length; length > 0; length >>= 1) mixed.push(length & 1 ? other : key);
  let current = digest(...mixed);
  const keys = repeated(digest(...Array<Buffer>(key.length).fill(key)), key.length);
  const salts = repeated(digest(...Array<Buffer>(16 + current[0]!).fill(salt)), salt.length);
  for (let round = 0; round < (rounds ?? defaultRounds); round++) {
    const parts = [round & 1 ? keys : current];
    if (round % 3 !== 0) parts.push(salts);
    if (round % 7 !== 0) parts.push(keys);
    parts.push(round & 1 ? current : keys);
    current = digest(...parts);
  }
  const named = rounds === undefined ? '' : `rounds=${rounds}$`;
  return `${prefix}${named}${saltText}$${encoded(current, bytes)}`;
}

/** Returns the bytes, again and again, up to a length. */
function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, length === 0 ? undefined : bytes);
}

const digits = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Returns a digest in the order of bytes and the digits of crypt(3). */
function encoded(bytes: Buffer, length: 32 | 64): string {
  const third = length === 64 ? 21 : 10;
  let places = [0, third, 2 * third] as [number, number, number];
  let text = '';
  const add = (value: number, count: number) => {
    for (let i = 0; i < count; i++) text += digits[(value >> (6 * i)) & 63];
  };
  for (let i = 0; i < third; i++) {
    const [a, b, c] = places;
    add((bytes[a]! << 16) | (bytes[b]! << 8) | bytes[c]!, 4);
    places = length === 64 ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1];
  }
  if (length === 64) add(bytes[63]!, 2);
  else add((bytes[31]! << 8) | bytes[30]!, 3);
  return text;
}
