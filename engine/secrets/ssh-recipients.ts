import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import type { Identity, Recipient, Stanza } from 'age-encryption';
import {
  ed25519Point,
  rsaPublicKey,
  type SshKeyPair,
  type SshPublicKey,
  sshTag,
  unpadded,
} from './ssh-keys.ts';

type StanzaClass = typeof Stanza;

const label = (type: SshPublicKey['type']) => `age-encryption.org/v1/${type}`;
const zeroNonce = Buffer.alloc(12);

/** Encrypts to an SSH key like the age program. `Stanza` is the class of the library. */
export function sshRecipient(key: SshPublicKey, Stanza: StanzaClass): Recipient {
  const tag = sshTag(key);
  if (key.type === 'ssh-rsa') {
    const oaep = rsaOptions(rsaPublicKey(key));
    return { wrapFileKey: fileKey => [new Stanza([key.type, tag], publicEncrypt(oaep, fileKey))] };
  }
  return {
    wrapFileKey(fileKey) {
      const ephemeral = randomBytes(32);
      const [share, theirs] = [x25519(ephemeral, basePoint), montgomery(ed25519Point(key))];
      const wrappingKey = wrappingKeyOf(key, x25519(ephemeral, theirs), share, theirs);
      const cipher = createCipheriv('chacha20-poly1305', wrappingKey, zeroNonce, { authTagLength: 16 });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza([key.type, tag, unpadded(share)], body)];
    },
  };
}

/** Decrypts a file that was encrypted to an SSH key. */
export function sshIdentity(pair: SshKeyPair): Identity {
  const tag = sshTag(pair);
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        if (args[0] !== pair.type || args[1] !== tag) continue;
        const fileKey = pair.type === 'ssh-rsa' ? unwrapRsa(pair, body) : unwrapEd25519(pair, args[2]!, body);
        if (fileKey !== null) return fileKey;
      }
      return null;
    },
  };
}

function rsaOptions(key: KeyObject) {
  const oaepLabel = Buffer.from(`${label('ssh-rsa')}`);
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256', oaepLabel };
}

function unwrapRsa({ secret }: SshKeyPair, body: Uint8Array): Uint8Array | null {
  try {
    return privateDecrypt(rsaOptions(secret as KeyObject), body);
  } catch {
    return null;
  }
}

function unwrapEd25519(pair: SshKeyPair, share: string, body: Uint8Array): Uint8Array | null {
  const theirs = Buffer.from(share, 'base64');
  if (theirs.length !== 32 || body.length !== 32) throw new Error('invalid ssh-ed25519 stanza');
  const scalar = createHash('sha512')
    .update(pair.secret as Buffer)
    .digest()
    .subarray(0, 32);
  const key = wrappingKeyOf(pair, x25519(scalar, theirs), theirs, x25519(scalar, basePoint));
  const decipher = createDecipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: 16 });
  decipher.setAuthTag(body.subarray(16));
  try {
    return Buffer.concat([decipher.update(body.subarray(0, 16)), decipher.final()]);
  } catch {
    return null;
  }
}

/** Binds the shared secret to the SSH key, so that the same point in another kind of key is useless. */
function wrappingKeyOf(key: SshPublicKey, shared: Buffer, share: Buffer, recipient: Buffer): Buffer {
  const tweak = Buffer.from(hkdfSync('sha256', '', key.blob, label(key.type), 32));
  const salt = Buffer.concat([share, recipient]);
  return Buffer.from(hkdfSync('sha256', x25519(tweak, shared), salt, label(key.type), 32));
}

const basePoint = Buffer.from([9, ...new Array<number>(31).fill(0)]);

function x25519(scalar: Buffer, point: Buffer): Buffer {
  const der = (prefix: string, bytes: Buffer) => Buffer.concat([Buffer.from(prefix, 'hex'), bytes]);
  return diffieHellman({
    privateKey: createPrivateKey({
      key: der('302e020100300506032b656e04220420', scalar),
      format: 'der',
      type: 'pkcs8',
    }),
    publicKey: createPublicKey({ key: der('302a300506032b656e032100', point), format: 'der', type: 'spki' }),
  });
}

/** Returns the point of an ed25519 key for X25519: u = (1 + y) / (1 - y). */
function montgomery(point: Buffer): Buffer {
  const p = 2n ** 255n - 19n;
  const y = BigInt(`0x${Buffer.from(point).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  const u = (((1n + y) % p) * power((((1n - y) % p) + p) % p, p - 2n, p)) % p;
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse();
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
