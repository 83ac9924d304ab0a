import { Secret, type Value } from '../value.ts';
import { characters, known, Refusal, type Run, salted } from './evaluation.ts';
import { any, flag, integer, type Operation, operation, text } from './signature.ts';

/** The white space of Python's `strip()` and `split()`. */
const whiteSpace = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const space = new RegExp(`[${whiteSpace}]`);
const wordPattern = new RegExp(`[^${whiteSpace}]+`, 'g');

/** Returns a filter that changes each character by itself, so the clear parts of a secret stay clear. */
export function eachCharacter(change: (text: string) => string): Operation {
  return operation(any, {}, (value, _args, run) => {
    const it = known(value);
    if (!(it instanceof Secret)) return change(text.read(it, run, new Set()));
    run.budget.reads(salted(it).reveal().length);
    return it.mapParts(change);
  });
}

/** Returns `text` without the characters of `chars` at its ends; default: white space. */
export function stripped(value: string, chars: string | undefined, ends: 'both' | 'left' | 'right'): string {
  if (chars === undefined) return withoutSpace(value, ends);
  const strip = new Set(characters(chars));
  const all = characters(value);
  let start = 0;
  let end = all.length;
  if (ends !== 'right') while (start < end && strip.has(all[start]!)) start++;
  if (ends !== 'left') while (end > start && strip.has(all[end - 1]!)) end--;
  return all.slice(start, end).join('');
}

/** Every white space is one unit of UTF-16, so it is enough to look at the ends. */
function withoutSpace(value: string, ends: 'both' | 'left' | 'right'): string {
  let start = 0;
  let end = value.length;
  if (ends !== 'right') while (start < end && space.test(value[start]!)) start++;
  if (ends !== 'left') while (end > start && space.test(value[end - 1]!)) end--;
  return value.slice(start, end);
}

/** Replaces the first `count` occurrences, all when undefined or negative. */
export function replaced(
  value: string,
  old: string,
  fresh: string,
  count: number | undefined,
  run: Run,
): string {
  const limit = count === undefined || count < 0 ? Number.POSITIVE_INFINITY : count;
  const pieces = old === '' ? ['', ...characters(value), ''] : value.split(old);
  run.budget.fits(value.length + Math.min(limit, pieces.length) * fresh.length);
  if (pieces.length - 1 <= limit) return pieces.join(fresh);
  return [...pieces.slice(0, limit), pieces.slice(limit).join(old)].join(fresh);
}

/** The text between spaces, with the odd space where Python puts it. */
function centred(value: string, width: number, run: Run): string {
  run.budget.fits(Math.max(0, width));
  const spare = Math.max(0, width - characters(value).length);
  const left = Math.floor(spare / 2) + ((spare % 2) & (width % 2));
  return ' '.repeat(left) + value + ' '.repeat(spare - left);
}

