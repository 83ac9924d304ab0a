import { existsSync, statSync } from 'node:fs';
import { type Place, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { isMap, type Plain, Secret, Unknown, type Value } from '../value.ts';
import { readText } from './files.ts';
import { type Doc, type Path, parseYaml } from './parse.ts';
import type { Problems } from './problems.ts';

/** Beginnings of encrypted files, and what they are called. */
const encrypted: readonly [RegExp, string][] = [
  [/^age-encryption\.org\//, 'age'],
  [/^-----BEGIN AGE ENCRYPTED FILE-----/, 'age'],
  [/^\$ANSIBLE_VAULT;/, 'Ansible Vault'],
  [/^-----BEGIN PGP MESSAGE-----/, 'PGP'],
  [/^sops:|^"sops":/m, 'SOPS'],
];

/**
 * Reads a file of secrets: a YAML map of texts, nested at will. Every scalar becomes a Secret called by its path.
 * Problems never hold a line of the file. Without the file they are Unknown, so that nothing else is wrong for it.
 */
export function readSecrets(
  file: string,
  shown: string,
  at: Place,
  problems: Problems,
): { [key: string]: Value } | Unknown {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) {
    const example = (path: string) => path.replace(/(\.\w+)?$/, '.example$1');
    const from = existsSync(example(file)) ? example(shown) : '/dev/null';
    problems.report(
      'file-missing',
      `The file of secrets "${shown}" does not exist.`,
      at,
      `Create it, readable by you alone:\n    ${shellCommand(['install', '-m', '600', from, shown])}`,
    );
    return new Unknown(shown);
  }
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    problems.report(
      'insecure-file',
      `Other accounts can get at the secrets in "${shown}": its mode is ${mode}.`,
      at,
      `chmod 600 ${shown}`,
    );
  }
  const text = problems.attempt(() => readText(file, shown, at)) ?? '';
  const format = encrypted.find(([beginning]) => beginning.test(text))?.[1];
  if (format !== undefined) {
    problems.report(
      'not-supported',
      `"${shown}" is encrypted with ${format}, which cannot be read yet.`,
      at,
      'Use a plain YAML file of mode 0600 that is kept out of version control.',
    );
    return {};
  }
  const doc = silently(problems, () => parseYaml(text, shown));
  if (doc === undefined || doc.data === null) return {};
  if (!isMap(doc.data)) {
    problems.report(
      'wrong-type',
      'A file of secrets is a map of names and texts.',
      withoutText(doc.place([])),
    );
    return {};
  }
  return secretsOf(doc, [], doc.data as Plain) as { [key: string]: Value };
}

function secretsOf(doc: Doc, path: Path, data: Plain): Value {
  if (Array.isArray(data)) return data.map((element, index) => secretsOf(doc, [...path, index], element));
  if (isMap(data)) {
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, secretsOf(doc, [...path, key], value as Plain)]),
    );
  }
  // The source of a number keeps what its value loses, such as leading zeros.
  return new Secret(doc.source(path) ?? String(data ?? ''), `secrets.${path.join('.')}`);
}

/** Notes problems without the source lines in them: they may hold secrets, and so may what a parser quotes. */
function silently<T>(problems: Problems, work: () => T): T | undefined {
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

function withoutText({ file, line, column }: Place): Place {
  return { file, line, column };
}
