import type { Outcome } from '../events.ts';
import { inNewServer, serverData } from '../host-knowledge.ts';
import type { Context, Obstacle, PlannedDiff } from '../module.ts';
import { type Probe, path } from '../probe.ts';
import { lineFrom, type Problem } from '../problem.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import type { Step } from '../step.ts';
import { effectsOf, kindOf } from '../steps/kinds.ts';
import { irreversible } from '../steps/risky.ts';
import { reloading } from '../steps/units.ts';
import { blank } from './blank.ts';
import { type Comparison, compare } from './compare.ts';
import { changesOf, lacks } from './diff.ts';
import { Forecast } from './forecast.ts';
import { obstacleTo } from './obstacles.ts';
import { type Reaction, reactionsOf } from './reactions.ts';
import { undone } from './rest.ts';
import { noting, type Sight, viewOf } from './sight.ts';

/** A resource with what it would do: an outcome whose status is not final yet. */
export interface PlannedResource {
  resource: Resource;
  outcome: Outcome;
}

/** How often a plan may ask for more: each time it follows links that it had not seen before. */
export const mostRounds = 8;

/** A plan, and the probes that the host has to be asked before it is certain. */
export interface Plan {
  planned: PlannedResource[];
  unread: { resource: Resource; probe: Probe }[];
}

/**
 * What each resource would do, in order, with nothing done: each is compared with the forecast that those before it
 * leave, and adds to it. `sightOf` tells of the host that a resource is done on, or why nothing is known of it.
 */
export function plan(
  resources: readonly Resource[],
  sightOf: (resource: Resource) => Sight | Problem,
  own: Forecast = new Forecast(),
): Plan {
  const reactions = reactionsOf(resources);
  const unread: Plan['unread'] = [];
  const away: string[] = [];
  const planned = resources.map(resource => {
    const outcome = (status: Outcome['status'], rest: Partial<Outcome> = {}): PlannedResource => ({
      resource,
      outcome: { ...blankOutcome(resource), status, ...rest },
    });
    if (resource.when === false)
      return outcome('skipped', { skipped: resource.doneBy === undefined ? 'when' : 'run_once' });
    const sight = sightOf(resource);
    if ('code' in sight) return outcome('failed', { error: sight });
    const { forecast } = sight;
    const view = viewOf(resource, sight, probe => unread.push({ resource, probe }));
    const context = { verifying: false, ...sight.times, name: resource.name };
    const comparison = compare(resource, view, context);
    const { problem, open, diff } = comparison;
    const predictedFrom = [...new Set([resource.waitsFor ?? [], comparison.from].flat())];
    if (resource.module.check) {
      const holds = diff === null && problem === undefined && !open;
      const changing = [...new Set([...own.changing, ...forecast.changing, ...away])];
      if (holds || (changing.length > 0 && !lacksProgram(problem)))
        return outcome('unchanged', { predictedFrom: holds ? [] : changing, ...(!holds && { open: true }) });
      return outcome('failed', { diff, error: problem ?? unmet(resource, diff) });
    }
    const waits = resource.when === undefined;
    if (problem !== undefined && waits) return outcome('would_change', { predictedFrom, open: true });
    if (problem !== undefined) return outcome('failed', { error: problem });
    const { work, desired } = comparison;
    if (work === undefined && desired !== undefined)
      return outcome('unchanged', { predictedFrom, ...((open || waits) && { open: true }) });
    const { obstacle, hopes = [], doubt } = laid(resource, comparison, view, sight, context, reactions);
    if (obstacle !== undefined && !waits)
      return outcome('failed', { diff, error: blockedBy(resource, obstacle) });
    if (resource.on !== undefined) away.push(resource.name);
    const isOpen = open || waits || doubt !== undefined || hopes.length > 0;
    const shown: PlannedDiff | null =
      isOpen && diff && work ? { ...diff, kind: 'write', changes: changesOf(work, desired ?? null) } : diff;
    return outcome('would_change', {
      diff: shown,
      predictedFrom: [...new Set([...predictedFrom, ...hopes])],
      ...(isOpen && { open: true }),
      ...(doubt !== undefined && { doubt: doubt.says }),
    });
  });
  const isMoving =
    planned.some(({ outcome }) => outcome.status === 'would_change') && !planned.some(cannotWork);
  for (const [i, item] of planned.entries()) {
    const { resource, outcome } = item;
    if (cannotWork(item)) advise(item, resources.slice(i + 1), sightOf(resource));
    const isLasting = isMoving && outcome.error === undefined;
    const error = isLasting ? undone(resource, resources, sightOf(resource)) : undefined;
    if (error !== undefined) item.outcome = { ...outcome, status: 'failed', error };
  }
  return { planned, unread };
}

