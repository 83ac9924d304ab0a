import type { Reverted } from '../apply/revert.ts';
import type { Counts, HostResult, Outcome } from '../events.ts';
import type { Problem } from '../problem.ts';

/** The result of a host that was refused before any contact. */
export const untouched: HostResult = {
  status: 'failed',
  unchanged: 0,
  changed: 0,
  failed: 0,
  skipped: 0,
  deviations: 0,
};

/** The result of a host that a stopped roll-out does not reach. */
export const notReached: HostResult = { ...untouched, status: 'not_reached' };

/** Problems of a host that could not be entered. */
export const unreachableCodes: ReadonlySet<Problem['code']> = new Set<Problem['code']>([
  'unreachable',
  'host-key-unknown',
  'host-key-changed',
  'host-key-revoked',
  'auth-failed',
]);

/** Returns the result of a host in two plays, one after the other. */
export function add(before: HostResult | undefined, now: HostResult): HostResult {
  if (before === undefined) return now;
  return {
    status: now.status === 'ok' ? before.status : now.status,
    unchanged: before.unchanged + now.unchanged,
    changed: before.changed + now.changed,
    failed: before.failed + now.failed,
    skipped: before.skipped + now.skipped,
    deviations: before.deviations + now.deviations,
    ...someOf('unconfirmed', (before.unconfirmed ?? 0) + (now.unconfirmed ?? 0)),
    ...someOf('unknown', (before.unknown ?? 0) + (now.unknown ?? 0)),
  };
}

const someOf = (key: 'unconfirmed' | 'unknown', count: number) => (count === 0 ? {} : { [key]: count });

/** Returns the exit code of the program for the results of the hosts. `hasStopped` means that failures ended a roll-out. */
export function exitCodeOf(results: readonly HostResult[], check: boolean, hasStopped = false): number {
  if (hasStopped || results.some(({ status }) => status === 'failed' || status === 'reverted')) return 1;
  if (results.some(({ status }) => status === 'unreachable')) return 4;
  const isPending = ({ status, unconfirmed }: HostResult) =>
    unconfirmed !== undefined || status === 'not_reached' || (check && status === 'changed');
  return results.some(isPending) ? 2 : 0;
}

/** Returns the result of a host in a play. `isDeclined` means that the user did not confirm its plan. */
export function resultOf(
  outcomes: readonly Outcome[],
  problems: readonly Problem[],
  reverted: Reverted | undefined,
  check: boolean,
  isDeclined: boolean,
): HostResult {
  const count = (...statuses: Outcome['status'][]) =>
    outcomes.filter(({ status }) => statuses.includes(status)).length;
  const counts: Counts = {
    unchanged: count('unchanged'),
    changed: count('changed', ...(check ? (['would_change'] as const) : [])),
    failed: count('failed'),
    skipped: count('skipped'),
    deviations: outcomes.filter(({ deviation }) => deviation !== undefined).length,
    ...someOf('unconfirmed', isDeclined ? count('would_change') : 0),
    ...someOf('unknown', count('unknown')),
  };
  const status = () => {
    if (problems.some(({ code }) => unreachableCodes.has(code))) return 'unreachable';
    if (reverted !== undefined && reverted.error === undefined) return 'reverted';
    if (counts.failed > 0 || problems.length > 0) return 'failed';
    return counts.changed > 0 ? 'changed' : 'ok';
  };
  return { status: status(), ...counts };
}
