import type { Outcome } from '../events.ts';
import type { Context, Diff, PlannedDiff, State } from '../module.ts';
import { Missing, type Probe } from '../probe.ts';
import type { Problem } from '../problem.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import { diff, lacks } from './diff.ts';
import { Foresight, reactionsOf } from './foresight.ts';
import type { Observed } from './read.ts';

/** A resource with what it would do: an outcome whose status is not final yet. */
export interface PlannedResource {
  resource: Resource;
  outcome: Outcome;
}

/** What a module wants to read of a resource; none while the arguments that say so are not known. */
export function probesOf(resource: Resource): Record<string, Probe> {
  if (resource.when === false) return {};
  try {
    return resource.module.probes(resource.args) as Record<string, Probe>;
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return {};
    throw thrown;
  }
}

/** What is read of a resource and how that differs from what it declares. */
export interface Comparison<D = Diff> {
  diff: D | null;
  /** The state that it shall have; undefined = not known. */
  desired?: State | null;
  read: Record<string, unknown> | undefined;
  predictedFrom: readonly string[];
  /** Whether it cannot be known yet how they differ. */
  isOpen?: boolean;
  problem?: Problem;
}

/** Compares one resource with what was read; `foresight` is left out when its turn has come. */
export function compare(resource: Resource, observed: Observed, context: Context): Comparison;
export function compare(
  resource: Resource,
  observed: Observed,
  context: Context,
  foresight: Foresight,
): Comparison<PlannedDiff>;
export function compare(
  resource: Resource,
  observed: Observed,
  context: Context,
  foresight?: Foresight,
): Comparison<PlannedDiff> {
  try {
    return compareKnown(resource, observed, context, foresight);
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return { ...uncompared, predictedFrom: [thrown.from] };
    throw thrown;
  }
}

const uncompared = { diff: null, read: undefined, predictedFrom: [] } as const;

function compareKnown(
  resource: Resource,
  observed: Observed,
  context: Context,
  foresight: Foresight | undefined,
): Comparison<PlannedDiff> {
  const { module, args, name } = resource;
  const { read, from, missing, problem } = readingsOf(resource, observed, foresight);
  if (problem !== undefined) return { ...uncompared, problem: { ...problem, resource: name } };
  const actual: State | null | Missing = missing ?? module.actual(read, args, context);
  const earlier = foresight?.become(resource);
  if (earlier !== undefined) {
    const known = actual instanceof Missing ? null : actual;
    const desired = module.desired(args, actual instanceof Missing ? undefined : read);
    const found = diff(earlier.state && { ...known, ...earlier.state }, desired);
    return { diff: found, desired, read, predictedFrom: [...new Set([earlier.by, ...from])] };
  }
  if (!(actual instanceof Missing)) {
    const desired = module.desired(args, read);
    const found = diff(actual, desired);
    const packagers = found?.kind === 'create' ? packagersOf(resource, foresight) : [];
    if (found !== null && packagers.length > 0) {
      const predictedFrom = [...new Set([...packagers, ...from])];
      return { diff: { ...found, kind: 'write' }, desired, read, predictedFrom };
    }
    return { diff: found, desired, read, predictedFrom: found === null ? [] : from };
  }
  const bringers = foresight?.bringers(actual.broughtBy) ?? [];
  if (bringers.length === 0) return { ...uncompared, problem: absence(resource, actual) };
  const tokens = bringers.map(({ token }) => token);
  const predictedFrom = [...new Set([...bringers.map(({ by }) => by), ...from])];
  // What was only stopped comes back with what is in it.
  if (tokens.every(token => token.startsWith('running:')))
    return { ...uncompared, isOpen: true, predictedFrom };
  const predicted = module.predict?.(args, tokens, read as never) ?? null;
  const desired = module.desired(args, undefined);
  return {
    diff: diff(predicted, desired),
    desired,
    read: undefined,
    predictedFrom,
  };
}

/** Whose packages may come to be in the way of a resource that is the thing at its path. */
function packagersOf({ module, args }: Resource, foresight: Foresight | undefined): string[] {
  const identity = module.identity(args);
  const isPath = module.brings?.(args).some(({ token }) => token === `path:${identity}`);
  return isPath ? (foresight?.packagers(identity) ?? []) : [];
}

/** What was read for a module, with the planned changes laid over it, and the resources that those are from. */
function readingsOf({ module, args }: Resource, observed: Observed, foresight: Foresight | undefined) {
  const read: Record<string, unknown> = {};
  const from = new Set<string>();
  let missing: Missing | undefined;
  let problem: Problem | undefined;
  for (const [key, probe] of Object.entries(module.probes(args) as Record<string, Probe>)) {
    const reading = observed.of(probe);
    if (reading === undefined) throw new Error(`${module.name}: the probe ${key} was not read`);
    if ('problem' in reading) problem ??= reading.problem;
    else if ('missing' in reading) missing ??= reading.missing;
    else {
      const laid = foresight?.overlay(probe, reading.value) ?? { value: reading.value, from: [] };
      read[key] = laid.value;
      for (const source of laid.from) from.add(source);
    }
  }
  return { read, from: [...from], missing, problem };
}

