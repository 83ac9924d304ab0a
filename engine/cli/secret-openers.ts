import { ProblemError } from '../problem.ts';
import type { Keys } from '../secrets/age-identities.ts';
import type { Openers } from '../secrets/unlock.ts';
import { readFile } from '../util/read-file.ts';
import type { Io } from './io.ts';
import { askOnTerminal } from './prompt.ts';

/** Returns the keys and passphrases of the user, which open secrets. With `question`, asks once for a passphrase. */
export async function secretOpeners(io: Io, question?: string): Promise<Openers> {
  const passphrase = question === undefined ? undefined : await askPassphrase(question, io);
  const { findKeys } = await import('../secrets/age-identities.ts');
  let keys: Keys | undefined;
  return {
    keys: () => (keys ??= findKeys(io.env, passphrase)),
    vaultPassword: () => passphrase ?? passwordFile(io.env['RECONCILE_VAULT_PASSWORD_FILE']),
  };
}

/** Asks for a passphrase without showing it. Rejects with a ProblemError if nobody can answer. */
export async function askPassphrase(question: string, io: Io): Promise<string> {
  const typed = await askOnTerminal(io, question);
  if (typed) return typed;
  throw new ProblemError({
    code: 'usage',
    message:
      typed === undefined
        ? 'A passphrase is asked for, but nobody can answer: standard input is not a terminal.'
        : 'An empty passphrase opens nothing.',
  });
}

function passwordFile(file: string | undefined): string | undefined {
  if (!file) return undefined;
  try {
    return readFile(file).toString().trim();
  } catch {
    const message = `RECONCILE_VAULT_PASSWORD_FILE names "${file}", which cannot be read.`;
    throw new ProblemError({ code: 'file-missing', message });
  }
}
