import type { Outcome } from '../events.ts';
import type { Context, Obstacle, PlannedDiff } from '../module.ts';
import type { Probe } from '../probe.ts';
import { lineFrom, type Problem } from '../problem.ts';
import { leavesFirst, type Resource } from '../resource.ts';
import { undoingProblem } from './coming-to-rest.ts';
import { type Comparison, compare } from './compare.ts';
import { changesOf, lacks } from './diff.ts';
import { changedFact } from './facts-changed.ts';
import { Forecast } from './forecast.ts';
import { type HostSight, recordCauses, viewOf } from './host-sight.ts';
import { layResource } from './lay-steps.ts';
import { reactionsByCause } from './reactions.ts';

/** A resource with its planned outcome, whose status is not final yet. */
export interface PlannedResource {
  resource: Resource;
  outcome: Outcome;
}

/** The limit of rounds of further readings. Each round follows links that the round before discovered. */
export const mostRounds = 8;

/** The planned resources, and the probes to read before the plan is certain. */
export interface Planning {
  planned: PlannedResource[];
  unread: { resource: Resource; probe: Probe }[];
}

/**
 * Plans all resources in order, without changing a host. Each resource is compared with the forecast that the earlier ones
 * leave, and lays its effects over it. `sightOf` returns the sight of the resource's host, or the reason why there is none.
 * Unless it `isLast`, a plan that lacks readings is incomplete: the caller reads them and plans again.
 */
export function plan(
  resources: readonly Resource[],
  sightOf: (resource: Resource) => HostSight | Problem,
  own: Forecast = new Forecast(),
  isLast = true,
): Planning {
  const supposed = withPendingHappening(resources, sightOf);
  const { planned, unread } = walk(resources, sightOf, own);
  if (unread.length > 0 && !isLast) return { planned, unread };
  const isMoving =
    planned.some(({ outcome }) => outcome.status === 'would_change') && !planned.some(cannotWork);
  if (isMoving && supposed !== undefined) walk(supposed.resources, supposed.sightOf, own);
  const sightAfter = supposed?.sightOf ?? sightOf;
  for (const [i, item] of planned.entries()) {
    const { resource, outcome } = item;
    if (cannotWork(item)) advise(item, resources.slice(i + 1), sightOf(resource));
    const isLasting = isMoving && outcome.error === undefined && !leavesFirst(resource);
    const error = isLasting
      ? undoingProblem(resource, resources.slice(i + 1), sightAfter(resource), probe =>
          unread.push({ resource, probe }),
        )?.problem
      : undefined;
    if (error !== undefined) item.outcome = { ...outcome, status: 'failed', error };
  }
  return { planned, unread };
}

/**
 * Refuses each planned resource that undoes one of an earlier play. `sightOf` knows the forecast after all of them. Returns the
 * probes that are still to be read.
 */
export function refuseUndoing(
  planned: readonly PlannedResource[],
  earlier: readonly Resource[],
  sightOf: (resource: Resource) => HostSight | Problem,
): Planning['unread'] {
  const later = planned.map(({ resource }) => resource);
  const unread: Planning['unread'] = [];
  for (const resource of earlier) {
    const undoing = undoingProblem(resource, later, sightOf(resource), probe =>
      unread.push({ resource, probe }),
    );
    const undoer = planned.find(item => item.resource === undoing?.undoer);
    if (undoing !== undefined && undoer !== undefined && undoer.outcome.error === undefined)
      undoer.outcome = { ...undoer.outcome, status: 'failed', error: undoing.problem };
  }
  return unread;
}

/**
 * Returns the resources as if every pending condition were true, or undefined if none is pending. A conflict with such a
 * resource must show in the plan: in the middle of an apply it is too late to refuse.
 */
function withPendingHappening(
  resources: readonly Resource[],
  sightOf: (resource: Resource) => HostSight | Problem,
) {
  if (!resources.some(({ waitsForOutcome }) => waitsForOutcome)) return undefined;
  const copies = new Map<Forecast, Forecast>();
  const copied = (sight: HostSight | Problem) => {
    if ('code' in sight) return sight;
    const forecast = copies.get(sight.forecast) ?? sight.forecast.copy();
    copies.set(sight.forecast, forecast);
    return { ...sight, forecast };
  };
  const sights = new Map(resources.map(resource => [resource.name, copied(sightOf(resource))]));
  return {
    resources: resources.map(one => (one.waitsForOutcome ? { ...one, when: true as const } : one)),
    sightOf: ({ name }: Resource) => sights.get(name)!,
  };
}

