import { fingerprint, hashedName, keyType } from '../util/ssh-formats.ts';

/** A public key of SSH, as a text. */
export interface SshKey {
  type: string;
  base64: string;
}

/** Returns the key of these two words, or undefined if its data is not that of a key of the type. */
export function sshKey(type: string, base64: string): SshKey | undefined {
  const blob = Buffer.from(base64, 'base64');
  return blob.length > 8 && keyType(blob) === type ? { type, base64: blob.toString('base64') } : undefined;
}

/** Returns the type of a key and its fingerprint, as ssh-keygen shows them. */
export const shownKey = ({ type, base64 }: SshKey): string =>
  `${type} ${fingerprint(Buffer.from(base64, 'base64'))}`;

/** Whether a text such as `|1|SALT|HASH` in known_hosts stands for a name. */
export const isHashOf = (hashed: string, name: string): boolean =>
  hashedName(name, Buffer.from(hashed.split('|')[2] ?? '', 'base64')) === hashed;