/** First letter large, all others small. */
export function capitalized(value: string): string {
  const [first = '', ...rest] = characters(value);
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Lines as Python's `splitlines` sees them, without their ends. */
export function lines(value: string): string[] {
  const all = value.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
  if (all.at(-1) === '') all.pop();
  return all;
}

/** Returns the positions of the words between white space. */
export function wordsOf(value: string): Iterable<RegExpExecArray> {
  return value.matchAll(wordPattern);
}

/** Words between white space. */
export function words(value: string): string[] {
  return value.match(wordPattern) ?? [];
}

function title(value: string): string {
  return value
    .split(/([-\s({[<]+)/)
    .map(capitalized)
    .join('');
}

function indented(value: string, by: Value, first: boolean, blank: boolean, run: Run): string {
  const it = known(by);
  if (typeof it !== 'number' && typeof it !== 'string')
    throw new Refusal('width: a number of spaces or a text is wanted');
  const all = value.split('\n');
  const width = typeof it === 'string' ? it.length : it;
  run.budget.fits(value.length + all.length * Math.max(0, width));
  const margin = typeof it === 'string' ? it : ' '.repeat(Math.max(0, it));
  return all
    .map((line, index) => ((index === 0 ? first : blank || line !== '') ? margin + line : line))
    .join('\n');
}

function truncated(value: string, length: number, killWords: boolean, end: string, leeway: number): string {
  const all = characters(value);
  const tail = characters(end).length;
  if (length < tail || leeway < 0)
    throw new Refusal(`length: cannot be shorter than the ${tail} characters of the end`);
  if (all.length <= length + leeway) return value;
  const cut = all.slice(0, length - tail).join('');
  if (killWords) return cut + end;
  const space = cut.lastIndexOf(' ');
  return (space < 0 ? cut : cut.slice(0, space)) + end;
}

function wrapped(line: string, width: number, breakLong: boolean, breakHyphens: boolean): string[] {
  const pieces = line.split(/([\t-\r ]+)/).flatMap(piece => (breakHyphens ? afterHyphens(piece) : [piece]));
  const rows: string[] = [];
  let row = '';
  const flush = () => {
    const kept = stripped(row, '\t\n\v\f\r ', 'right');
    if (kept !== '') rows.push(kept);
    row = '';
  };
  for (let piece of pieces) {
    const space = /^[\t-\r ]/.test(piece);
    if (row.length + piece.length > width && !(space && row === '')) {
      if (breakLong && piece.length > width && !space) {
        const room = width - row.length;
        row += piece.slice(0, room);
        for (piece = piece.slice(room), flush(); piece.length > width; piece = piece.slice(width)) {
          row = piece.slice(0, width);
          flush();
        }
      } else flush();
    }
    // Space between two rows is dropped; space that opens the line is kept.
    if (!(space && row === '' && rows.length > 0)) row += piece;
  }
  flush();
  return rows;
}

/** Returns a word in parts that may be wrapped: after a hyphen between letters. */
function afterHyphens(word: string): string[] {
  return word.split(/(?<=[\p{L}_\d"']?[\p{L}_]-)(?=[\p{L}_])/u);
}

/** Filters that take a text and give a text or a number. */
export const textFilters: { [name: string]: Operation } = {
  upper: eachCharacter(value => value.toUpperCase()),
  lower: eachCharacter(value => value.toLowerCase()),
  string: operation(any, {}, (value, _args, run) => {
    const it = known(value);
    return it instanceof Secret ? it : text.read(it, run, new Set());
  }),
  capitalize: operation(text, {}, capitalized),
  title: operation(text, {}, title),
  trim: operation(text, { chars: text.maybe() }, (value, { chars }) => stripped(value, chars, 'both')),
  center: operation(text, { width: integer.or(80) }, (value, { width }, run) => centred(value, width, run)),
  replace: operation(text, { old: text, new: text, count: integer.maybe() }, (value, args, run) =>
    replaced(value, args.old, args.new, args.count, run),
  ),
  indent: operation(
    text,
    { width: any.or(4), first: flag.or(false), blank: flag.or(false) },
    (value, args, run) => indented(value, args.width, args.first, args.blank, run),
  ),
  truncate: operation(
    text,
    { length: integer.or(255), killwords: flag.or(false), end: text.or('...'), leeway: integer.or(5) },
    (value, args) => truncated(value, args.length, args.killwords, args.end, args.leeway),
  ),
  wordcount: operation(text, {}, value => value.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  wordwrap: operation(
    text,
    {
      width: integer.or(79),
      break_long_words: flag.or(true),
      wrapstring: text.or('\n'),
      break_on_hyphens: flag.or(true),
    },
    (value, args, run) => {
      if (args.width < 1) throw new Refusal('width: at least 1 is needed');
      run.budget.fits(value.length * (1 + args.wrapstring.length));
      const rows = lines(value).map(line =>
        wrapped(line, args.width, args.break_long_words, args.break_on_hyphens).join(args.wrapstring),
      );
      return rows.join(args.wrapstring);
    },
  ),
};
