import { describe, expect, it, test } from 'vitest';
import { columnsOf, hostList, nameList, truncate, truncateMiddle } from '../../../engine/report/columns.ts';
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

test.each<[text: string, columns: number, cut: string]>([
  ['/etc/nginx/nginx.conf', 21, '/etc/nginx/nginx.conf'],
  ['/etc/nginx/nginx.conf', 16, '/etc/…nginx.conf'],
  ['日本語日本語', 7, '日…本語'],
  ['abc', 0, ''],
])('%s in %i columns, cut in the middle, is %s', (text, columns, cut) => {
  expect(truncateMiddle(text, columns)).toBe(cut);
});

describe('hosts of a play', () => {
  const all = Array.from({ length: 50 }, (_, i) => `web${i + 1}`);
  const odd = all.filter((_, i) => i % 2 === 0);

  it.each<[shown: string, hosts: string[], of: string[]]>([
    ['all 50 hosts', all, all],
    ['web1…web3', all.slice(0, 3), all.slice(0, 3)],
    ['web1…web40', all.slice(0, 40), all],
    ['web1, web2, web4…web50', all.filter(host => host !== 'web3'), all],
    ['all 50 hosts except web9, web20, web30', all.filter(host => !/^web(9|20|30)$/.test(host)), all],
    ['web1, web3, web5, web7, web9, web11 +19', odd, all],
  ])('are %s', (shown, hosts, of) => {
    expect(hostList(hosts, of)).toBe(shown);
  });

  it('are all named without a limit', () => {
    expect(hostList(odd, all, Infinity)).toBe(odd.join(', '));
  });
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
