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
  if (last?.file !== file || last.text !== text) last = { file, text, doc: parseYaml(text, file) };
  return last.doc;
}
