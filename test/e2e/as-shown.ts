import { expect } from 'vitest';
import { named, problems, type Ran, statuses } from './reconcile.ts';

/** Asserts that an apply did on a host what its check had shown, resource by resource; what was open may be either. */
export function expectAsShown(checked: Ran, applied: Ran, host: string): void {
  const deviations = applied.events.filter(({ deviation, host: at }) => deviation && at === host);
  expect(deviations).toEqual([]);
  const resources = checked.events.filter(({ event, host: at }) => event === 'resource' && at === host);
  const open = new Set(resources.filter(each => each.open).map(({ name }) => name));
  const shown = Object.entries(statuses(checked, host)).map(([name, status]) => [
    name,
    open.has(name) ? expect.stringMatching(/^(un)?changed$/) : status.replace('would_change', 'changed'),
  ]);
  expect(shown.length).toBeGreaterThan(0);
  expect(statuses(applied, host)).toEqual(Object.fromEntries(shown));
}

/**
 * Asserts that a playbook changes hosts, that an apply does what its check had shown, and that a second one changes nothing.
 * Returns the second apply.
 */
export async function expectToComeTrue(
  apply: (...args: string[]) => Promise<Ran>,
  hosts: readonly string[],
): Promise<Ran> {
  const checked = await apply('--check');
  expect([checked.exit, checked.stderr, problems(checked)]).toEqual([2, '', []]);
  const applied = await apply();
  expect([applied.exit, problems(applied)]).toEqual([0, []]);
  for (const name of hosts) expectAsShown(checked, applied, name);
  const again = await apply();
  expect([again.exit, problems(again)]).toEqual([0, []]);
  for (const name of hosts) expect(named(again, name, 'changed')).toEqual([]);
  return again;
}
