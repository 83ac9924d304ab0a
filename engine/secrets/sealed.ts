import { type Problem, ProblemError, withoutText } from '../problem.ts';
import { shellQuote } from '../quote.ts';
import { isMap, type Plain } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { rewritten, type ScalarText, scalarsOf, usualStyle, type Written } from '../yaml/scalars.ts';
import type { Path } from '../yaml/source-text.ts';
import type { Lock } from './age.ts';
import { type FileKey, isSealed } from './file-key.ts';

/** The one name in a file of secrets that is no secret: the encryption of the file. */
export const ownName = 'reconcile';
const version = 1;
const remark = '# How this file is encrypted. It is changed with: reconcile secrets edit';

/** A file of secrets with each value encrypted. Keys and comments are in clear. */
export interface SealedFile {
  file: string;
  doc: Doc;
  text: string;
  lock: Lock;
  /** The key of the file, encrypted by age. */
  wrapped: string;
}

type Fields = { [key: string]: Plain };

/** Reads the encryption of a file. Returns undefined for any other file. Throws a ProblemError if the file is damaged. */
export function sealedFile(doc: Doc, text: string): SealedFile | undefined {
  const own = doc.get([ownName]);
  if (own === undefined) return undefined;
  const fields = isMap(own) ? (own as Fields) : {};
  const { secrets, recipients, passphrase, key, mac } = fields;
  if (typeof secrets === 'number' && secrets > version)
    throw damaged(doc, `is of version ${secrets} of its format, and this program knows version ${version}`);
  const lock = passphrase === true ? 'passphrase' : recipients;
  if (secrets !== version || typeof key !== 'string' || typeof mac !== 'string' || !isLock(lock))
    throw damaged(doc, `does not say whole under "${ownName}:" how it is encrypted`);
  return { file: doc.file, doc, text, lock, wrapped: key };
}

function isLock(lock: unknown): lock is Lock {
  return lock === 'passphrase' || (Array.isArray(lock) && lock.every(each => typeof each === 'string'));
}

/**
 * Returns the secrets of a file in clear. Throws a ProblemError if the file differs from the one that reconcile wrote. With
 * `merged`, it accepts clear values, and throws only for a value of another key or place.
 */
export function unseal(sealed: SealedFile, key: FileKey, merged = false): string {
  const { doc, text } = sealed;
  const own = doc.get([ownName]) as Fields;
  if (!merged && !key.vouches(vouched(doc), own['mac'] as string)) {
    throw damaged(
      doc,
      'was changed by something else than reconcile: a value, a name or a recipient was added, removed or put back',
    );
  }
  const lines = text.split('\n');
  const end = doc.place([ownName], 'key').line - 1;
  const clear = lines.slice(0, lines[end - 1] === remark ? end - 1 : end).join('\n');
  return rewritten(clear === '' ? '' : `${clear}\n`, scalar => {
    const { path, text: value } = scalar;
    if (merged && !isSealed(value)) return scalar;
    const opened = openedBy(key, path, value);
    if (opened === undefined)
      throw damaged(
        doc,
        `has a value at "${path.join('.')}" that does not belong there: it was encrypted for another name or file`,
        `Give it back its former name, or write the secret in clear in its place, then:\n    reconcile secrets edit --merged ${shellQuote(doc.file)}`,
        path,
      );
    return opened;
  });
}

/**
 * Returns the encrypted text of a file of secrets. A value that is unchanged since `before`, which is in clear, keeps its
 * encrypted form. Throws a ProblemError for a text that cannot be encrypted.
 */
