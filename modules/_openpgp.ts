import { createHash } from 'node:crypto';

/** A primary key of a keyring. */
export interface PrimaryKey {
  /** Capital hex digits: 40 of a version 4 key, 64 of a version 6 key. */
  fingerprint: string;
  /** Seconds since 1970; left out if the key never expires. */
  expiresS?: number;
}

/** The public keys in a file, as RFC 4880 and RFC 9580 describe them, and the file's bytes without ASCII armour. */
export interface Keyring {
  keys: readonly PrimaryKey[];
  bytes: Buffer;
  isArmoured: boolean;
}

const armour =
  /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----\n(?:[^\n:]+:[^\n]*\n)*[ \t]*\n([\s\S]*?)\n?-----END PGP \1 KEY BLOCK-----/g;
const tags = { signature: 2, secretKey: 5, publicKey: 6, secretSubkey: 7 } as const;

/** Returns the public keys in the bytes or the text of a file, or a clause that says why there are none. */
export function readKeyring(file: string | Uint8Array): Keyring | string {
  const given = typeof file === 'string' ? Buffer.from(file) : Buffer.from(file);
  const text = given.toString('latin1').replaceAll('\r', '');
  const isArmoured = text.includes('-----BEGIN PGP ');
  const blocks = [...text.matchAll(armour)].map(([, , block = '']) => unarmoured(block));
  if (isArmoured && blocks.length === 0) return 'holds no complete ASCII armour of a public key';
  if (blocks.includes(undefined)) return 'is damaged: the checksum of its ASCII armour is wrong';
  const bytes = isArmoured ? Buffer.concat(blocks as Buffer[]) : given;
  const keys: { fingerprint: string; createdS: number; own: SelfSignature[] }[] = [];
  for (const packet of packetsOf(bytes)) {
    if (packet === undefined) return keys.length > 0 ? 'is damaged' : 'holds no OpenPGP key';
    const { tag, body } = packet;
    if (tag === tags.secretKey || tag === tags.secretSubkey) return 'holds a secret key';
    if (tag === tags.publicKey) {
      const fingerprint = fingerprintOf(body);
      if (fingerprint === undefined) return `holds a key of version ${body[0]}, which apt does not know`;
      keys.push({ fingerprint, createdS: body.readUInt32BE(1), own: [] });
    }
    const key = keys.at(-1);
    const own = key && tag === tags.signature ? selfSignature(body, key.fingerprint) : undefined;
    if (own) key!.own.push(own);
  }
  if (keys.length === 0) return 'holds no OpenPGP key';
  const shown = keys.map(({ fingerprint, createdS, own }) => {
    const lifetimeS = lifetimeOf(own);
    return { fingerprint, ...(lifetimeS > 0 && { expiresS: createdS + lifetimeS }) };
  });
  return { keys: shown, bytes, isArmoured };
}

/** Returns how long a key lives: by its newest signature of a name, else by the newest one of the key alone; 0 = forever. */
function lifetimeOf(own: readonly SelfSignature[]): number {
  const newest = (isDirect: boolean) =>
    own
      .filter(each => each.isDirect === isDirect)
      .toSorted((a, b) => a.createdS - b.createdS)
      .at(-1);
  return newest(false)?.lifetimeS || newest(true)?.lifetimeS || 0;
}

/** Returns the bytes of a block of ASCII armour, or undefined if its checksum is wrong. The checksum may be missing. */
function unarmoured(block: string): Buffer | undefined {
  const [, base64 = '', checksum] = /^([\s\S]*?)(?:\n=([A-Za-z0-9+/]{4}))?\s*$/.exec(block) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (checksum === undefined) return bytes;
  return Buffer.from(checksum, 'base64').readUIntBE(0, 3) === crc24(bytes) ? bytes : undefined;
}

function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x800000 ? 0x1864cfb : 0);
  }
  return crc & 0xffffff;
}