/** What is known of the host that a resource is delegated to. */
export interface Sight {
  observed: Observed;
  times: Pick<Context, 'nowS' | 'plannedS'>;
  /** What changes planned so far will have made of that host. */
  foresight: Foresight;
}

/**
 * What each resource would do, in order, with nothing done. A difference that rests on what an earlier resource will
 * have changed is predicted, and says from which. `foresight` is what earlier plays will
 * have changed, `elsewhere` what is known of other hosts, or why nothing is.
 */
export function plan(
  resources: readonly Resource[],
  observed: (resource: Resource) => Observed,
  times: Pick<Context, 'nowS' | 'plannedS'>,
  foresight = new Foresight(),
  elsewhere: (resource: Resource) => Sight | Problem = ({ name }) => {
    throw new Error(`the host of ${name} was not entered`);
  },
): PlannedResource[] {
  const reactions = reactionsOf(resources);
  const away: string[] = [];
  return resources.map(resource => {
    const outcome = (status: Outcome['status'], rest: Partial<Outcome> = {}): PlannedResource => ({
      resource,
      outcome: { ...blankOutcome(resource), status, ...rest },
    });
    if (resource.when === false)
      return outcome('skipped', { skipped: resource.doneBy === undefined ? 'when' : 'run_once' });
    const sight = resource.on ? elsewhere(resource) : { observed: observed(resource), times, foresight };
    if ('code' in sight) return outcome('failed', { error: sight });
    const comparison = compare(
      resource,
      sight.observed,
      { verifying: false, ...sight.times, name: resource.name },
      sight.foresight,
    );
    const { problem } = comparison;
    const predictedFrom = [...new Set([resource.waitsFor ?? [], comparison.predictedFrom].flat())];
    if (resource.module.check) {
      const holds = comparison.diff === null && problem === undefined;
      const changing = [...new Set([...foresight.changing, ...sight.foresight.changing, ...away])];
      if (holds || (changing.length > 0 && !lacksProgram(problem)))
        return outcome('unchanged', { predictedFrom: holds ? [] : changing });
      return outcome('failed', { diff: comparison.diff, error: problem ?? unmet(resource, comparison.diff) });
    }
    if (problem !== undefined && resource.when === undefined)
      return outcome('would_change', { predictedFrom });
    if (problem !== undefined) return outcome('failed', { error: problem });
    const isOpen = comparison.isOpen || (predictedFrom.length > 0 && resource.incomplete);
    if (comparison.diff === null && !isOpen) return outcome('unchanged', { predictedFrom });
    sight.foresight.add(resource, reactions.get(resource.name) ?? [], comparison.desired);
    if (resource.on !== undefined) away.push(resource.name);
    return outcome('would_change', { diff: comparison.diff, predictedFrom });
  });
}

/** Whether a plan shows that a resource will fail. A check may still come to hold, but not without its program. */
export function cannotWork({ resource, outcome }: PlannedResource): boolean {
  return outcome.status === 'failed' && (!resource.module.check || lacksProgram(outcome.error));
}

const lacksProgram = (problem: Problem | undefined): boolean => problem?.code === 'program-missing';

/** A resource that comes to be known only by the outcome of `from`. */
export function predicted(resource: Resource, from: string): Outcome {
  return { ...blankOutcome(resource), status: 'would_change', predictedFrom: [from] };
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

function absence(resource: Resource, { what, broughtBy }: Missing): Problem {
  const first = (kind: string) =>
    broughtBy
      .find(token => token.startsWith(kind))
      ?.slice(kind.length)
      .replace('*', '');
  const [program, unit] = [first('package:'), first('running:')];
  const lines = [
    ...(program === undefined ? [] : [`apt: { packages: [${program}] }`]),
    ...(unit === undefined ? [] : [`service: { name: ${unit}, state: running }`]),
  ];
  const verbs = unit === undefined ? 'Install it' : 'Install and start it';
  return {
    code: unit !== undefined ? 'not-running' : first('unit:') ? 'unit-missing' : 'program-missing',
    message:
      unit === undefined
        ? `${resource.name} needs ${what}, which is not on the host, and nothing before it in the play brings it.`
        : `${resource.name} needs ${what}, but none answers, and nothing before it in the play starts it.`,
    at: resource.at,
    resource: resource.name,
    ...(lines.length > 0 && { hint: `${verbs} first, e.g. with\n    ${lines.join('\n    ')}` }),
  };
}
