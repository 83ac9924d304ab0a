import { homedir } from 'node:os';
import { join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { readFile } from '../util/read-file.ts';
import { statOf } from '../util/stat.ts';
import { type SshKeyPair, sshKeyPair } from './ssh-keys.ts';

/** The keys that open files of secrets. */
export interface Keys {
  /** Age identities, `AGE-SECRET-KEY-1…`. */
  age: readonly string[];
  ssh: readonly SshKeyPair[];
  passphrase: string | undefined;
  /** The places that were searched for keys, in words. */
  places: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/** Returns the file of the user's own age key. */
export function ownKeyFile(env: Env): string {
  return (
    env['RECONCILE_AGE_KEY_FILE'] ||
    join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'reconcile/age.key')
  );
}

/** Finds the keys of the user. Throws a ProblemError for a key file that cannot be trusted or read. */
export function findKeys(env: Env, passphrase?: string): Keys {
  const age: string[] = [];
  const ssh: SshKeyPair[] = [];
  const places: string[] = [];
  const given = env['RECONCILE_AGE_KEY'];
  if (given) {
    age.push(...identitiesIn(given, 'RECONCILE_AGE_KEY'));
    places.push('RECONCILE_AGE_KEY');
  }
  const file = ownKeyFile(env);
  const text = readKey(file, Boolean(env['RECONCILE_AGE_KEY_FILE']));
  if (text !== undefined) age.push(...identitiesIn(text, file));
  places.push(text === undefined ? `${file} (not there)` : file);
  for (const name of ['id_ed25519', 'id_rsa']) {
    const path = join(env['HOME'] || homedir(), '.ssh', name);
    const pair = sshKeyPair(readKey(path, false) ?? '');
    if (typeof pair === 'object') ssh.push(pair);
    if (pair !== undefined)
      places.push(pair === 'protected' ? `${path} (passed over: it has a passphrase)` : path);
  }
  if (passphrase !== undefined) places.push('the passphrase');
  return { age, ssh, passphrase, places };
}

function identitiesIn(text: string, where: string): string[] {
  const found = text.match(/^AGE-SECRET-KEY-\S+$/gm);
  if (found === null)
    throw new ProblemError({
      code: 'invalid-value',
      message: `${where} holds no age key; one is a line that begins with AGE-SECRET-KEY-.`,
    });
  return found;
}

function readKey(file: string, must: boolean): string | undefined {
  const stat = statOf(file);
  if (stat === undefined && must)
    throw new ProblemError({ code: 'file-missing', message: `The age key file "${file}" does not exist.` });
  if (!stat?.isFile()) return undefined;
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0)
    throw new ProblemError({
      code: 'insecure-file',
      message: `Other accounts can access the key in "${file}".`,
      hint: `chmod 600 ${file}`,
    });
  try {
    return readFile(file).toString();
  } catch {
    return undefined;
  }
}
