import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ProblemError } from '../../../engine/problem.ts';
import { parseYaml } from '../../../engine/yaml/document.ts';
import fc, { runs } from '../../random.ts';
import { brief, problemsIn } from '../workspace.ts';

const refused: [title: string, text: string, problem: string][] = [
  ['an unquoted template', 'a: {{ x }}', '1:4 A value that starts with a template must be quoted.'],
  [
    'an unquoted template with more behind it',
    'a: {{ x }}/b',
    '1:4 A value that starts with a template must be quoted.',
  ],
  ['an unquoted tag', 'a: {% if x %}', '1:4 A value that starts with a template must be quoted.'],
  ['a key that is set twice', 'a: 1\nb: 2\na: 3', '3:1 "a" is already set on line 1.'],
  ['an unknown tag', 'a: !vault x', '1:4 The tag !vault has no meaning here.'],
  ['a tab', 'a:\n\tb: 1', '2:1 A tab stands where YAML wants spaces.'],
  ['a colon in a plain text', 'a: b: c', '1:4 A key and a value stand where a single value is expected.'],
  ['an open quote', 'a: "x', '1:6 A quote that opens before this is not closed.'],
  ['an open list', 'a: [1,', '1:7 The list or map that starts with [ or { before this is not closed.'],
  [
    'a wrong indentation',
    'a:\n  - x\n b: 2',
    '3:1 This is indented neither as a part of what is above nor as its neighbour.',
  ],
  ['a second document', '---\na: 1\n---\nb: 2', '3:1 A second document starts here; a file holds one.'],
  ['an alias without an anchor', 'a: *x', '1:4 There is no anchor &x before this alias.'],
  ['an anchor that holds itself', 'a: &x [*x]', '1:7 This anchor holds an alias of itself.'],
  ['a merge key', 'a:\n  <<: 1', '2:3 Merge keys (<<) are not part of YAML 1.2.'],
  [
    'a number that cannot be kept',
    'a: 12345678901234567890',
    '1:4 The number 12345678901234567890 is too large to be kept exactly.',
  ],
  ['infinity', 'a: .inf', '1:4 .inf is not a number that can be used here.'],
  ['a list as a key', '? [a]\n: b', '1:3 A key must be a single word or text.'],
  ['a reserved character', 'a: @x', '1:4 A value cannot start with @.'],
  ['an unknown escape', 'a: "\\q"', '1:5 \\q means nothing between double quotes.'],
  ['brackets nested without end', '['.repeat(20_000), '1:121 This is nested more than 60 deep.'],
  ['lists nested without end', '- '.repeat(20_000), '1:240 This is nested more than 60 deep.'],
];