/** Where a later resource would bring what one fails for want of, that is what to move. */
function advise(
  { resource, outcome }: PlannedResource,
  later: readonly Resource[],
  sight: Sight | Problem,
): void {
  if ('code' in sight || outcome.error === undefined) return;
  const trial = { ...sight, forecast: sight.forecast.copy() };
  const { view, causes } = noting(viewOf(resource, trial, () => {}));
  const context = { verifying: false, ...sight.times, name: resource.name };
  const comparison = compare(resource, view, context);
  if (comparison.problem !== undefined) return;
  const { obstacle } = laid(resource, comparison, view, trial, context, new Map());
  const bringer = obstacle === undefined ? later.find(({ name }) => causes.has(name)) : undefined;
  if (bringer === undefined) return;
  const { name, at } = bringer;
  outcome.error = {
    ...outcome.error,
    hint: `"${name}" on ${lineFrom(resource.at, at)} brings it: move that before "${resource.name}".`,
  };
}

/**
 * Lays what a resource will do over the forecast, step by step, and looks for the first that is known to fail. `hopes` are
 * the resources that it fails without, and that seldom bring what it needs.
 */
function laid(
  resource: Resource,
  comparison: Comparison<PlannedDiff>,
  view: ReturnType<typeof viewOf>,
  { forecast, imagined = false }: Sight,
  context: Context,
  reactions: ReadonlyMap<string, readonly Reaction[]>,
): { obstacle?: Obstacle | undefined; hopes?: readonly string[]; doubt?: Obstacle | undefined } {
  const { module, args, name } = resource;
  const { work, desired, certain } = comparison;
  const hopes: string[] = [];
  let doubt: Obstacle | undefined;
  const laying = {
    by: name,
    account: view.account,
    maybe: resource.when === undefined,
    unsure: comparison.open,
  };
  const noted = (reactions.get(name) ?? []).map(
    ({ unit, action }): Step => ({ do: 'owe', unit, action, because: name }),
  );
  const isNew = work?.kind === 'create' && !comparison.open;
  const state = desired && { ...(isNew ? module.initial : comparison.settled), ...desired };
  forecast.changes(resource, module.verifies?.(args) === false ? undefined : state);
  // Nothing is owed, and nothing paid, for what turns out to be as declared.
  const isDue = !comparison.open || comparison.acts === true;
  const perhaps = { ...laying, maybe: laying.maybe || !isDue };
  forecast.lay(effectsOf(noted), perhaps, view.raw);
  try {
    if (work === undefined) throw new UnknownArgument('', '');
    const isUnread = comparison.read === undefined && !imagined;
    const lacking = isUnread ? lackingInNewServer(resource, view, forecast) : undefined;
    if (lacking !== undefined) return { obstacle: lacking };
    const read = comparison.read ?? blanks(module.probes(args) as Record<string, Probe>);
    const all = imagined || isUnread ? [] : module.obstacles(args, read, work);
    // What is not certain to be read may turn out otherwise.
    const own = certain ? all.find(obstacle => !obstacle.unsure) : undefined;
    if (own !== undefined) return { obstacle: own };
    doubt = all[0];
    const steps = reloading(module.steps(work, args, read, context));
    const stuck = imagined ? undefined : irreversible(resource, [...noted, ...steps]);
    if (stuck !== undefined) return { obstacle: stuck };
    for (const step of steps) {
      const obstacle = imagined ? undefined : obstacleTo(step, view);
      if (obstacle !== undefined) return { obstacle };
      if (!imagined) hopes.push(...hopesOf(step, view));
      const effects = kindOf(step).effects(step);
      forecast.lay(effects, step.do === 'pay' ? perhaps : laying, view.raw);
    }
    const [unnoted] = imagined ? [] : noted.flatMap(step => obstacleTo(step, view) ?? []);
    if (unnoted !== undefined) return { obstacle: unnoted };
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
    forecast.lay(unknownEffects(resource), laying, view.raw);
  }
  return { hopes, doubt };
}

