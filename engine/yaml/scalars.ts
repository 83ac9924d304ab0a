import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type Scalar } from 'yaml';
import type { Path } from './source-text.ts';
import { keyText } from './yaml-reader.ts';
import { scalar11 } from './yaml11.ts';

/**
 * The style of a scalar: `bare` without quotes, so it is a number, true, false or null; `quoted`, because a reader of YAML
 * could take the unquoted text for one of those or a date; `text`, a text in any style.
 */
export type Style = 'bare' | 'quoted' | 'text';

/** A scalar value without its place. */
export interface Written {
  /** The source of a bare scalar, the decoded text of any other. */
  text: string;
  style: Style;
}

/** A scalar value in a text. */
export interface ScalarText extends Written {
  path: Path;
  /** The offsets of its beginning and of its end. */
  start: number;
  end: number;
  /** The indentation of the map or list around it; undefined inside `{}` and `[]`. */
  indent: number | undefined;
}

/**
 * Returns the scalar values, in order, of a YAML text that `parseYaml` has accepted. Throws a RangeError with the offset of
 * an alias, whose value is elsewhere.
 */
export function scalarsOf(text: string): ScalarText[] {
  const found: ScalarText[] = [];
  const walk = (node: Node | null, path: Path, indent: number | undefined): void => {
    if (isAlias(node)) throw new RangeError(String(node.range![0]));
    if (isScalar(node)) {
      const [start, end] = node.range!;
      found.push({ path, ...writtenIn(node), start, end, indent });
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

function writtenIn({ type, value, source }: Scalar): Written {
  if (typeof value !== 'string') return { text: source!, style: 'bare' };
  return { text: value, style: type !== 'PLAIN' && misread(value) ? 'quoted' : 'text' };
}

/** Whether this program or a reader of YAML 1.1 could take the unquoted text for another value. */
function misread(text: string): boolean {
  return readsAs(text) !== text || scalar11(text) !== text || /^\d{4}-\d\d?-\d\d?(?:[Tt\s].*)?$/.test(text);
}

/** Returns the value of an unquoted text in YAML, or undefined if it is none. */
function readsAs(text: string): unknown {
  const { contents } = parseDocument(text, { logLevel: 'silent' });
  return isScalar(contents) ? contents.value : undefined;
}

/** Returns the default style of a text. */
export function usualStyle(text: string): Style {
  return plain.test(text) && !['string', 'undefined'].includes(typeof readsAs(text)) ? 'bare' : 'text';
}

/** Returns the text with each scalar value replaced. Everything else stays, including comments. */
export function rewritten(text: string, change: (scalar: ScalarText) => Written): string {
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

/** Returns a scalar value in YAML: without quotes, as a block of lines below `indent`, or quoted. */
function scalarText({ text, style }: Written, indent: number | undefined): string {
  if (style === 'bare') return text;
  if (style === 'text' && plain.test(text) && readsAs(text) === text) return text;
  const lines = text.split('\n');
  const blockable = /^[^\s][^\r\t]*\n/.test(text) && !/[^\n\x20-\x7e\xa0-\ud7ff]/.test(text);
  if (indent === undefined || lines.length < 2 || !blockable) return JSON.stringify(text);
  if (/\n\n$/.test(text) || lines.some(line => /\s$/.test(line))) return JSON.stringify(text);
  const margin = ' '.repeat(indent + 2);
  const body = lines.map(line => (line === '' ? '' : margin + line)).join('\n');
  return text.endsWith('\n') ? `|\n${body.slice(0, -1)}` : `|-\n${body}`;
}