/** Plans each resource over the forecast that the earlier resources leave. */
function walk(
  resources: readonly Resource[],
  sightOf: (resource: Resource) => HostSight | Problem,
  own: Forecast,
): Planning {
  const reactions = reactionsByCause(resources);
  const unread: Planning['unread'] = [];
  const away: string[] = [];
  const planned = resources.map((resource, index) => {
    const outcome = (status: Outcome['status'], rest: Partial<Outcome> = {}): PlannedResource => ({
      resource,
      outcome: { ...blankOutcome(resource), status, ...rest },
    });
    const stale = resource.facts && changedFact(resource, resources.slice(0, index), own);
    if (stale !== undefined) return outcome('failed', { error: stale });
    if (resource.when === false)
      return outcome('skipped', { skipped: resource.doneBy === undefined ? 'when' : 'run_once' });
    const sight = sightOf(resource);
    if ('code' in sight) return outcome('failed', { error: sight });
    const { forecast } = sight;
    const view = viewOf(resource, sight, probe => unread.push({ resource, probe }));
    const context = { ...sight.context, verifying: false, name: resource.name };
    const comparison = compare(resource, view, context);
    const { problem, open, diff } = comparison;
    const predictedFrom = [...new Set([resource.waitsFor ?? [], comparison.from].flat())];
    if (resource.module.check) {
      const holds = diff === null && problem === undefined && !open;
      const changing = [...new Set([...own.changedResources, ...forecast.changedResources, ...away])];
      if (holds || (changing.length > 0 && !lacksProgram(problem)))
        return outcome('unchanged', { predictedFrom: holds ? [] : changing, ...(!holds && { open: true }) });
      return outcome('failed', { diff, error: problem ?? unmet(resource, diff) });
    }
    const waits = resource.when === undefined;
    if (problem !== undefined && waits) return outcome('would_change', { predictedFrom, open: true });
    if (problem !== undefined) return outcome('failed', { error: problem });
    const { work, desired, unknown } = comparison;
    if (unknown !== undefined) return outcome('unknown', { unknown, predictedFrom });
    if (work === undefined && desired !== undefined)
      return outcome('unchanged', {
        predictedFrom,
        ...(open || waits ? { open: true } : settled(resource, comparison, context)),
      });
    const {
      obstacle,
      hopes = [],
      ...seen
    } = layResource(resource, comparison, view, sight, context, reactions);
    const doubt = seen.doubt?.says ?? comparison.doubt;
    if (obstacle !== undefined) return outcome('failed', { diff, error: blockedBy(resource, obstacle) });
    if (resource.delegatedTo !== undefined) away.push(resource.name);
    const isOpen = open || waits || doubt !== undefined || hopes.length > 0;
    const shown: PlannedDiff | null =
      isOpen && diff && work ? { ...diff, kind: 'write', changes: changesOf(work, desired ?? null) } : diff;
    return outcome('would_change', {
      diff: shown,
      predictedFrom: [...new Set([...predictedFrom, ...hopes])],
      ...(isOpen && { open: true }),
      ...(doubt !== undefined && { doubt }),
      ...(seen.warning !== undefined && { warning: seen.warning.says }),
    });
  });
  return { planned, unread };
}

/** Returns the outcome of a resource that needs no change, with the reason if its module tells one. */
export function settled(
  { module, args }: Resource,
  { read }: Comparison,
  context: Context,
): Pick<Outcome, 'idle'> & { status: 'unchanged' } {
  const idle = read === undefined ? undefined : module.idle?.(read as never, args, context);
  return { status: 'unchanged', ...(idle !== undefined && { idle }) };
}

/** Adds the hint to move the later resource that brings the missing thing. */
function advise(
  { resource, outcome }: PlannedResource,
  later: readonly Resource[],
  sight: HostSight | Problem,
): void {
  if ('code' in sight || outcome.error === undefined) return;
  const trial = { ...sight, forecast: sight.forecast.copy() };
  const { view, causes } = recordCauses(viewOf(resource, trial, () => {}));
  const context = { ...sight.context, verifying: false, name: resource.name };
  const comparison = compare(resource, view, context);
  if (comparison.problem !== undefined) return;
  const { obstacle, doubt } = layResource(resource, comparison, view, trial, context, new Map());
  const isMet = obstacle === undefined && doubt === undefined;
  const bringer = isMet ? later.find(({ name }) => causes.has(name)) : undefined;
  if (bringer === undefined) return;
  const { name, at } = bringer;
  outcome.error = {
    ...outcome.error,
    hint: `"${name}" on ${lineFrom(resource.at, at)} brings it: move that before "${resource.name}".`,
  };
}

/** Returns the problem of a resource with an obstacle. */
export function blockedBy({ name, at }: Resource, { says, fix, code = 'obstacle' }: Obstacle): Problem {
  return { code, message: says, at, resource: name, ...(fix !== undefined && { hint: fix }) };
}

/** Whether a plan shows that a resource will fail. A check may still hold later, but not without its program. */
export function cannotWork({ resource, outcome }: PlannedResource): boolean {
  return outcome.status === 'failed' && (!resource.module.check || lacksProgram(outcome.error));
}

const lacksProgram = (problem: Problem | undefined): boolean => problem?.code === 'program-missing';

/** Returns the outcome of a resource that is known only after the outcome of `from`. */
export function predicted(resource: Resource, from: string): Outcome {
  return { ...blankOutcome(resource), status: 'would_change', predictedFrom: [from], open: true };
}

function blankOutcome({ name, module, secrets, delegatedTo }: Resource): Outcome {
  return {
    name,
    ...(delegatedTo && { delegatedTo: delegatedTo.name }),
    module: module.name,
    ...(module.runs && { runs: true }),
    status: 'unchanged',
    diff: null,
    predictedFrom: [],
    durationMs: 0,
    secrets,
  };
}

/** Returns the problem of a check that does not hold. */
export function unmet(resource: Resource, found: PlannedDiff | null): Problem {
  return {
    code: 'check-failed',
    message: `${resource.name}: ${found === null ? 'the answer is not the one expected' : lacks(found)}.`,
    at: resource.at,
    resource: resource.name,
  };
}
