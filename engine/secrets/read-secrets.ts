import { existsSync, statSync } from 'node:fs';
import { type Place, type Problem, ProblemError, withoutText } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { isEncrypted } from '../util/encrypted-text.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain, Secret, Unknown, UnopenedSecret, type Value } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { readText, shownPath } from '../yaml/source-files.ts';
import type { Path } from '../yaml/source-text.ts';
import { FileKey } from './file-key.ts';
import { ownName, sealedFile, unseal } from './sealed.ts';
import { keyOf, type SecretSource } from './secret-sources.ts';
import { isEncryptedWhole, type Unlocked } from './unlock.ts';
import { isVault, openVault, vaultProblem } from './vault.ts';

type Values = { [key: string]: Value };

/** The context for reading secrets. */
export interface SecretReading {
  /** The folder of the playbook. */
  folder: string;
  unlocked: Unlocked;
  vaultPassword: string | undefined;
}

/**
 * Reads one source of secrets: a YAML map of texts at any depth. Every scalar becomes a Secret, labelled by its path.
 * Problems never hold a line of it. A secret that cannot be opened is UnopenedSecret; a missing file is Unknown as a whole.
 */
export function readSecrets(
  source: SecretSource,
  reading: SecretReading,
  problems: Problems,
): Values | Unknown {
  const key = keyOf(source, reading.folder);
  const opened = reading.unlocked.get(key);
  const shown = 'command' in source ? `${source.command[0]} …` : shownPath(key);
  const lockedBy = () =>
    opened instanceof FileKey || typeof opened !== 'object' ? notOpened(shown) : opened;
  if ('command' in source && source.as !== undefined && typeof opened === 'string')
    return { [source.as]: new Secret(opened.replace(/\r?\n$/, ''), `secrets.${source.as}`) };
  if (typeof opened === 'string') return valuesOf(opened, shown, reading, problems);
  if ('command' in source) return new UnopenedSecret(`the output of ${shown}`, lockedBy());
  if (!existsSync(key)) return missing(key, shown, source.at, problems);
  const text = problems.attempt(() => readText(key, shown, source.at)) ?? '';
  if (isEncryptedWhole(text)) return new UnopenedSecret(`the key of ${shown}`, lockedBy());
  const doc = silently(problems, () => parseSecrets(text, shown));
  const sealed = doc && problems.attempt(() => sealedFile(doc, text));
  if (sealed === undefined) {
    refuseReadable(key, shown, source.at, problems);
    if (doc === undefined) return {};
    refuseDamaged(doc, text, problems);
    return valuesOf(text, shown, reading, problems);
  }
  if (!(opened instanceof FileKey))
    return namesOf(sealed.doc, new UnopenedSecret(`the key of ${shown}`, lockedBy()));
  const clear = problems.attempt(() => unseal(sealed, opened));
  return clear === undefined ? {} : valuesOf(clear, shown, reading, problems);
}

/** Refuses a file that was cut off: in a value, or behind encrypted values, whose end tells how they are encrypted. */
function refuseDamaged(doc: Doc, text: string, problems: Problems): void {
  if (!isMap(doc.data)) return;
  leaves(doc.data as { [key: string]: Plain }, [], (value, path) => {
    if (value === null && !doc.source(path))
      problems.report(
        'secrets-damaged',
        `"${path.join('.')}" has no value: the file of secrets may have been cut off.`,
        withoutText(doc.place(path)),
        'Write "" for an empty secret.',
      );
    const isLast = typeof value === 'string' && text.endsWith(value);
    if (typeof value === 'string' && isEncrypted(value, isLast))
      problems.report(
        'secrets-damaged',
        `"${path.join('.')}" is encrypted, or the rest of an encrypted value, but the file of secrets lacks its end "${ownName}:" or "sops:".`,
        withoutText(doc.place(path)),
        'Restore the whole file from version control.',
      );
    return '';
  });
}

/** Values that Ansible Vault encrypted one by one have a tag. */
function parseSecrets(text: string, shown: string): Doc {
  return parseYaml(text, shown, /!vault\b/.test(text) ? 'ansible' : 'own');
}

function valuesOf(text: string, shown: string, reading: SecretReading, problems: Problems): Values {
  const doc = silently(problems, () => parseSecrets(text, shown));
  if (doc === undefined || doc.data === null) return {};
  if (!isMap(doc.data)) {
    const message = 'A file of secrets is a map of names and texts.';
    problems.report(
      'wrong-type',
      message,
      withoutText(doc.place([])),
      'Write each on a line of its own: name: value',
    );
    return {};
  }
  return leaves(doc.data as { [key: string]: Plain }, [], (value, path) => {
    // The source of a number has the leading zeros that its value loses.
    const text = doc.source(path) ?? String(value ?? '');
    const label = `secrets.${path.join('.')}`;
    if (!isVault(text)) return new Secret(text, label);
    const { vaultPassword } = reading;
    const clear = vaultPassword === undefined ? undefined : openVault(text, vaultPassword);
    if (clear !== undefined) return new Secret(clear, label);
    return new UnopenedSecret(`the password of ${shown}`, vaultProblem(shown, vaultPassword));
  });
}

/** Returns the clear names of an encrypted file, with the same value for each secret. */
function namesOf(doc: Doc, value: Value): Values {
  const { [ownName]: _, ...names } = doc.data as { [key: string]: Plain };
  return leaves(names, [], () => value);
}

function leaves(
  data: { [key: string]: Plain },
  path: Path,
  value: (leaf: Plain, path: Path) => Value,
): Values {
  const walk = (inner: Plain, at: Path): Value => {
    if (Array.isArray(inner)) return inner.map((element, index) => walk(element, [...at, index]));
    return isMap(inner) ? leaves(inner as typeof data, at, value) : value(inner, at);
  };
  return Object.fromEntries(Object.entries(data).map(([key, inner]) => [key, walk(inner, [...path, key])]));
}

function notOpened(shown: string): Problem {
  return { code: 'secrets-locked', message: `The secrets of "${shown}" were not opened.` };
}

function missing(file: string, shown: string, at: Place, problems: Problems): Unknown {
  const example = (path: string) => path.replace(/(\.\w+)?$/, '.example$1');
  const hint = existsSync(example(file))
    ? `Create it, readable by you alone:\n    ${shellCommand(['install', '-m', '600', example(shown), shown])}`
    : `Create it, encrypted:\n    ${shellCommand(['reconcile', 'secrets', 'init', shown])}`;
  problems.report('file-missing', `The file of secrets "${shown}" does not exist.`, at, hint);
  return new Unknown(shown);
}

function refuseReadable(file: string, shown: string, at: Place, problems: Problems): void {
  const mode = statSync(file).mode & 0o777;
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  problems.report(
    'insecure-file',
    `Other accounts can get at the secrets in "${shown}": its mode is ${mode.toString(8).padStart(4, '0')}.`,
    at,
    `chmod 600 ${shown}`,
  );
}

/** Adds problems without their source lines and without texts that a parser quotes: both may hold secrets. */
export function silently<T>(problems: Problems, work: () => T): T | undefined {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    for (const { at } of thrown.problems) {
      const message = 'This line of the file of secrets is not valid YAML.';
      problems.report(
        'yaml-syntax',
        message,
        at === undefined ? undefined : withoutText(at),
        'Quote every secret that holds more than letters and digits.',
      );
    }
    return undefined;
  }
}
