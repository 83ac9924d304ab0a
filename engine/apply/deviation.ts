import type { Outcome } from '../events.ts';
import type { Diff } from '../module.ts';
import { asRead, compare } from '../plan/compare.ts';
import { keepsTo } from '../plan/diff.ts';
import type { PlannedResource } from '../plan/plan.ts';
import { problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { ApplyOptions } from './apply-options.ts';

/**
 * Whether the diff at a resource's turn, `found`, differs from the diff in its plan. Several hosts of a play may delegate the
 * same change to one host, such as a reload, and then the first of them makes it.
 */
export function deviates({ outcome, resource }: PlannedResource, found: Diff | null): boolean {
  if (found === null && resource.delegatedTo !== undefined) return false;
  return outcome.open !== true && resource.module.check !== true && !keepsTo(outcome.diff, found);
}

/**
 * Returns the failed turn of a resource that differs from the saved plan, before the resource changes; undefined if it is
 * as the plan shows. `together` returns the resources to read along with it.
 */
export async function differsFromPlan(
  item: PlannedResource,
  together: () => readonly Resource[],
  { connectedTo, exclusively }: Pick<ApplyOptions, 'connectedTo' | 'exclusively'>,
  createdS: number,
): Promise<{ outcome: Pick<Outcome, 'status' | 'diff' | 'error'>; found?: Diff | null } | undefined> {
  const { resource } = item;
  if (resource.module.check || resource.when === false) return undefined;
  try {
    const connected = connectedTo(resource);
    await exclusively(connected, () => connected.ensure(resource, together));
    const context = { ...connected.context(createdS), verifying: false, name: resource.name };
    const { work: found = null, problem } = compare(resource, asRead(connected.observed(resource)), context);
    if (problem !== undefined) return { outcome: { status: 'failed', diff: null, error: problem } };
    if (!deviates(item, found)) return undefined;
    const message = `${resource.name} differs from the plan and was left unchanged.`;
    const hint = 'Find out what else changes it, and make a new plan.';
    return { outcome: { status: 'failed', diff: found, error: { code: 'deviation', message, hint } }, found };
  } catch (thrown) {
    return { outcome: { status: 'failed', diff: null, error: problemsOf(thrown)[0]! } };
  }
}
