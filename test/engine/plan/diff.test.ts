import { expect, it } from 'vitest';
import { diff, keepsTo, withNotes } from '../../../engine/plan/diff.ts';

const wanted = { content: 'new', mode: '0640' };
const creation = diff(null, wanted)!;
const write = { ...creation, kind: 'write' as const };

it.each([
  ['a creation that was planned as one', creation, creation, true],
  ['no change where none was planned', null, null, true],
  ['a change that was not planned', null, creation, false],
  [
    'an update that was planned as a creation',
    creation,
    diff({ content: 'old', mode: '0640' }, wanted),
    false,
  ],
  ['a creation that was planned as a write', write, creation, true],
  ['an update that was planned as a write', write, diff({ content: 'old', mode: '0640' }, wanted), true],
  ['no change where a write was planned', write, null, false],
  ['a removal where a write was planned', write, diff(wanted, null), false],
  ['another value than the write has', write, diff(null, { ...wanted, mode: '0600' }), false],
  ['something else than the write has', write, diff({ type: 'link' }, { ...wanted, type: 'file' }), false],
])('%s', (_, planned, found, expected) => {
  expect(keepsTo(planned, found)).toBe(expected);
});

it('notes stand only behind elements that a diff adds, and are never compared', () => {
  const found = diff({ installed: ['curl'], held: [] }, { installed: ['curl', 'nginx'], held: ['nginx'] });
  const noted = withNotes(found, { installed: { nginx: '1.22 (+4)', curl: '7.88' } })!;
  expect(noted.changes.map(({ key, notes }) => [key, notes])).toEqual([
    ['installed', { nginx: '1.22 (+4)' }],
    ['held', undefined],
  ]);
  expect(noted.has('held')).toBe(true);
  expect(keepsTo(noted, found)).toBe(true);
  expect(withNotes(null, { installed: { nginx: '1.22' } })).toBe(null);
});
