import { expressions, names, pieces, statements, tags, values } from './nasty.ts';
import type { Random } from './random.ts';

/** Larger files only take longer. */
const longest = 100_000;

/** A text as bytes, one a character, with something in it made wrong, and others of the tree to take pieces from. */
type Mutation = (text: string, random: Random, others: readonly string[]) => string;

/** Where something is in a text: from, and behind its end. */
type Span = readonly [start: number, end: number];

/** The unit of a change: some bytes, a word, or some lines. */
function span(text: string, random: Random): Span {
  const start = random.below(text.length + 1);
  switch (random.below(3)) {
    case 0:
      return [start, Math.min(text.length, start + random.size(64))];
    case 1:
      return matchAt(text, /[\w.-]+/g, random);
    default: {
      const from = text.lastIndexOf('\n', start - 1) + 1;
      let to = from;
      for (let lines = random.size(8); lines > 0; lines--)
        to = (text.indexOf('\n', to) + 1 || text.length + 1) - 0;
      return [from, Math.min(to, text.length)];
    }
  }
}

/** One of the places where a pattern matches; the end when there is none. */
function matchAt(text: string, pattern: RegExp, random: Random): Span {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return [text.length, text.length];
  const match = random.pick(found);
  return [match.index, match.index + match[0].length];
}

/** A value: what stands behind a colon, a dash or an equals sign. */
const valueIn = (text: string, random: Random) => matchAt(text, /(?<=[:=] |=|^\s*- )[^\s#][^\n]*/gm, random);
const keyIn = (text: string, random: Random) => matchAt(text, /[\w.-]+(?=\s*[:=])/g, random);
const put = (text: string, [start, end]: Span, piece: string) =>
  text.slice(0, start) + piece + text.slice(end);
const at = (text: string, random: Random): Span => {
  const place = random.below(text.length + 1);
  return [place, place];
};

/** Lists in lists, maps in maps, closed or not. */
function nested(inner: string, random: Random): string {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{ a: ', ' }'],
    ['- ', ''],
    ['? ', ''],
    ['[{a: [', ']}]'],
    ['{{ (', ') }}'],
  ] as const);
  const depth = random.size(8192);
  return open.repeat(depth) + inner + (random.below(4) === 0 ? '' : close.repeat(depth));
}

/** Each anchor holds the last one many times over. */
function aliases(random: Random): string {
  const [levels, width] = [2 + random.below(12), 2 + random.below(12)];
  const lists = Array.from({ length: levels }, (_, level) => {
    const inner = level === 0 ? 'x' : `*n${level - 1}`;
    return `&n${level} [${Array(width).fill(inner).join(', ')}]`;
  });
  return random.below(5) === 0 ? '&a [*a, { k: *a }]' : `[${lists.join(', ')}]`;
}

const mutations: Readonly<Record<string, Mutation>> = {
  delete: (text, random) => put(text, span(text, random), ''),
  duplicate: (text, random) => {
    const [start, end] = span(text, random);
    const copies = text.slice(start, end).repeat(random.size(64));
    return put(text, random.below(2) === 0 ? [end, end] : at(text, random), copies);
  },
  swap: (text, random) => {
    const [one, other] = [span(text, random), span(text, random)].sort(([a], [b]) => a - b) as [Span, Span];
    if (other[0] < one[1]) return put(text, other, text.slice(...one));
    return put(put(text, other, text.slice(...one)), one, text.slice(...other));
  },
  retype: (text, random) => put(text, valueIn(text, random), random.pick(values)),
  rename: (text, random) => put(text, keyIn(text, random), random.pick(names)),
  insert: (text, random) => put(text, at(text, random), random.pick([...pieces, ...values])),
  garble: (text, random) => {
    const all = [...text];
    for (let count = random.size(16); count > 0; count--)
      all[random.below(all.length + 1)] = String.fromCharCode(random.below(256));
    return all.join('');
  },
  truncate: (text, random) => text.slice(0, random.below(text.length)),
  nest: (text, random) => {
    const where = valueIn(text, random);
    return put(text, where, nested(text.slice(...where), random));
  },
  alias: (text, random) => put(text, valueIn(text, random), aliases(random)),
  anchor: (text, random) => {
    const [start] = valueIn(text, random);
    return put(put(text, valueIn(text, random), '*a'), [start, start], '&a ');
  },
  merge: (text, random) => {
    const [start, end] = keyIn(text, random);
    const line = text.lastIndexOf('\n', start - 1) + 1;
    const indent = /^[ -]*/.exec(text.slice(line, end))![0].replaceAll('-', ' ');
    const merged = random.pick(['*a', '{ a: 1 }', '[{ name: x }, *a]', '1', '', '{ <<: { <<: 1 } }']);
    return put(text, [line, line], `${indent}<<: ${merged}\n`);
  },
  tag: (text, random) => {
    const [start] = valueIn(text, random);
    return put(text, [start, start], `${random.pick(tags)} `);
  },
  expression: (text, random) => {
    const inner = matchAt(text, /(?<=\{\{).*?(?=\}\})/g, random);
    const expression = random.pick(expressions);
    if (inner[0] < text.length && random.below(2) === 0) return put(text, inner, ` ${expression} `);
    const quoted = `'{{ ${expression.replaceAll("'", "''")} }}'`;
    return put(text, valueIn(text, random), random.below(4) === 0 ? expression : quoted);
  },
  statement: (text, random) => {
    const statement = random.pick(statements);
    if (!text.includes(': ')) return put(text, at(text, random), statement);
    return put(text, valueIn(text, random), `'${statement.replaceAll("'", "''")}'`);
  },
  indent: (text, random) => {
    const [start, end] = span(text, random);
    const by = random.pick(['  ', ' ', '\t', '']);
    return put(text, [start, end], text.slice(start, end).replace(/^ {0,2}/gm, by));
  },
  ends: (text, random) => text.replaceAll('\n', random.pick(['\r\n', '\r', '\n\n', '\n\t', ''])),
  encode: (text, random) =>
    random.below(2) === 0
      ? Buffer.from(Buffer.from(text, 'latin1').toString(), 'utf16le').toString('latin1')
      : `${String.fromCharCode(0xef, 0xbb, 0xbf)}${text}`,
  splice: (text, random, others) => {
    const other = random.pick(others);
    return put(text, span(text, random), other.slice(...span(other, random)));
  },
};
const kinds = Object.keys(mutations);

/** What a file may come to be: mostly one thing is wrong with it, sometimes several. `others` are bytes, too. */
export function mutate(
  text: string,
  random: Random,
  others: readonly string[],
): { text: string; how: string } {
  const how = Array.from({ length: random.size(4) }, () => random.pick(kinds));
  const made = how.reduce((before, kind) => mutations[kind]!(before, random, others).slice(0, longest), text);
  return { text: made, how: how.join(', ') };
}
