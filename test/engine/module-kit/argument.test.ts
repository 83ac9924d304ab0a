import { expect, it } from 'vitest';
import { compact } from '../../../engine/util/defined.ts';

it('what stands after a condition is left out when that does not hold, and several are taken one by one', () => {
  expect(compact(['a', false, ['b', 'c'], undefined, [], ''])).toEqual(['a', 'b', 'c', '']);
});
