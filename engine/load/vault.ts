import { type Place, ProblemError } from '../problem.ts';
import type { Secret } from '../value.ts';

/** Whether a text is one that `ansible-vault` has encrypted. */
export function isVault(text: string): boolean {
  return /^\s*\$ANSIBLE_VAULT;/.test(text);
}

/** The secret that was encrypted with Ansible Vault. Throws a ProblemError. */
export function openVault(_sealed: string, at: Place): Secret {
  throw new ProblemError({
    code: 'not-supported',
    message: 'This value is encrypted with Ansible Vault, which cannot be read yet.',
    hint: 'Move it to a file of secrets, and name that under secrets: of the playbook.',
    at,
  });
}
