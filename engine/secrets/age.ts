import type { Encrypter } from 'age-encryption';
import { ProblemError } from '../problem.ts';
import type { Keys } from './age-identities.ts';
import { sshPublicKey } from './ssh-keys.ts';
import { sshIdentity, sshRecipient } from './ssh-recipients.ts';

/** The lock of a file of secrets: a passphrase, or several keys, each of which opens it. */
export type Lock = 'passphrase' | readonly string[];

// age takes 100 ms to load, so it is loaded only for encrypted files.
const library = () => import('age-encryption');

/** Encrypts bytes with age, as armored text that the age program can read. Throws a ProblemError. */
export async function ageEncrypt(bytes: Uint8Array, lock: Lock, passphrase?: string): Promise<string> {
  const { armor, Encrypter } = await library();
  const encrypter = new Encrypter();
  if (lock === 'passphrase') encrypter.setPassphrase(passphrase!);
  else for (const recipient of lock) await addRecipient(encrypter, recipient);
  return armor.encode(await encrypter.encrypt(bytes));
}

/** Decrypts an armored or binary age file. Returns undefined if no key opens it. */
export async function ageDecrypt(file: Uint8Array, keys: Keys): Promise<Buffer | undefined> {
  const { armor, Decrypter } = await library();
  const decrypter = new Decrypter();
  for (const identity of keys.age) decrypter.addIdentity(identity);
  for (const pair of keys.ssh) decrypter.addIdentity(sshIdentity(pair));
  if (keys.passphrase !== undefined) decrypter.addPassphrase(keys.passphrase);
  try {
    const text = Buffer.from(file).toString('latin1');
    const bytes = text.trimStart().startsWith('-----BEGIN') ? armor.decode(text) : file;
    return Buffer.from(await decrypter.decrypt(bytes));
  } catch (thrown) {
    const { message } = thrown as Error;
    if (/no identity matched/.test(message)) return undefined;
    throw new ProblemError({
      code: 'secrets-damaged',
      message: `The age file is damaged: ${message}.`,
    });
  }
}

/** Returns the recipient of an age identity. Throws a ProblemError for any other text. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await library();
  try {
    return await identityToRecipient(identity);
  } catch {
    throw new ProblemError({
      code: 'invalid-value',
      message: 'An age key is incomplete: it has no recipient.',
    });
  }
}

/** Creates an age key pair. */
export async function newKeyPair(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity } = await library();
  const identity = await generateX25519Identity();
  return { identity, recipient: await recipientOf(identity) };
}

/** Throws a ProblemError unless `recipient` is valid. */
export async function checkRecipient(recipient: string): Promise<void> {
  const { Encrypter } = await library();
  await addRecipient(new Encrypter(), recipient);
}

async function addRecipient(encrypter: Encrypter, recipient: string): Promise<void> {
  const { Stanza } = await library();
  const ssh = sshPublicKey(recipient);
  try {
    encrypter.addRecipient(ssh === undefined ? recipient : sshRecipient(ssh, Stanza));
  } catch {
    const other = /^(sk-|ecdsa-|ssh-dss)\S*/.exec(recipient)?.[0];
    throw new ProblemError({
      code: 'invalid-value',
      message:
        other === undefined
          ? `"${recipient}" is neither an age recipient (age1…) nor an SSH public key (ssh-ed25519 AAAA…).`
          : `Secrets cannot be encrypted to an SSH key of type ${other}.`,
      hint: 'Take an ssh-ed25519 or ssh-rsa key, or an age key, which `reconcile secrets init NEW_FILE` makes.',
    });
  }
}
