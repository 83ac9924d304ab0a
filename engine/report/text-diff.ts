import { isUtf8 } from 'node:buffer';
import { structuredPatch } from 'diff';
import type { Text } from '../module.ts';

/** The diff of a text: a few words, and unified lines that begin with `+`, `-`, a space, `@` or `\`. */
export interface TextDiff {
  summary: string;
  lines: string[];
}

/** Limit of differing lines for the search for the shortest diff, which takes the square of their number. */
const mostEdits = 600;
const mostMs = 2000;

/** The last comparisons, because the hosts of a fleet mostly have the same texts. */
const recent = new Map<string, TextDiff>();
const mostRecent = 100;

/** Compares two texts line by line; undefined = a missing text. */
export function diffTexts(before: Text | undefined, after: Text | undefined): TextDiff {
  const key = `${before?.sha256} ${after?.sha256} ${before?.bytes !== undefined} ${after?.bytes !== undefined}`;
  const known = recent.get(key) ?? compareTexts(before, after);
  recent.delete(key);
  recent.set(key, known);
  if (recent.size > mostRecent) recent.delete(recent.keys().next().value!);
  return known;
}

function compareTexts(before: Text | undefined, after: Text | undefined): TextDiff {
  const [old, now] = [before ?? after!, after ?? before!];
  const [oldSize, newSize] = [old, now].map(sizeOf) as [string, string];
  const sizes = old === now ? newSize : `${oldSize} → ${newSize}`;
  if (old.bytes === undefined || now.bytes === undefined) return { summary: sizes, lines: [] };
  if (isBinary(old.bytes) || isBinary(now.bytes)) return { summary: `binary, ${sizes}`, lines: [] };
  const oldText = before === undefined ? '' : old.bytes.toString();
  const newText = after === undefined ? '' : now.bytes.toString();
  if (before === undefined) return whole(newText, '+');
  if (after === undefined) return whole(oldText, '-');
  return compareLines(oldText, newText);
}

function whole(text: string, sign: '+' | '-'): TextDiff {
  const lines = linesOf(text);
  return { summary: text === '' ? 'empty' : count(lines.length), lines: lines.map(line => sign + line) };
}

function compareLines(oldText: string, newText: string): TextDiff {
  const bounds = { maxEditLength: mostEdits, timeout: mostMs };
  const patch = structuredPatch('', '', oldText, newText, '', '', { context: 2, ...bounds });
  const [oldCount, newCount] = [linesOf(oldText).length, linesOf(newText).length];
  if (patch === undefined) return { summary: `replaced, ${oldCount} → ${count(newCount)}`, lines: [] };
  const lines = patch.hunks.flatMap((hunk, i) => [
    ...(i === 0 ? [] : [`@ line ${hunk.newStart}`]),
    ...hunk.lines,
  ]);
  const added = lines.filter(line => line.startsWith('+')).length;
  const removed = lines.filter(line => line.startsWith('-')).length;
  const summary =
    added === removed
      ? `${count(added)} of ${newCount}`
      : [added > 0 ? `+${added}` : '', removed > 0 ? `-${removed}` : ''].filter(Boolean).join(' ') +
        (Math.max(added, removed) === 1 ? ' line' : ' lines');
  return { summary, lines };
}

const sizeOf = ({ bytes, sizeBytes }: Text): string => size(bytes?.length ?? sizeBytes ?? 0);

/** Returns a size such as `14 KiB` or `900 bytes`. */
function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const mebibytes = bytes / 1024 / 1024;
  if (mebibytes < 1) return `${round(bytes / 1024)} KiB`;
  return mebibytes < 1024 ? `${round(mebibytes)} MiB` : `${round(mebibytes / 1024)} GiB`;
}

function round(value: number): string {
  return value < 10 ? value.toFixed(1).replace('.0', '') : value.toFixed(0);
}

function count(lines: number): string {
  return lines === 1 ? '1 line' : `${lines} lines`;
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function isBinary(bytes: Buffer): boolean {
  return bytes.includes(0) || !isUtf8(bytes);
}
