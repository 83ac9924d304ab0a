import { ProblemError } from '../problem.ts';
import type { PlannedResource } from './plan.ts';

/**
 * Half of a host is not applied: what needs a secret that could not be opened keeps all of it as it is. Throws a
 * ProblemError that says so.
 */
export function refuseUnopenedSecrets(planned: readonly PlannedResource[]): void {
  const [first, ...more] = planned.filter(({ resource }) => resource.unopenedSecret !== undefined);
  const locked = first?.resource.unopenedSecret;
  if (first === undefined || locked === undefined) return;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  throw new ProblemError({
    ...locked,
    message: `${locked.message} ${first.resource.name}${others} cannot do without. Nothing was changed on this host.`,
  });
}