export function seal(
  clear: string,
  key: FileKey,
  { lock, wrapped }: Pick<SealedFile, 'lock' | 'wrapped'>,
  before?: { clear: string; sealed: SealedFile },
): string {
  const old = before === undefined ? new Map<string, string>() : formsOf(before.clear, before.sealed);
  const body = rewritten(clear, scalar => ({
    text: old.get(form(scalar)) ?? sealedBy(key, scalar),
    style: 'text',
  }));
  const own = [
    remark,
    `${ownName}:`,
    `  secrets: ${version}`,
    ...(lock === 'passphrase'
      ? ['  passphrase: true']
      : ['  recipients:', ...lock.map(each => `    - ${each}`)]),
    '  key: |',
    ...wrapped
      .trim()
      .split('\n')
      .map(line => `    ${line}`),
  ];
  const whole = `${body.trimEnd()}${body.trim() === '' ? '' : '\n'}${own.join('\n')}\n`;
  const doc = parseYaml(`${whole}  mac: ""\n`, 'the encrypted file');
  return `${whole}  mac: ${key.mac(vouched(doc))}\n`;
}

/** Returns the problems of a clear text that cannot be encrypted. Their places have no source lines. */
export function sealingProblems(clear: string, file: string): Problem[] {
  let doc: Doc;
  try {
    doc = parseYaml(clear, file);
    const alias = aliasIn(clear);
    if (doc.data !== null && (!isMap(doc.data) || /^\s*(---\s*)?\{/.test(clear.replace(/^\s*#.*$/gm, ''))))
      return [wrong(doc, [], 'A file of secrets is a map of names and texts, each on a line of its own.')];
    if (alias) return [wrong(doc, [], 'Aliases (*name) cannot be encrypted: write the value out.')];
    if (isMap(doc.data) && Object.hasOwn(doc.data, ownName))
      return [
        wrong(doc, [ownName], `"${ownName}" is no name for a secret: it says how a file is encrypted.`),
      ];
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return thrown.problems.map(({ code, message, hint, at }) => ({
      code,
      // The parser may quote the line, which may hold a secret.
      message: /^"|duplicate|already set/.test(message) ? message : 'This is not valid YAML.',
      hint: hint ?? 'Quote every secret that holds more than letters and digits.',
      ...(at && { at: withoutText(at) }),
    }));
  }
}

function wrong(doc: Doc, path: Path, message: string): Problem {
  const { file, line, column } = doc.place(path, 'key');
  return { code: 'wrong-type', message, at: { file, line, column } };
}

function aliasIn(clear: string): boolean {
  try {
    scalarsOf(clear);
    return false;
  } catch {
    return true;
  }
}

/** Returns the encrypted form of each value of `clear`, by its path and text. */
function formsOf(clear: string, { text }: SealedFile): Map<string, string> {
  const sealed = new Map(scalarsOf(text).map(scalar => [JSON.stringify(scalar.path), scalar.text]));
  return new Map(
    scalarsOf(clear).flatMap(scalar => {
      const encrypted = sealed.get(JSON.stringify(scalar.path));
      return encrypted !== undefined && isSealed(encrypted) ? [[form(scalar), encrypted]] : [];
    }),
  );
}

function form({ path, text, style }: ScalarText): string {
  return JSON.stringify([path, text, style]);
}

/** Seals a text, together with its style if that is not the default style of the text. */
function sealedBy(key: FileKey, { path, text, style }: ScalarText): string {
  return key.seal(path, text, style === usualStyle(text) ? undefined : style);
}

function openedBy(key: FileKey, path: Path, sealed: string): Written | undefined {
  for (const style of [undefined, 'quoted', 'bare', 'text'] as const) {
    const text = key.open(path, sealed, style);
    if (text !== undefined) return { text, style: style ?? usualStyle(text) };
  }
  return undefined;
}

/** Returns the content for the MAC: everything but the MAC itself. */
function vouched(doc: Doc): Plain {
  const { [ownName]: own, ...values } = doc.data as Fields;
  const { mac: _, ...rest } = own as Fields;
  return { ...values, [ownName]: rest };
}

function damaged(doc: Doc, what: string, remedy?: string, path: Path = [ownName]): ProblemError {
  const { file, line, column } = doc.place(path, 'key');
  return new ProblemError({
    code: 'secrets-damaged',
    message: `The file of secrets "${file}" ${what}.`,
    at: { file, line, column },
    hint:
      remedy ??
      `Restore an earlier copy of the file. If it was changed on purpose, look at the changes, then:\n    reconcile secrets edit --merged ${shellQuote(file)}`,
  });
}
