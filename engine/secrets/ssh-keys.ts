import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** An SSH public key that can be a recipient of secrets. */
export interface SshPublicKey {
  type: 'ssh-ed25519' | 'ssh-rsa';
  /** The key in wire form, from which fingerprints are computed. */
  blob: Buffer;
}

/** An SSH key pair from a private key file. */
export interface SshKeyPair extends SshPublicKey {
  /** For ed25519, the seed of 32 bytes; for RSA, the key. */
  secret: Buffer | KeyObject;
}

/** Reads a line of an `id_*.pub` file. Returns undefined for a key type that age does not know. */
export function sshPublicKey(line: string): SshPublicKey | undefined {
  const [type, base64 = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  if ((type !== 'ssh-ed25519' && type !== 'ssh-rsa') || blob.length < 32) return undefined;
  try {
    const key = { type, blob } as const;
    if (new Fields(blob).text() !== type) return undefined;
    if (type === 'ssh-ed25519') return ed25519Point(key).length === 32 ? key : undefined;
    return rsaPublicKey(key) && key;
  } catch {
    return undefined;
  }
}

/** Returns the first bytes of a key's digest, with which a stanza names its recipient. */
export function sshTag({ blob }: SshPublicKey): string {
  return unpadded(createHash('sha256').update(blob).digest().subarray(0, 4));
}

/** Returns the public point of an ed25519 key, 32 bytes. */
export function ed25519Point({ blob }: SshPublicKey): Buffer {
  const fields = new Fields(blob);
  fields.next();
  return fields.next();
}

export function rsaPublicKey({ blob }: SshPublicKey): KeyObject {
  const fields = new Fields(blob);
  fields.next();
  const [e, n] = [fields.next(), fields.next()].map(number => integer(number)) as [string, string];
  return createPublicKey({ format: 'jwk', key: { kty: 'RSA', e, n } });
}

/**
 * Reads an OpenSSH private key file. Returns `protected` for a key with a passphrase, undefined for another kind of key or
 * an invalid file.
 */
export function sshKeyPair(pem: string): SshKeyPair | 'protected' | undefined {
  try {
    return readKeyPair(pem);
  } catch {
    return undefined;
  }
}

function readKeyPair(pem: string): SshKeyPair | 'protected' | undefined {
  const base64 = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(pem)?.[1];
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return undefined;
  const outer = new Fields(bytes.subarray(magic.length));
  if (outer.text() !== 'none') return 'protected';
  outer.next();
  outer.next();
  if (outer.number() !== 1) return undefined;
  const blob = outer.next();
  const inner = new Fields(outer.next());
  // Two equal numbers, with which a reader checks a passphrase.
  inner.number();
  inner.number();
  const type = inner.text();
  if (type === 'ssh-ed25519') {
    inner.next();
    return { type, blob, secret: inner.next().subarray(0, 32) };
  }
  if (type !== 'ssh-rsa') return undefined;
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => inner.next()) as Buffer[];
  const key = {
    ...{ kty: 'RSA', n: integer(n!), e: integer(e!), d: integer(d!), p: integer(p!), q: integer(q!) },
    ...{ qi: integer(qi!), dp: integer(remainder(d!, p!)), dq: integer(remainder(d!, q!)) },
  };
  return { type, blob, secret: createPrivateKey({ format: 'jwk', key }) };
}

export function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

/** The wire format of SSH: numbers of four bytes, and texts behind their length. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  next(): Buffer {
    const length = this.number();
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('the key is incomplete');
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.next().toString('latin1');
  }
}

function integer(bytes: Buffer): string {
  const first = bytes.findIndex(byte => byte !== 0);
  return bytes.subarray(Math.max(0, first)).toString('base64url');
}

/** Returns `a` modulo `b` - 1, RSA's exponent for the Chinese remainder theorem. */
function remainder(a: Buffer, b: Buffer): Buffer {
  const [x, y] = [a, b].map(each => BigInt(`0x${each.toString('hex')}`)) as [bigint, bigint];
  const hex = (x % (y - 1n)).toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}
