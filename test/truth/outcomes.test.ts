import { expect, it, test } from 'vitest';
import { modules } from '../../modules/index.ts';
import type { RanEvent } from '../e2e/reconcile.ts';
import type { Case } from './case.ts';
import { allowed, compareOutcomes, compareShown } from './outcomes.ts';

const event = (name: string, module: string, status: string, more: object = {}): RanEvent => ({
  ...{ name, module, status, diff: null, deviation: null, error: null },
  ...more,
});
const changing = { diff: { kind: 'update', changes: [] } };
const found = (...events: RanEvent[]) => new Map(events.map(each => [each.name, each]));
const subject: Case = {
  layer: 'blank',
  start: [],
  plays: [
    [
      { name: 'r1', module: 'file', args: {}, keys: {} },
      { name: 'r2', module: 'file', args: {}, keys: { when: 'v1.changed' } },
      { name: 'r3', module: 'http_check', args: {}, keys: {} },
    ],
  ],
};
const compare = (shown: RanEvent, happened: RanEvent) =>
  compareOutcomes(found(shown), found(happened), subject, modules);

test.each<[shown: string, event: RanEvent, outcomes: string[]]>([
  ['a change', event('r1', 'file', 'would_change', changing), ['changed']],
  ['no change', event('r1', 'file', 'unchanged'), ['unchanged']],
  ['a skipped one', event('r1', 'file', 'skipped'), ['skipped']],
  [
    'a change that is not known yet',
    event('r1', 'file', 'would_change'),
    ['changed', 'unchanged', 'unknown'],
  ],
  [
    '±',
    event('r1', 'file', 'would_change', { diff: { kind: 'write', changes: [] } }),
    ['changed', 'unchanged', 'unknown'],
  ],
  ['an open one', event('r1', 'file', 'unchanged', { open: true }), ['changed', 'unchanged', 'unknown']],
])('%s allows only what it says', (_, shown, expected) => {
  expect(allowed(shown, false)).toEqual(expected);
});

it('names a resource with another outcome than shown, or with a deviation', () => {
  const [change, none] = [event('r1', 'file', 'would_change', changing), event('r1', 'file', 'unchanged')];
  expect(compare(none, event('r1', 'file', 'unchanged'))).toEqual({ against: [], undecided: false });
  expect(compare(change, event('r1', 'file', 'changed')).against).toEqual([]);
  expect(compare(change, none).against).toMatchObject([{ kind: 'file: would_change → unchanged' }]);
  const deviated = event('r1', 'file', 'changed', { deviation: { planned: null } });
  expect(compare(change, deviated).against).toMatchObject([
    { kind: 'file: would_change → changed (deviation)' },
  ]);
});

it('only a resource with an unknown condition may be skipped', () => {
  const shown = (name: string) => event(name, 'file', 'would_change');
  expect(compare(shown('r2'), event('r2', 'file', 'skipped')).against).toEqual([]);
  expect(compare(shown('r1'), event('r1', 'file', 'skipped')).against).toHaveLength(1);
});

it('only an open resource may fail for a missing program', () => {
  const failed = (code: string) =>
    event('r1', 'file', 'failed', { error: { code, message: 'No folder /srv/x.' } });
  const open = event('r1', 'file', 'would_change');
  expect(compare(open, failed('obstacle'))).toEqual({ against: [], undecided: true });
  expect(compare(open, failed('step-failed')).against).toMatchObject([
    { kind: 'file: would_change ± → failed (step-failed: No folder ….)' },
  ]);
  expect(compare(event('r1', 'file', 'unchanged'), failed('obstacle')).against).toHaveLength(1);
});

it('only a check that could not be read before may fail', () => {
  const failed = event('r3', 'http_check', 'failed', {
    error: { code: 'check-failed', message: 'No answer.' },
  });
  expect(compare(event('r3', 'http_check', 'unchanged', { open: true }), failed).undecided).toBe(true);
  expect(compare(event('r3', 'http_check', 'unchanged'), failed).against).toHaveLength(1);
});

it('names failed resources, and omits those that were not reached because of them', () => {
  const change = (name: string) => event(name, 'file', 'would_change', changing);
  const failed = event('r2', 'file', 'failed', { error: { code: 'step-failed', message: 'No.' } });
  const shown = found(change('r1'), change('r2'), change('r3'));
  const happened = found(event('r1', 'file', 'changed'), failed, event('r3', 'file', 'skipped'));
  expect(compareOutcomes(shown, happened, subject, modules).against).toMatchObject([
    { kind: 'file: would_change → failed (step-failed: No.)' },
  ]);
});

it('names unshown changes, and shown resources without an outcome', () => {
  const one = event('r1', 'file', 'unchanged');
  const other = event('r9', 'file', 'changed');
  expect(compareOutcomes(found(one), found(other), subject, modules).against).toMatchObject([
    { kind: 'file: unchanged → not told' },
    { kind: 'file: not shown → changed' },
  ]);
});

it('compares a plan with a check line by line', () => {
  const [one, other] = [event('r1', 'file', 'unchanged'), event('r1', 'file', 'would_change', changing)];
  expect(compareShown('plan', found(one), found(one))).toEqual([]);
  expect(compareShown('plan', found(one), found(other))).toHaveLength(1);
});
