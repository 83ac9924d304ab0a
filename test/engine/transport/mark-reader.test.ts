import { expect, test } from 'vitest';
import { MarkReader } from '../../../engine/transport/mark-reader.ts';
import fc from '../../random.ts';

const nonce = 'abab';

function read(chunks: readonly Buffer[]) {
  const seen: { bytes: Buffer; mark?: readonly string[] }[] = [{ bytes: Buffer.alloc(0) }];
  const reader = new MarkReader(
    nonce,
    bytes => {
      const last = seen.at(-1)!;
      last.bytes = Buffer.concat([last.bytes, bytes]);
    },
    mark => {
      seen.at(-1)!.mark = mark;
      seen.push({ bytes: Buffer.alloc(0) });
    },
  );
  for (const chunk of chunks) reader.push(chunk);
  return seen.map(({ bytes, mark }) => [bytes.toString(), mark?.join(' ')]);
}

test('the texts before, between and after marks are distinguished', () => {
  expect(read([Buffer.from('a\n\nabab start\nb\n\nabab 1 0\n\n\nabab 2 7\nrest')])).toEqual([
    ['a\n', 'start'],
    ['b\n', '1 0'],
    ['\n', '2 7'],
    ['rest', undefined],
  ]);
});

test.each([
  ['bytes that cannot begin a mark', 'abc\nx'],
  ['a nonce that is not behind a newline', 'abab 1 0\nx'],
  ['a nonce without its space', '\nabab\nx'],
])('%s: all is passed on at once', (_, text) => {
  expect(read([Buffer.from(text)])).toEqual([[text, undefined]]);
});

test('the boundaries of chunks make no difference', () => {
  const piece = fc.constantFrom('\n', 'a', 'b', 'ab', ' ', '\nabab', '\nabab ', '\nabab 1 0\n', '\0', 'é');
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.nat(60), { maxLength: 20 }),
      (pieces, cuts) => {
        const whole = Buffer.from(`${pieces.join('')}\nabab 9 9\n`);
        const at = [0, ...cuts.filter(cut => cut < whole.length).sort((a, b) => a - b), whole.length];
        const chunks = at.slice(1).map((end, i) => whole.subarray(at[i], end));
        expect(read(chunks)).toEqual(read([whole]));
      },
    ),
  );
});

test('a mark without an end is no mark, and delays nothing', () => {
  const passed: number[] = [];
  const reader = new MarkReader(
    nonce,
    bytes => passed.push(bytes.length),
    () => expect.fail('no mark'),
  );
  reader.push(Buffer.from('\nabab '));
  for (let i = 0; i < 100; i++) reader.push(Buffer.alloc(1000, 'x'));
  expect(passed.reduce((sum, bytes) => sum + bytes, 0)).toBe(100_006);
});
