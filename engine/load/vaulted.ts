import { type Place, ProblemError } from '../problem.ts';
import type { Secret } from '../value.ts';

/** The secret in a value of an inventory that is tagged `!vault`. Throws a ProblemError. */
export function vaultedSecret(_sealed: string, at: Place): Secret {
  throw new ProblemError({
    code: 'not-supported',
    message: 'This value is encrypted with Ansible Vault, which can be read in files of secrets alone.',
    hint: 'Move it to a file that `ansible-vault` encrypts, and name that under secrets: of the playbook.',
    at,
  });
}
