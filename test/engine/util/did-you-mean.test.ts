import { expect, it } from 'vitest';
import { didYouMean, nearest } from '../../../engine/util/did-you-mean.ts';

const words = ['superuser', 'state', 'owner', 'mode', 'become', 'on'];

it.each<[string, string | undefined]>([
  ['superuesr', 'superuser'],
  ['stat', 'state'],
  ['sttae', 'state'],
  ['Owner', 'owner'],
  ['mod', 'mode'],
  ['no', 'on'],
  ['password', undefined],
  ['x', undefined],
  ['', undefined],
])('the word nearest to "%s" is %s', (word, wanted) => {
  expect(nearest(word, words)).toBe(wanted);
});

it('the candidate with the fewest slips wins, or the first of several', () => {
  expect(nearest('cpuz', ['cpux', 'cpus', 'cpuz1', 'CPUZ'])).toBe('CPUZ');
  expect(nearest('cpuz', ['cpux', 'cpus'])).toBe('cpux');
});

it('the suggestion is a question', () => {
  expect(didYouMean('stat', words)).toBe('Did you mean "state"?');
  expect(didYouMean('zzzzzz', words)).toBeUndefined();
});