describe('YAML', () => {
  test.each(refused)('%s is refused at its place', (_, text, problem) => {
    expect(brief(problemsIn(() => parseYaml(text, 'f.yml')))).toEqual([`${problem} [yaml-syntax]`]);
  });

  test('all problems of a file are reported together', () => {
    const lines = brief(problemsIn(() => parseYaml('a: {{ x }}\nb: 1\nb: 2\nc: !x y\nd: *e', 'f.yml')));
    expect(lines.map(line => line.split(' ')[0])).toEqual(['1:4', '3:1', '4:4', '5:4']);
  });

  test('an alias stands for the last anchor of its name before it, even on a key', () => {
    const text = 'a: &x [1, &y 2]\n&k b: *x\nc: &x [3, *y]\nd: { e: *x, f: *k }\ng: *x\n';
    const doc = parseYaml(text, 'f.yml');
    expect(doc.data).toEqual({ a: [1, 2], b: [1, 2], c: [3, 2], d: { e: [3, 2], f: 'b' }, g: [3, 2] });
    expect(doc.place(['d', 'e', 0])).toMatchObject({ line: 3, column: 8 });
    expect(doc.place(['d', 'e', 1])).toMatchObject({ line: 1, column: 14 });
    expect(doc.place(['b', 0])).toMatchObject({ line: 1, column: 8 });
  });

  test('aliases that multiply are refused before they fill the memory', () => {
    const ten = (inner: string) => `[${Array(10).fill(inner).join(',')}]`;
    const lines = [
      'a0: &a0 [1]',
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(n => `a${n}: &a${n} ${ten(`*a${n - 1}`)}`),
    ];
    const [problem] = problemsIn(() => parseYaml(lines.join('\n'), 'f.yml'));
    expect(problem?.message).toBe('Aliases (*name) repeat more than 10000 values.');
  });

  test('a key __proto__ is ordinary data', () => {
    const data = parseYaml('__proto__: { polluted: true }', 'f.yml').data as object;
    expect(Object.keys(data)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('yes, no, on, off and dates are texts', () => {
    expect(parseYaml('[yes, no, on, off, 2024-01-01, 12:30:45]', 'f.yml').data).toEqual([
      'yes',
      'no',
      'on',
      'off',
      '2024-01-01',
      '12:30:45',
    ]);
  });

  test('a number as a key is its source text', () => {
    expect(parseYaml('{ 080: a, 1.10: b }', 'f.yml').data).toEqual({ '080': 'a', '1.10': 'b' });
  });

  test('the source of an unquoted scalar is kept', () => {
    const doc = parseYaml('mode: 0644\nquoted: "0644"', 'f.yml');
    expect([doc.source(['mode']), doc.source(['quoted'])]).toEqual(['0644', undefined]);
  });
});

describe('places', () => {
  const doc = parseYaml('list:\n  - name: a\n    size: 12\n  - {name: "b c"}\n', 'f.yml');

  test.each([
    [['list', 0, 'size'], 'value', '3:11+2'],
    [['list', 0, 'size'], 'key', '3:5+4'],
    [['list', 1, 'name'], 'value', '4:12+5'],
    [['list', 1], 'value', '4:5+13'],
    [['list', 1, 'missing', 'deep'], 'value', '4:5+13'],
    [['nowhere'], 'key', '1:1+5'],
  ] as const)('%j %s is at %s', (path, which, place) => {
    const { line, column, length } = doc.place(path, which);
    expect(`${line}:${column}+${length}`).toBe(place);
  });

  const styles = {
    plain: 'a: x y {{ z }}',
    'plain on two lines': 'a: x\n  y {{ z }}',
    'single quotes': "a: 'it''s {{ z }}'",
    'double quotes': 'a: "\\t\\"\\u00e9\\U0001F600 {{ z }}"',
    'double quotes on two lines': 'a: "x \\\n   y\n\n  {{ z }}"',
    'a literal block': 'a: |2-\n    x\n     {{ z }}',
    'a folded block': 'a: >\n  x\n  y\n\n    {{ z }}\n  w',
  };
  test.each(Object.entries(styles))('an offset in %s leads to its character', (_, text) => {
    const styled = parseYaml(text, 'f.yml');
    const at = styled.within(['a'])((styled.data as { a: string }).a.indexOf('z'), 1);
    expect(at.text?.[at.column - 1]).toBe('z');
  });

  test('every visible character of any text has its place in the source', () => {
    const characters = fc.constantFrom(
      'a',
      'b',
      ' ',
      '  ',
      '\n',
      "'",
      '"',
      '\\',
      ':',
      '#',
      '{',
      '\t',
      'é',
      '😀',
      '-',
    );
    const texts = fc.array(characters, { minLength: 1, maxLength: 40 }).map(parts => parts.join(''));
    const style = fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED');
    fc.assert(
      fc.property(texts, style, fc.nat(), (text, defaultStringType, index) => {
        const source = stringify({ a: text }, { defaultStringType, lineWidth: 20 } as object);
        const doc = parseYaml(source, 'f.yml');
        const decoded = (doc.data as { a: string }).a ?? '';
        const offset = index % Math.max(1, decoded.length);
        if (!/[ab:#{é-]/.test(decoded[offset] ?? '')) return;
        const { text: line, column } = doc.within(['a'])(offset, 1);
        expect(line?.[column - 1]).toBe(decoded[offset]);
      }),
      { numRuns: runs(500), examples: [['\\\\a  \n\\aa\ta\na', 'QUOTE_DOUBLE', 12]] },
    );
  });

  test('any text ends in a value or a ProblemError', () => {
    const pieces = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '|',
      '>',
      '&x',
      '*x',
      '!t',
      '#',
      '?',
      '%',
      '\t',
      ',',
      '---\n',
      '{{',
      '}}',
      '\u0000',
      '\uFEFF',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), parts => {
        try {
          parseYaml(parts.join(''), 'f.yml');
        } catch (thrown) {
          if (!(thrown instanceof ProblemError)) throw thrown;
        }
      }),
      { numRuns: runs(2000) },
    );
  });
});
