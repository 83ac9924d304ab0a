import { ProblemError } from '../problem.ts';
import type { PlannedResource } from './plan.ts';

/**
 * Refuses a host with a resource that needs an unopened secret, because no host is applied in part. Throws a
 * ProblemError.
 */
export function refuseUnopenedSecrets(planned: readonly PlannedResource[]): void {
  const [first, ...more] = planned.filter(({ resource }) => resource.unopenedSecret !== undefined);
  const unopened = first?.resource.unopenedSecret;
  if (first === undefined || unopened === undefined) return;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  const needs = more.length === 0 ? 'needs' : 'need';
  throw new ProblemError({
    ...unopened,
    message: `${unopened.message} ${first.resource.name}${others} ${needs} this secret. Nothing was changed on this host.`,
  });
}
