import { describe, expect, it, test } from 'vitest';
import { columnsOf, nameList, truncate } from '../../../engine/report/columns.ts';
import { flow, paint, span, widthOf, wrap } from '../../../engine/report/style.ts';
import fc from '../../random.ts';

test.each<[text: string, columns: number]>([
  ['abc', 3],
  ['žluť', 4],
  ['e\u0301', 1],
  ['日本', 4],
  ['👩‍👩‍👧', 2],
  ['', 0],
])('%s takes %i columns', (text, columns) => {
  expect(columnsOf(text)).toBe(columns);
});

test.each<[text: string, columns: number, cut: string]>([
  ['abcdef', 6, 'abcdef'],
  ['abcdef', 5, 'abcd…'],
  ['日本語', 4, '日…'],
  ['abc', 0, ''],
])('%s in %i columns is %s', (text, columns, cut) => {
  expect(truncate(text, columns)).toBe(cut);
});

test.each<[names: string[], shown: string]>([
  [['web1'], 'web1'],
  [['web1', 'web2'], 'web1, web2'],
  [['web1', 'web2', 'web3', 'db'], 'web1…web3, db'],
  [['web08', 'web09', 'web10'], 'web08…web10'],
  [['web9', 'web10', 'web11'], 'web9…web11'],
  [['a1.example', 'a2.example', 'a3.example'], 'a1.example…a3.example'],
  [['web1', 'web3', 'web5'], 'web1, web3, web5'],
])('%j is listed as %s', (names, shown) => {
  expect(nameList(names)).toBe(shown);
});

describe('wrapping', () => {
  it('keeps every line short enough and every word', () => {
    const words = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 30 }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 40 }), (texts, columns) => {
        const lines = wrap(
          texts.map(text => span(`${text} `, 'red')),
          columns,
        );
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        const bare = (text: string) => text.replaceAll(' ', '');
        expect(bare(lines.map(line => paint(line, false)).join(''))).toBe(bare(texts.join('')));
      }),
    );
  });

  it('keeps every space without a line width', () => {
    expect(paint(wrap([span('a  b '), span('c')], Infinity)[0]!, false)).toBe('a  b c');
  });

  it('splits a group only if it is longer than a line', () => {
    const lines = flow([[span('mode 0644, ')], [span('owner root, ')], [span('a very long group')]], 12);
    expect(lines.map(line => paint(line, false))).toEqual([
      'mode 0644,',
      'owner root,',
      'a very long',
      'group',
    ]);
  });
});
