import { expect, it, test } from 'vitest';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { diffTexts } from '../../../engine/report/text-diff.ts';

const lines = (count: number, word: string) =>
  Array.from({ length: count }, (_, i) => `${word} ${i}\n`).join('');

test.each<
  [title: string, before: string | Buffer | undefined, after: string | Buffer | undefined, summary: string]
>([
  ['a new text counts its lines', undefined, 'a\nb\n', '2 lines'],
  ['a new empty text is empty', undefined, '', 'empty'],
  ['a text that goes counts its lines', 'a\n', undefined, '1 line'],
  ['replaced lines count once', 'a\nb\nc\n', 'a\nB\nc\n', '1 line of 3'],
  ['lines that come and go count apart', 'a\nb\n', 'a\nb\nc\nd\n', '+2 lines'],
  ['more lines that go than come count apart', 'a\nb\nc\n', 'A\n', '+1 -3 lines'],
  ['a missing line end is a difference', 'a', 'a\n', '1 line of 1'],
  [
    'bytes that are not text show their size',
    Buffer.from([0, 1]),
    Buffer.alloc(14_336),
    'binary, 2 bytes → 14 KiB',
  ],
  ['a new binary shows its size', undefined, Buffer.alloc(3_500_000), 'binary, 3.3 MiB'],
  ['bytes that are not UTF-8 are binary', undefined, Buffer.from([0xff, 0x41]), 'binary, 2 bytes'],
  [
    'too many differences count lines only',
    lines(3000, 'a'),
    lines(3001, 'b'),
    'replaced, 3000 → 3001 lines',
  ],
])('%s', (_, before, after, summary) => {
  const diff = diffTexts(
    before === undefined ? undefined : textOf(before),
    after === undefined ? undefined : textOf(after),
  );
  expect(diff.summary).toBe(summary);
});

it('changed lines are shown with two lines around them, and each gap names its next line', () => {
  const before = lines(20, 'x');
  const after = before.replace('x 2\n', 'y\n').replace('x 15\n', 'z\n');
  expect(diffTexts(textOf(before), textOf(after)).lines).toEqual([
    ...[' x 0', ' x 1', '-x 2', '+y', ' x 3', ' x 4'],
    '@ line 14',
    ...[' x 13', ' x 14', '-x 15', '+z', ' x 16', ' x 17'],
  ]);
});

it('one changed line of a long text is shown alone', () => {
  const before = lines(60_000, 'a long text');
  const { summary, lines: shown } = diffTexts(textOf(before), textOf(before.replace(' 40000\n', ' x\n')));
  expect([before.length > 1_000_000, summary, shown.length]).toEqual([true, '1 line of 60000', 6]);
});

it('a text that is too large to show is shown by its size', () => {
  const large = { sha256: 'a', sizeBytes: 3 * 1024 ** 3 };
  expect(diffTexts(large, textOf('content'))).toEqual({ summary: '3 GiB → 7 bytes', lines: [] });
  expect(diffTexts(undefined, large)).toEqual({ summary: '3 GiB', lines: [] });
});
