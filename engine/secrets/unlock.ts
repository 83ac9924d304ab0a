import { dirname } from 'node:path';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import { shellQuote } from '../quote.ts';
import { runProgram } from '../util/child-process.ts';
import { Problems } from '../util/problem-collector.ts';
import { readBounded } from '../util/read-bounded.ts';
import { isMap } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { playbookDoc } from '../yaml/playbook-document.ts';
import { shownPath } from '../yaml/source-files.ts';
import { ageDecrypt, type Lock } from './age.ts';
import type { Keys } from './age-identities.ts';
import { FileKey } from './file-key.ts';
import { sealedFile } from './sealed.ts';
import { keyOf, type SecretSource, secretSources } from './secret-sources.ts';
import { isVault, openVault, vaultProblem } from './vault.ts';

/** The keys and passphrases that open secrets. */
export interface Openers {
  /** Returns the keys; called at the first encrypted file. Throws a ProblemError. */
  keys(): Keys;
  /** Returns the password of Ansible Vault, if there is one. Throws a ProblemError. */
  vaultPassword(): string | undefined;
}

/** By source: the key of its file, its clear text, or the problem of opening it. Plain files are missing. */
export type Unlocked = ReadonlyMap<string, FileKey | string | Problem>;

/**
 * Opens the sources under `secrets:` of a playbook that need keys or programs, each once. It never rejects: loading the
 * playbook reports its problems.
 */
export async function unlock(playbook: string, openers: Openers): Promise<Unlocked> {
  const doc = new Problems().attempt(() => playbookDoc(playbook));
  const folder = dirname(playbook);
  const found = new Map<string, FileKey | string | Problem>();
  for (const source of doc === undefined ? [] : sourcesOf(doc)) {
    const key = keyOf(source, folder);
    if (found.has(key)) continue;
    try {
      const opened =
        'command' in source
          ? await outputOf(source.command, source.timeoutS, folder)
          : await openFile(key, openers);
      if (opened !== undefined) found.set(key, opened);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      found.set(key, problemsOf(thrown)[0]!);
    }
  }
  return found;
}

/** Whether age or Ansible Vault encrypted a file as a whole, including its names. */
export function isEncryptedWhole(text: string): boolean {
  return /^(age-encryption\.org\/|\s*-----BEGIN AGE ENCRYPTED FILE-----)/.test(text) || isVault(text);
}

function sourcesOf(doc: Doc): SecretSource[] {
  const plays = doc.get(['plays']);
  const paths = Array.isArray(plays) ? plays.map((_, index) => ['plays', index]) : [[]];
  return paths.flatMap(path => secretSources(doc, [...path, 'secrets']));
}

async function openFile(file: string, openers: Openers): Promise<FileKey | string | undefined> {
  let bytes: Buffer;
  try {
    bytes = readBounded(file);
  } catch {
    return undefined;
  }
  const shown = shownPath(file);
  const text = bytes.toString('utf8');
  if (isVault(text)) return vaultText(text, shown, openers);
  if (isEncryptedWhole(text)) {
    const clear = await ageDecrypt(bytes, openers.keys());
    if (clear === undefined) throw locked(shown, openers.keys());
    return clear.toString();
  }
  const doc = new Problems().attempt(() => parseYaml(text, shown));
  if (doc === undefined || !isMap(doc.data)) return undefined;
  const sealed = sealedFile(doc, text);
  if (sealed !== undefined) return fileKeyOf(sealed, openers.keys());
  if (isMap(doc.data['sops'])) return outputOf(['sops', '-d', file], 60, dirname(file));
  return undefined;
}

/** Returns the key of an encrypted file. Rejects with a ProblemError if no key opens it. */
export async function fileKeyOf(
  { wrapped, lock, file }: { wrapped: string; lock: Lock; file: string },
  keys: Keys,
): Promise<FileKey> {
  const bytes = await ageDecrypt(Buffer.from(wrapped), keys);
  if (bytes === undefined) throw locked(file, keys, lock);
  return new FileKey(bytes);
}

function locked(file: string, { places, passphrase }: Keys, lock?: Lock): ProblemError {
  if (lock === 'passphrase')
    return new ProblemError({
      code: 'secrets-locked',
      message:
        passphrase === undefined
          ? `The secrets in "${file}" are locked by a passphrase.`
          : `The passphrase does not open the secrets in "${file}".`,
      hint:
        passphrase === undefined
          ? 'Give --ask-secrets-pass to be asked for it.'
          : 'Try again with another one.',
    });
  const holders =
    lock === undefined
      ? ''
      : `\nIt opens for:\n${lock.map(each => `    ${each}`).join('\n')}\nSomebody with one of these keys can add yours:\n    reconcile secrets rotate ${shellQuote(file)}${lock.map(each => ` -r ${shellQuote(each)}`).join('')} -r YOUR_RECIPIENT`;
  return new ProblemError({
    code: 'secrets-locked',
    message: `None of your keys opens the secrets in "${file}".`,
    hint: `Looked for keys in:\n${places.map(place => `    ${place}`).join('\n')}\nA key in another file: set RECONCILE_AGE_KEY_FILE to its path.${holders}`,
  });
}

function vaultText(text: string, file: string, openers: Openers): string {
  const password = openers.vaultPassword();
  const clear = password === undefined ? undefined : openVault(text, password);
  if (clear === undefined) throw new ProblemError(vaultProblem(file, password));
  return clear;
}

async function outputOf(command: readonly string[], timeoutS: number, cwd: string): Promise<string> {
  const { exit, how, stdout, stderr } = await runProgram(command, { cwd, timeoutMs: timeoutS * 1000 });
  const text = stdout.toString();
  if (exit === 0 && text.trim() !== '') return text;
  const cause = stderr.toString().trim();
  throw new ProblemError({
    code: 'secrets-locked',
    message: `"${command[0]}", which gives secrets, ${exit === 0 ? 'printed nothing' : how}.`,
    ...(cause !== '' && { cause }),
  });
}
