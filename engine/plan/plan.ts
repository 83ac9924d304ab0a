import type { Outcome } from '../events.ts';
import type { Brought, Context, Diff, PlannedDiff, State } from '../module.ts';
import { Missing, type Owed, type Probe } from '../probe.ts';
import type { Problem } from '../problem.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import { diff, text } from './diff.ts';
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
  read: Record<string, unknown> | undefined;
  predictedFrom: readonly string[];
  problem?: Problem;
}

/** What the changes planned so far will have made of the host, as far as later resources ask for it. */
export class Foresight {
  readonly #brought: (Brought & { by: string })[] = [];
  readonly #owed: { unit: string; owed: Owed }[] = [];

  /** Records a resource that will change: what it brings, and who answers its change. */
  add(resource: Resource, reactions: readonly Reaction[]): void {
    if (!resource.incomplete) {
      for (const brought of resource.module.brings?.(resource.args) ?? [])
        this.#brought.push({ ...brought, by: resource.name });
    }
    for (const { unit, action } of reactions)
      this.#owed.push({ unit, owed: { action, because: resource.name, sinceS: null } });
  }

  /** The tokens that match one of `patterns` (`*` = any characters), and the resources that bring them. */
  bringers(patterns: readonly string[]): { token: string; by: string }[] {
    const expressions = patterns.map(
      pattern => new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`),
    );
    return this.#brought.filter(({ token }) => expressions.some(expression => expression.test(token)));
  }

  /** The resources whose packages may put something at `path`, by the habits of Debian's packages. */
  packagers(path: string): string[] {
    const packages = this.bringers(['package:*']);
    const settings = path.startsWith('/etc/') && !path.startsWith('/etc/systemd/system/');
    const named = !/^\/(home|root|run|srv|tmp|usr\/local)\//.test(path);
    const parts = path.split('/').map(part => `package:${part}`);
    return packages.filter(({ token }) => settings || (named && parts.includes(token))).map(({ by }) => by);
  }

  /** A reading with the planned changes laid over it, and the resources that those are from. */
  overlay(probe: Probe, value: unknown): { value: unknown; from: string[] } {
    if (probe.kind === 'owed') {
      const planned = this.#owed.filter(({ unit }) => unit === probe.unit).map(({ owed }) => owed);
      return { value: [...(value as Owed[]), ...planned], from: planned.map(owed => owed.because) };
    }
    if (probe.kind === 'content') {
      const planned = this.#brought.findLast(
        ({ token, content }) => content && token === `path:${probe.path}`,
      );
      if (planned !== undefined)
        return {
          value: { sha256: text(planned.content!).sha256, bytes: planned.content! },
          from: [planned.by],
        };
    }
    return { value, from: [] };
  }
}

/** A resource that answers another's change: see Module.reacts. */
export interface Reaction {
  to: string;
  by: string;
  unit: string;
  action: Owed['action'];
}

/** Who answers whose change, by the name of the resource that changes. */
export function reactionsOf(resources: readonly Resource[]): ReadonlyMap<string, readonly Reaction[]> {
  const reactions = new Map<string, Reaction[]>();
  for (const resource of resources) {
    if (resource.when === false || resource.incomplete) continue;
    for (const { to, unit, action } of resource.module.reacts?.(resource.args, resource.name) ?? []) {
      for (const source of resources.filter(
        ({ name, loopOf }) => to.includes(name) || (loopOf && to.includes(loopOf)),
      )) {
        reactions.set(source.name, [
          ...(reactions.get(source.name) ?? []),
          { to: source.name, by: resource.name, unit, action },
        ]);
      }
    }
  }
  return reactions;
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
  if (!(actual instanceof Missing)) {
    const found = diff(actual, module.desired(args, read));
    const packagers = found?.kind === 'create' ? packagersOf(resource, foresight) : [];
    if (found !== null && packagers.length > 0)
      return {
        diff: { ...found, kind: 'write' },
        read,
        predictedFrom: [...new Set([...packagers, ...from])],
      };
    return { diff: found, read, predictedFrom: found === null ? [] : from };
  }
  const bringers = foresight?.bringers(actual.broughtBy) ?? [];
  if (bringers.length === 0) return { ...uncompared, problem: absence(resource, actual) };
  const tokens = bringers.map(({ token }) => token);
  const predicted = module.predict?.(args, tokens, read as never) ?? null;
  return {
    diff: diff(predicted, module.desired(args, undefined)),
    read: undefined,
    predictedFrom: [...new Set([...bringers.map(({ by }) => by), ...from])],
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

/**
 * What each resource would do, in order, with nothing done. A difference that rests on what an earlier resource will
 * have changed is predicted, and says from which.
 */
export function plan(
  resources: readonly Resource[],
  observed: (resource: Resource) => Observed,
  nowS: number,
): PlannedResource[] {
  const foresight = new Foresight();
  const reactions = reactionsOf(resources);
  const changing: string[] = [];
  return resources.map(resource => {
    const outcome = (status: Outcome['status'], rest: Partial<Outcome> = {}): PlannedResource => ({
      resource,
      outcome: { ...blankOutcome(resource), status, ...rest },
    });
    if (resource.when === false) return outcome('skipped', { skipped: 'when' });
    const comparison = compare(
      resource,
      observed(resource),
      { verifying: false, nowS, name: resource.name },
      foresight,
    );
    const { problem } = comparison;
    const predictedFrom = [...new Set([resource.waitsFor ?? [], comparison.predictedFrom].flat())];
    if (resource.module.check) {
      const holds = comparison.diff === null && problem === undefined;
      if (holds || changing.length > 0)
        return outcome('unchanged', { predictedFrom: holds ? [] : changing.slice() });
      return outcome('failed', { diff: comparison.diff, error: problem ?? unmet(resource) });
    }
    if (problem !== undefined && resource.when === undefined)
      return outcome('would_change', { predictedFrom });
    if (problem !== undefined) return outcome('failed', { error: problem });
    if (comparison.diff === null && (predictedFrom.length === 0 || !resource.incomplete))
      return outcome('unchanged', { predictedFrom });
    foresight.add(resource, reactions.get(resource.name) ?? []);
    changing.push(resource.name);
    return outcome('would_change', { diff: comparison.diff, predictedFrom });
  });
}

/** A resource that comes to be known only by the outcome of `from`. */
export function predicted(resource: Resource, from: string): Outcome {
  return { ...blankOutcome(resource), status: 'would_change', predictedFrom: [from] };
}

function blankOutcome({ name, module, secrets }: Resource): Outcome {
  return {
    name,
    module: module.name,
    status: 'unchanged',
    diff: null,
    predictedFrom: [],
    durationMs: 0,
    secrets,
  };
}

/** The problem of a check that does not hold. */
export function unmet(resource: Resource): Problem {
  return {
    code: 'check-failed',
    message: `${resource.name}: the answer is not the one expected.`,
    at: resource.at,
    resource: resource.name,
  };
}

function absence(resource: Resource, missing: Missing): Problem {
  const packages = missing.broughtBy
    .filter(token => token.startsWith('package:'))
    .map(token => token.slice(8).replace('*', ''));
  return {
    code: missing.broughtBy.some(token => token.startsWith('unit:')) ? 'unit-missing' : 'program-missing',
    message: `${resource.name} needs ${missing.what}, which is not on the host, and nothing before it in the play brings it.`,
    at: resource.at,
    resource: resource.name,
    ...(packages.length === 0
      ? {}
      : { hint: `Install it first, e.g. with\n    apt: { packages: [${packages[0]}] }` }),
  };
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
