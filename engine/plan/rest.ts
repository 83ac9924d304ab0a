import type { Context } from '../module.ts';
import type { Probe } from '../probe.ts';
import { lineFrom, type Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { compare } from './compare.ts';
import { lacks } from './diff.ts';
import { type PlannedResource, type Sight, viewOf } from './plan.ts';

/**
 * The problem of a resource that a later one of the play undoes: the plan is walked once more, over the forecast that
 * it ends in, and what is certain to differ then would be changed by every apply. What is open is left to the apply.
 */
export function undone(
  { resource, outcome }: PlannedResource,
  later: readonly Resource[],
  sight: Sight | Problem,
): Problem | undefined {
  const { module, args, name, at } = resource;
  const isLasting = module.check !== true && module.verifies?.(args) !== false && resource.when === true;
  if (!isLasting || outcome.error !== undefined || 'code' in sight) return undefined;
  const causes = new Set<string>();
  let isRead = true;
  const view = viewOf(resource, sight, () => (isRead = false));
  const noting = {
    ...view,
    foresee: (probe: Probe) => {
      const seen = view.foresee(probe);
      for (const cause of seen.from) causes.add(cause);
      return seen;
    },
  };
  const context: Context = { verifying: true, ...sight.times, name };
  const { diff, problem, open } = compare(resource, noting, context);
  if (!isRead || open || (diff === null && problem === undefined)) return undefined;
  const undoer = later.findLast(one => causes.has(one.name));
  if (undoer === undefined) return undefined;
  const how = diff === null ? problem!.message.replace(/,? and nothing before.*/, '') : lacks(diff);
  return {
    code: 'conflict',
    message: `"${undoer.name}" on ${lineFrom(at, undoer.at)} undoes ${name}, and every apply would do both again. After it: ${how}.`,
    hint: 'Leave one of them out, or put them in the other order.',
    at,
    resource: name,
  };
}
