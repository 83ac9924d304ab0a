import type { Encrypter } from 'age-encryption';
import { ProblemError } from '../problem.ts';
import type { Keys } from './age-identities.ts';
import { sshPublicKey } from './ssh-keys.ts';
import { sshIdentity, sshRecipient } from './ssh-recipients.ts';

/** What a file of secrets is locked with: a passphrase, or keys, of which each opens it. */
export type Lock = 'passphrase' | readonly string[];

// It takes 100 ms to load, so that only who has encrypted files pays for it.
const library = () => import('age-encryption');

/** Encrypts bytes with age, as the armored text that the age program reads, too. Throws a ProblemError. */
export async function ageEncrypt(bytes: Uint8Array, lock: Lock, passphrase?: string): Promise<string> {
  const { armor, Encrypter } = await library();
  const encrypter = new Encrypter();
  if (lock === 'passphrase') encrypter.setPassphrase(passphrase!);
  else for (const recipient of lock) await addRecipient(encrypter, recipient);
  return armor.encode(await encrypter.encrypt(bytes));
}

/** Decrypts what `ageEncrypt` or age itself made, armored or not; undefined when none of the keys opens it. */
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
      message: `What age encrypted is damaged: ${message}.`,
    });
  }
}

/** The recipient of an age identity; throws a ProblemError when it is none. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await library();
  try {
    return await identityToRecipient(identity);
  } catch {
    throw new ProblemError({
      code: 'invalid-value',
      message: 'An age key is not whole: it does not stand for a recipient.',
    });
  }
}

/** A new age key pair. */
export async function newKeyPair(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity } = await library();
  const identity = await generateX25519Identity();
  return { identity, recipient: await recipientOf(identity) };
}

/** Throws a ProblemError unless secrets can be encrypted to `recipient`. */
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
      hint: 'Take an ssh-ed25519 or ssh-rsa key, or an age key: reconcile secrets init',
    });
  }
}
