import { expect, test } from 'vitest';
import { CappedOutput } from '../../../engine/transport/capped-output.ts';
import fc from '../../random.ts';

const kept = (head: number, tail: number, pieces: readonly string[]) => {
  const all = new CappedOutput(head, tail);
  for (const piece of pieces) all.add(Buffer.from(piece));
  return [all.bytes().toString(), all.droppedBytes];
};

test.each<[what: string, head: number, tail: number, pieces: string[], bytes: string, dropped: number]>([
  ['nothing', 3, 3, [], '', 0],
  ['all of what is short', 3, 3, ['ab', 'cd', 'ef'], 'abcdef', 0],
  ['the first bytes alone', 3, 0, ['ab', 'cd', 'ef'], 'abc', 3],
  ['the first and the last bytes', 3, 3, ['ab', 'cdefgh', 'ij'], 'abc\n… 4 bytes more not kept …\nhij', 4],
  ['how much is missing', 1, 1, ['x'.repeat(2_500_002)], 'x\n… 2.5 MB more not kept …\nx', 2_500_000],
])('keeps %s', (_, head, tail, pieces, bytes, dropped) => {
  expect(kept(head, tail, pieces)).toEqual([bytes, dropped]);
});

test('the boundaries of the pieces make no difference', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{0,9}$/)), fc.nat(12), fc.nat(12), (pieces, head, tail) => {
      expect(kept(head, tail, pieces)).toEqual(kept(head, tail, [pieces.join('')]));
    }),
  );
});