/** The resources that a step fails without, and that seldom bring what it needs. */
function hopesOf(step: Step, view: ReturnType<typeof viewOf>): readonly string[] {
  const hopes: string[] = [];
  const foresee = (probe: Probe) => {
    const seen = view.foresee(probe);
    if (!seen.unlikely) return seen;
    hopes.push(...seen.from);
    return {
      ...seen,
      open: false,
      ...(seen.otherwise !== undefined && { reading: { value: seen.otherwise } }),
    };
  };
  return obstacleTo(step, { ...view, foresee }) === undefined ? [] : hopes;
}

/** What a resource needs of a PostgreSQL server that is only going to be installed, and that nothing before makes. */
function lackingInNewServer(
  { module, args }: Resource,
  { foresee }: ReturnType<typeof viewOf>,
  forecast: Forecast,
): Obstacle | undefined {
  const thing = module
    .needs?.(args)
    .find(each => each.startsWith('pg_') && !inNewServer.has(each) && forecast.lacks(each));
  if (thing === undefined) return undefined;
  const { reading } = foresee(path(serverData));
  const isNew = 'value' in reading && reading.value === null;
  return isNew
    ? {
        says: `There is no ${thing} in a new server, and nothing before this makes it.`,
        fix: `Declare ${thing} in an earlier resource.`,
      }
    : undefined;
}

/** What a resource may do whose arguments are not known yet. */
function unknownEffects({ module, args }: Resource) {
  let identity = '';
  try {
    identity = module.identity(args);
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
  }
  const below = identity.startsWith('/') ? [{ on: 'below', path: identity } as const] : [];
  return [...below, { on: 'anything', text: identity } as const];
}

const blanks = (probes: Record<string, Probe>) =>
  Object.fromEntries(Object.entries(probes).map(([key, probe]) => [key, blank(probe)]));

/** The problem of a resource that is known to fail. */
export function blockedBy({ name, at }: Resource, { says, fix, code = 'obstacle' }: Obstacle): Problem {
  return { code, message: says, at, resource: name, ...(fix !== undefined && { hint: fix }) };
}

/** Whether a plan shows that a resource will fail. A check may still come to hold, but not without its program. */
export function cannotWork({ resource, outcome }: PlannedResource): boolean {
  return outcome.status === 'failed' && (!resource.module.check || lacksProgram(outcome.error));
}

const lacksProgram = (problem: Problem | undefined): boolean => problem?.code === 'program-missing';

/** A resource that comes to be known only by the outcome of `from`. */
export function predicted(resource: Resource, from: string): Outcome {
  return { ...blankOutcome(resource), status: 'would_change', predictedFrom: [from], open: true };
}

function blankOutcome({ name, module, secrets, on }: Resource): Outcome {
  return {
    name,
    ...(on && { delegatedTo: on.name }),
    module: module.name,
    status: 'unchanged',
    diff: null,
    predictedFrom: [],
    durationMs: 0,
    secrets,
  };
}

/** The problem of a check that does not hold. */
export function unmet(resource: Resource, found: PlannedDiff | null): Problem {
  return {
    code: 'check-failed',
    message: `${resource.name}: ${found === null ? 'the answer is not the one expected' : lacks(found)}.`,
    at: resource.at,
    resource: resource.name,
  };
}