/** Yields the packets, and undefined at the first damage. Packets of a key have a definite length. */
function* packetsOf(bytes: Buffer): Generator<{ tag: number; body: Buffer } | undefined> {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const isNew = (first & 0x40) !== 0;
    const size = isNew ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, first & 3);
    const start = at + 1 + (size?.octets ?? 0);
    if (first < 0x80 || size === undefined || start + size.length > bytes.length) return yield undefined;
    at = start + size.length;
    yield { tag: isNew ? first & 0x3f : (first >> 2) & 0xf, body: bytes.subarray(start, at) };
  }
}

const octetsAt = (bytes: Buffer, at: number, octets: number) =>
  at + octets <= bytes.length ? { octets, length: bytes.readUIntBE(at, octets) } : undefined;

/** Returns the length at a place, in the form of new packets and of the parts of a signature. */
function newLength(bytes: Buffer, at: number, widest = 224): { octets: number; length: number } | undefined {
  const first = bytes[at] ?? 224;
  if (first < 192) return { octets: 1, length: first };
  if (first < widest && at + 1 < bytes.length)
    return { octets: 2, length: ((first - 192) << 8) + bytes[at + 1]! + 192 };
  const long = first === 255 ? octetsAt(bytes, at + 1, 4) : undefined;
  return long && { ...long, octets: 5 };
}

const oldLength = (bytes: Buffer, at: number, type: number) =>
  type === 3 ? undefined : octetsAt(bytes, at, [1, 2, 4][type]!);

function fingerprintOf(body: Buffer): string | undefined {
  const version = body[0];
  if (body.length < 6 || (version !== 4 && version !== 6)) return undefined;
  const head = Buffer.alloc(version === 4 ? 3 : 5);
  head[0] = version === 4 ? 0x99 : 0x9b;
  head.writeUIntBE(body.length, 1, head.length - 1);
  return createHash(version === 4 ? 'sha1' : 'sha256')
    .update(head)
    .update(body)
    .digest('hex')
    .toUpperCase();
}

/** A signature of a key for itself. */
interface SelfSignature {
  createdS: number;
  /** How long the key lives from its creation; 0 = forever. */
  lifetimeS: number;
  /** Whether it signs the key alone, not one of its names. */
  isDirect: boolean;
}

/** Returns a signature of a key for itself, or undefined for every other signature. */
function selfSignature(body: Buffer, fingerprint: string): SelfSignature | undefined {
  const [version, type = 0] = body;
  const isOfKey = (type >= 0x10 && type <= 0x13) || type === 0x1f;
  if ((version !== 4 && version !== 6) || !isOfKey) return undefined;
  const hashed = octetsAt(body, 4, version === 4 ? 2 : 4);
  const start = 4 + (hashed?.octets ?? 0);
  const unhashed = hashed && octetsAt(body, start + hashed.length, hashed.octets);
  if (hashed === undefined || unhashed === undefined) return undefined;
  const signed = subpacketsOf(body.subarray(start, start + hashed.length));
  const from = start + hashed.length + unhashed.octets;
  const all = new Map([...subpacketsOf(body.subarray(from, from + unhashed.length)), ...signed]);
  const issuer = all.get(33)?.subarray(1) ?? all.get(16);
  const isOwn = issuer !== undefined && fingerprint.includes(issuer.toString('hex').toUpperCase());
  const seconds = (kind: number) => (signed.get(kind)?.length === 4 ? signed.get(kind)!.readUInt32BE(0) : 0);
  return isOwn ? { createdS: seconds(2), lifetimeS: seconds(9), isDirect: type === 0x1f } : undefined;
}

/** Returns the parts of a signature by their types: 2 = time, 9 = lifetime of the key, 16 and 33 = the key that signed. */
function subpacketsOf(bytes: Buffer): Map<number, Buffer> {
  const parts = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const size = newLength(bytes, at, 255);
    if (size === undefined) break;
    at += size.octets;
    parts.set((bytes[at] ?? 0) & 0x7f, bytes.subarray(at + 1, at + size.length));
    at += size.length;
  }
  return parts;
}
