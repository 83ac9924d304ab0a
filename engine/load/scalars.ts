import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import type { Path } from './parse.ts';
import { keyText } from './yaml-reader.ts';

/** A scalar value as it stands in a text. */
export interface ScalarText {
  path: Path;
  /** Unquoted numbers and words as they are written, everything else as it reads. */
  text: string;
  /** Offsets of where it begins, and of what comes after it. */
  start: number;
  end: number;
  /** How deep the map or list around it is indented; undefined inside `{}` and `[]`. */
  indent: number | undefined;
}

/**
 * The scalar values of a YAML text that `parseYaml` has found to be sound, in order. Throws a RangeError with the
 * offset of an alias, which stands for a value that is written elsewhere.
 */
export function scalarsOf(text: string): ScalarText[] {
  const found: ScalarText[] = [];
  const walk = (node: Node | null, path: Path, indent: number | undefined): void => {
    if (isAlias(node)) throw new RangeError(String(node.range![0]));
    if (isScalar(node)) {
      const [start, end] = node.range!;
      const written = node.type === 'PLAIN' ? node.source! : String(node.value);
      found.push({ path, text: written, start, end, indent });
      return;
    }
    const inside = (inner: Node) => {
      if (indent === undefined || (node as { flow?: boolean }).flow) return undefined;
      const start = inner.range![0];
      return start - (text.lastIndexOf('\n', start - 1) + 1);
    };
    if (isMap(node)) {
      for (const { key, value } of node.items)
        walk(value as Node | null, [...path, keyText(key as Node)!], inside(key as Node));
    }
    if (isSeq(node))
      for (const [index, element] of node.items.entries())
        walk(element as Node, [...path, index], inside(element as Node));
  };
  walk(parseDocument(text, { logLevel: 'silent', uniqueKeys: false }).contents as Node | null, [], 0);
  return found;
}

/** The text with each scalar value written anew; what stands around them, comments too, stays as it is. */
export function rewritten(text: string, change: (scalar: ScalarText) => string): string {
  let result = '';
  let at = 0;
  for (const scalar of scalarsOf(text)) {
    const before = text.slice(at, scalar.start);
    const old = text.slice(scalar.start, scalar.end);
    const lineEnd = text.indexOf('\n', scalar.end);
    const alone = text.slice(scalar.end, lineEnd === -1 ? undefined : lineEnd).trim() === '';
    const fresh = scalarText(change(scalar), alone || old.endsWith('\n') ? scalar.indent : undefined);
    const gap = /[:-]$/.test(before) ? ' ' : '';
    result += before + gap + fresh + (old.endsWith('\n') ? '\n' : '');
    at = scalar.end;
  }
  return result + text.slice(at);
}

const plain = /^[A-Za-z0-9_/.][A-Za-z0-9_/.+=@%:-]*(?<!:)$/;

/** A text as a YAML scalar that reads as it: plain, as a block of lines below `indent`, or quoted. */
function scalarText(text: string, indent: number | undefined): string {
  if (plain.test(text) && !/^\.\.\.$/.test(text)) return text;
  const lines = text.split('\n');
  const blockable = /^[^\s][^\r\t]*\n/.test(text) && !/[^\n\x20-\x7e\xa0-\ud7ff]/.test(text);
  if (indent === undefined || lines.length < 2 || !blockable) return JSON.stringify(text);
  if (/\n\n$/.test(text) || lines.some(line => /\s$/.test(line))) return JSON.stringify(text);
  const margin = ' '.repeat(indent + 2);
  const body = lines.map(line => (line === '' ? '' : margin + line)).join('\n');
  return text.endsWith('\n') ? `|\n${body.slice(0, -1)}` : `|-\n${body}`;
}
