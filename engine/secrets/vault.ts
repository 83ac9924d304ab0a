import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import type { Problem } from '../problem.ts';

/** Whether Ansible Vault encrypted a text, as a file or after `!vault`. */
export function isVault(text: string): boolean {
  return /^\s*\$ANSIBLE_VAULT;/.test(text);
}

/** Decrypts a text of Ansible Vault. Returns undefined if the password is wrong or the text is incomplete. */
export function openVault(text: string, password: string): string | undefined {
  const [header = '', ...lines] = text.trim().split(/\s*\n\s*/);
  const [, version, cipherName] = header.split(';');
  if (!/^1\.[12]$/.test(version ?? '') || cipherName !== 'AES256') return undefined;
  const inner = Buffer.from(lines.join(''), 'hex').toString('latin1').split('\n');
  const [salt, mac, sealed] = inner.map(part => Buffer.from(part, 'hex'));
  if (salt === undefined || mac === undefined || sealed === undefined) return undefined;
  const derived = pbkdf2Sync(password, salt, 10_000, 80, 'sha256');
  const own = createHmac('sha256', derived.subarray(32, 64)).update(sealed).digest();
  if (own.length !== mac.length || !timingSafeEqual(own, mac)) return undefined;
  const decipher = createDecipheriv('aes-256-ctr', derived.subarray(0, 32), derived.subarray(64));
  const padded = Buffer.concat([decipher.update(sealed), decipher.final()]);
  return padded.subarray(0, padded.length - padded.at(-1)!).toString();
}

/** Returns the problem of a text of Ansible Vault in `file` that could not be opened. */
export function vaultProblem(file: string, password: string | undefined): Problem {
  return {
    code: 'secrets-locked',
    message:
      password === undefined
        ? `"${file}" is encrypted by Ansible Vault, and no password is given.`
        : `The password does not open what Ansible Vault encrypted in "${file}".`,
    hint:
      password === undefined
        ? 'Give --ask-secrets-pass, or name a file with the password in RECONCILE_VAULT_PASSWORD_FILE.'
        : 'Try again with the password of this file. It comes from --ask-secrets-pass, or else from the file that RECONCILE_VAULT_PASSWORD_FILE names.',
  };
}
