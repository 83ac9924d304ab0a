import type { Value } from '../value.ts';
import { characters, Refusal, type Run } from './evaluation.ts';
import { groupText, type Match, Regex } from './regex.ts';
import { any, flag, integer, type Operation, operation, text } from './signature.ts';

const flags = { ignorecase: flag.or(false), multiline: flag.or(false) };

const controls: { readonly [letter: string]: string } = {
  ...{ n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07', b: '\b' },
};

type Piece = string | number;

/** Returns the parts of a replacement: texts, and the numbers of groups. */
function replacementPieces(template: string, regex: Regex): Piece[] {
  const pieces: Piece[] = [];
  const pattern = /\\(?:g<([^>]*)>|(0[0-7]{0,2}|[1-3][0-7]{2})|([1-9]\d?)|([\s\S]?))|[^\\]+/g;
  for (const [whole, name, octal, number, escaped] of template.matchAll(pattern)) {
    if (name !== undefined) pieces.push(regex.group(name));
    else if (octal !== undefined) pieces.push(String.fromCharCode(Number.parseInt(octal, 8)));
    else if (number !== undefined) pieces.push(regex.group(number));
    else if (escaped === undefined) pieces.push(whole);
    else if (escaped === '')
      throw new Refusal('replacement: a backslash ends it', 'Write \\\\ for a backslash.');
    else if (Object.hasOwn(controls, escaped)) pieces.push(controls[escaped]!);
    else if (/[A-Za-z]/.test(escaped)) throw new Refusal(`replacement: there is no escape \\${escaped}`);
    else pieces.push(escaped === '\\' ? '\\' : `\\${escaped}`);
  }
  return pieces;
}

function replacedBy(
  value: string,
  args: { pattern: string; replacement: string; count: number; mandatory_count: number } & Given,
  run: Run,
): string {
  const regex = new Regex(args.pattern, args, run.budget);
  const pieces = replacementPieces(args.replacement, regex);
  const source = characters(value);
  const out: string[] = [];
  let length = 0;
  const add = (piece: string) => {
    out.push(piece);
    length += piece.length;
    if (length > run.budget.maxLength) run.budget.fits(length);
  };
  let from = 0;
  let found = 0;
  for (const match of regex.all(value)) {
    if (args.count > 0 && found === args.count) break;
    found++;
    const [start, end] = match.positions as [number, number];
    add(source.slice(from, start).join(''));
    for (const piece of pieces) add(typeof piece === 'number' ? (groupText(match, piece) ?? '') : piece);
    from = end;
  }
  if (args.mandatory_count > 0 && found !== args.mandatory_count)
    throw new Refusal(
      `the pattern was replaced ${found} times, and mandatory_count is ${args.mandatory_count}`,
    );
  add(source.slice(from).join(''));
  run.budget.reads(length);
  return out.join('');
}

interface Given {
  ignorecase: boolean;
  multiline: boolean;
}

/** Returns the groups as `findall` does: the whole match without groups, one text with one, else a list. */
function found(match: Match, groups: number): Value {
  if (groups === 0) return groupText(match, 0)!;
  const texts = Array.from({ length: groups }, (_, index) => groupText(match, index + 1) ?? '');
  return groups === 1 ? texts[0]! : texts;
}

/** `regex_search(pattern, groups…)`: any number of groups, and the flags by name. */
const searchParameters = { pattern: text, ...flags };
const regexSearch: Operation = {
  takes: ['pattern', 'groups…', 'ignorecase=false', 'multiline=false'],
  misfit(positional, named) {
    return operation(any, searchParameters, () => null).misfit(Math.min(positional, 1), named);
  },
  apply(input, given, run) {
    const [pattern, ...wanted] = given.positional;
    const search = operation(text, { ...searchParameters, groups: any }, (value, args) => {
      const regex = new Regex(args.pattern, args, run.budget);
      const groups = (args.groups as Value[]).map(group => groupOf(group, regex));
      const match = regex.search(characters(value));
      if (match === undefined) return null;
      if (groups.length === 0) return groupText(match, 0)!;
      return groups.map(group => groupText(match, group) ?? null);
    });
    const named = new Map(given.named).set('groups', wanted);
    return search.apply(input, { positional: pattern === undefined ? [] : [pattern], named }, run);
  },
};

function groupOf(written: Value, regex: Regex): number {
  const [, name, number] = /^\\(?:g<([^>]+)>|(\d+))$/.exec(typeof written === 'string' ? written : '') ?? [];
  const key = name ?? number;
  if (key === undefined) throw new Refusal("a group is wanted, such as '\\\\1' or '\\\\g<name>'");
  return regex.group(key);
}

/** The filters with regular expressions. They are Python's, as in Ansible. */
export const regexFilters: { [name: string]: Operation } = {
  regex_replace: operation(
    text,
    {
      ...{ pattern: text, replacement: text.or('') },
      ...{ ...flags, count: integer.or(0), mandatory_count: integer.or(0) },
    },
    replacedBy,
  ),
  regex_search: regexSearch,
  regex_findall: operation(
    text,
    { pattern: text, multiline: flag.or(false), ignorecase: flag.or(false) },
    (value, args, run) => {
      const regex = new Regex(args.pattern, args, run.budget);
      return Array.from(regex.all(value), match => {
        run.budget.spend(1);
        return found(match, regex.groups);
      });
    },
  ),
  regex_escape: operation(text, {}, value =>
    value.replace(/[-()[\]{}?*+|^$\\.&~# \t\n\r\v\f]/g, character => `\\${character}`),
  ),
};

type Search = (regex: Regex, source: readonly string[]) => boolean;

function regexTest(holds: Search): Operation {
  return operation(text, { pattern: text, ...flags }, (value, args, run) =>
    holds(new Regex(args.pattern, args, run.budget), characters(value)),
  );
}

/** The tests with regular expressions, as in Ansible: `match` looks at the start only, `search` everywhere. */
export const regexTests: { [name: string]: Operation } = {
  match: regexTest((regex, source) => regex.search(source, 0, true) !== undefined),
  search: regexTest((regex, source) => regex.search(source) !== undefined),
};
