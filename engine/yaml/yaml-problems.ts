import { type Problem, sortedByPlace } from '../problem.ts';
import type { SourceText } from './source-text.ts';

/** One error or warning of the YAML parser. Offsets count from 0. */
export interface YamlError {
  code: string;
  message: string;
  pos: readonly [number, number];
}

const wordings: Readonly<Record<string, (error: YamlError) => [message: string, hint?: string]>> = {
  TAG_RESOLVE_FAILED: ({ message }) => [`The tag ${message.replace(/^.*: /, '')} has no meaning here.`],
  TAB_AS_INDENT: () => ['A tab stands where YAML wants spaces.', 'Indent with spaces only.'],
  BLOCK_AS_IMPLICIT_KEY: () => [
    'A key and a value stand where a single value is expected.',
    'Quote a text that holds ": ", or check the indentation of the next line.',
  ],
  BAD_INDENT: ({ message }) =>
    message.startsWith('Flow')
      ? [
          'The list or map that starts with [ or { before this is not closed.',
          'Close it, or indent its lines.',
        ]
      : [
          'This is indented neither as a part of what is above nor as its neighbour.',
          'Keys of one map start at one column.',
        ],
  MISSING_CHAR: ({ message }) =>
    /quote/.test(message)
      ? ['A quote that opens before this is not closed.']
      : /Flow/.test(message)
        ? [
            `${message.replace('Flow map', 'The map').replace('Flow sequence', 'The list').replace('must end with a', 'is not closed with')}.`,
          ]
        : [
            'There is a key without a colon, or a line that belongs to no key.',
            'Write "key: value", with a space after the colon.',
          ],
  UNEXPECTED_TOKEN: () => [
    'There is something here that does not belong to what is before it.',
    'If it is all one text, quote the whole of it; a list and a map each start on a line of their own.',
  ],
  BAD_SCALAR_START: ({ message }) => [`A value cannot start with ${message.at(-1)}.`, 'Quote it.'],
  BAD_DQ_ESCAPE: ({ message }) => [
    `${message.replace(/^Invalid escape sequence /, '')} means nothing between double quotes.`,
    'Double the backslash, or use single quotes.',
  ],
};

/** Returns the first error of each line. Binary data has thousands in a line, and each takes time to describe. */
export function firstErrors(errors: readonly YamlError[], source: SourceText): YamlError[] {
  const first = new Map<number, YamlError>();
  for (const error of errors) {
    const line = source.lineAt(error.pos[0]);
    const known = first.get(line);
    if (known === undefined || error.pos[0] < known.pos[0]) first.set(line, error);
  }
  return [...first.values()];
}

/** Returns an error of the YAML parser in this program's words. */
export function syntaxProblem(error: YamlError, source: SourceText): Problem {
  const at = source.place(error.pos[0], error.pos[1]);
  const template = /(?:^|[:,[-])\s*(\{[{%].*)$/.exec(at.text ?? '');
  if (template !== null)
    return quoteTemplate(source, error.pos[0] - at.column + 1 + at.text!.indexOf(template[1]!), template[1]!);
  const code = /^ *\t/.test(at.text ?? '') ? 'TAB_AS_INDENT' : error.code;
  const [message, hint] = wordings[code]?.(error) ?? [
    `${error.message.replace(/"$/, '').replace(/\.$/, '')}.`,
  ];
  return { code: 'yaml-syntax', message, at, ...(hint === undefined ? {} : { hint }) };
}

/** Returns the problem of a flow map that is an unquoted template, `{{ x }}`; undefined for any other map. */
export function unquotedTemplate(
  node: { items: { key: unknown; value: unknown }[]; range?: readonly number[] | null },
  source: SourceText,
): Problem | undefined {
  const start = node.range?.[0] ?? 0;
  if (!source.text.startsWith('{{', start)) return undefined;
  return quoteTemplate(source, start, source.text.slice(start, start + 500));
}

function quoteTemplate(source: SourceText, start: number, text: string): Problem {
  const line = withoutClosing(text.split('\n')[0]!.trimEnd());
  const quote = line.includes('"') ? "'" : '"';
  return {
    code: 'yaml-syntax',
    message: 'A value that starts with a template must be quoted.',
    hint: `Quote the template: ${quote}${line}${quote}`,
    at: source.place(start, start + line.length),
  };
}

/** Returns the text up to the comma or bracket that ends its place in a map or list around it. */
function withoutClosing(line: string): string {
  let depth = 0;
  for (const { 0: mark, index } of line.matchAll(/\{[{%]|[%}]\}|[[{}\]]/g)) {
    depth += /^[[{]/.test(mark) ? 1 : -1;
    if (depth < 0)
      return line
        .slice(0, index)
        .split(/(?<=[}%]\}[^{]*),/)[0]!
        .trimEnd();
  }
  return line;
}

/** One mistake often causes several errors in a line, of which only the first one helps. */
export function firstOfEachLine(problems: readonly Problem[]): Problem[] {
  const seen = new Set<number | undefined>();
  return sortedByPlace(problems).filter(({ at }) => !seen.has(at?.line) && seen.add(at?.line));
}
