import type { Context } from '../module.ts';
import type { Probe } from '../probe.ts';
import { lineFrom, type Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { compare } from './compare.ts';
import { lacks } from './diff.ts';
import { type HostSight, recordCauses, viewOf } from './host-sight.ts';

/**
 * Returns the resource of `later` that undoes a resource, and the problem, or undefined if none does. `sight` holds the final
 * forecast of the plan: every apply would change a resource that certainly differs from it. The apply decides about an
 * open resource. `ask` receives the probes that are still to be read.
 */
export function undoingProblem(
  resource: Resource,
  later: readonly Resource[],
  sight: HostSight | Problem,
  ask: (probe: Probe) => void,
): { problem: Problem; undoer: Resource } | undefined {
  const { module, args, name, at } = resource;
  const isLasting = module.check !== true && module.verifies?.(args) !== false && resource.when === true;
  if (!isLasting || later.length === 0 || 'code' in sight) return undefined;
  const unread: Probe[] = [];
  const { view, causes } = recordCauses(viewOf(resource, sight, probe => unread.push(probe)));
  const context: Context = { ...sight.context, verifying: true, name };
  // A package enables and starts the units with its name, and takes them away with it.
  const predict: typeof view.predict = probe => {
    const seen = view.predict(probe);
    return seen.expected && seen.unlikely === false ? { ...seen, open: false } : seen;
  };
  const { diff, problem, open } = compare(resource, { ...view, predict }, context);
  if (open || (diff === null && problem === undefined)) return undefined;
  unread.forEach(ask);
  if (unread.length > 0) return undefined;
  const undoer = later.findLast(one => causes.has(one.name));
  if (undoer === undefined) return undefined;
  const how = diff === null ? problem!.message.replace(/,? and no earlier resource.*/, '') : lacks(diff);
  const conflict: Problem = {
    code: 'conflict',
    message: `"${undoer.name}" on ${lineFrom(at, undoer.at)} undoes ${name}, and every apply would do both again. After it: ${how}.`,
    hint: 'Leave one of them out, or put them in the other order.',
    at,
    resource: name,
  };
  return { problem: conflict, undoer };
}
