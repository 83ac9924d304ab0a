import type { PlannedResource } from '../plan/plan.ts';
import { leavesFirst, type Resource } from '../resource.ts';

/** Whether a host leaves, by the resources under `before`, for the sake of these changes. */
export function leavesFor(planned: readonly PlannedResource[]): boolean {
  return (
    planned.some(({ resource }) => leavesFirst(resource)) &&
    planned.some(({ resource, outcome }) => resource.visit === undefined && outcome.status === 'would_change')
  );
}

/**
 * Returns the resources of a host, without those that another host does. `chosenHost` does those with `run_once`. Those
 * under `before` are done if the host `leaves`.
 */
export function visitedBy(
  host: string,
  resources: readonly Resource[],
  chosenHost: string | undefined,
  leaves: boolean,
): Resource[] {
  const isElsewhere = chosenHost !== undefined && chosenHost !== host;
  return resources.map(resource => {
    if (isElsewhere && resource.once !== undefined) return { ...resource, when: false, doneBy: chosenHost };
    return leavesFirst(resource) && !leaves ? { ...resource, when: false } : resource;
  });
}
