import { expect, it } from 'vitest';
import { compact } from '../../../engine/util/defined.ts';

it('an item after a false condition is left out, and several items are added one by one', () => {
  expect(compact(['a', false, ['b', 'c'], undefined, [], ''])).toEqual(['a', 'b', 'c', '']);
});
