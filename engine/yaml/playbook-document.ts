import { ProblemError } from '../problem.ts';
import { type Doc, parseYaml } from './document.ts';
import { readText, shownPath } from './source-files.ts';

let last: { file: string; text: string; doc: Doc } | undefined;

/**
 * Returns a playbook as a document, parsed only once: both the opening of its secrets and the loading need it. Throws a
 * ProblemError if it cannot be read, or is not YAML.
 */
export function playbookDoc(path: string): Doc {
  const file = shownPath(path);
  const text = readText(path, file);
  const other = otherFile(text);
  if (other !== undefined) {
    const hint = other.hint.replace('FILE', file);
    throw new ProblemError({ code: 'wrong-type', message: `${file} is ${other.is}, not a playbook.`, hint });
  }
  if (last?.file !== file || last.text !== text) last = { file, text, doc: parseYaml(text, file) };
  return last.doc;
}

/** Returns the kind of a file that this program writes and that is no playbook, and the use of it; undefined for any other. */
export function otherFile(text: string): { is: string; hint: string } | undefined {
  if (/^\s*\{\s*"format":\s*"reconcile plan"/.test(text))
    return { is: 'a saved plan', hint: 'Apply it:\n    reconcile apply FILE' };
  return /^\s*<(?:!|\?|html)/i.test(text)
    ? { is: 'a page or report', hint: 'Open it in a browser, and name the playbook here.' }
    : undefined;
}
