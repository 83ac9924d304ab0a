import { accountKey } from '../host.ts';
import type { PlannedResource } from '../plan/plan.ts';
import type { Resource } from '../resource.ts';

/** Returns the resources to read along with number `i`, by the same shell: up to the next one with a change or an error. */
export function resourcesReadAlong(queue: readonly PlannedResource[], i: number): Resource[] {
  const { resource: own } = queue[i]!;
  const next = queue.findIndex(
    ({ outcome }, at) => at > i && !['unchanged', 'skipped', 'unknown'].includes(outcome.status),
  );
  return queue
    .slice(i, next < 0 ? undefined : next + 1)
    .map(({ resource }) => resource)
    .filter(resource => isTogether(resource, own));
}

/** Whether the same account of the same host does two resources. */
export function isTogether(a: Resource, b: Resource): boolean {
  const isSameAccount = a.become === b.become || accountKey(a.become) === accountKey(b.become);
  return a.delegatedTo?.name === b.delegatedTo?.name && isSameAccount;
}
