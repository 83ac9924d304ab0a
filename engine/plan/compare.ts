import { blocking, type Context, type Diff, type PlannedDiff, type State } from '../module.ts';
import { account, Missing, type Probe } from '../probe.ts';
import type { Observed } from '../probes/readings.ts';
import type { Problem } from '../problem.ts';
import { type Resource, UnknownArgument, unlessUnknown } from '../resource.ts';
import { changesOf, diff, keepsTo, withNotes } from './diff.ts';
import type { ForecastReading } from './forecast-types.ts';

/** The readings or predictions of a resource, and their differences from the declared state. */
export interface Comparison {
  diff: PlannedDiff | null;
  /** The diff to resolve; for an open state, the whole creation or removal. */
  work?: Diff | undefined;
  /** The declared state; undefined = not known. */
  desired?: State | null;
  /** The state in which an earlier resource leaves the same thing. */
  stateLeft?: State | undefined;
  read: Record<string, unknown> | undefined;
  /** The readings beside a missing thing. Of the obstacles in them only those count that always hold. */
  beside?: Record<string, unknown> | undefined;
  /** Names of the resources that the comparison depends on. */
  from: readonly string[];
  /** Whether it is not known yet if the resource differs. */
  open: boolean;
  /** Whether a change is certain although its diff is open. */
  acts?: boolean;
  /** Whether `read` is final, so that obstacles count. */
  certain: boolean;
  /** Why an apply of the resource may fail. */
  doubt?: string | undefined;
  problem?: Problem | undefined;
  /** Why the host cannot have the thing: a sentence. Then there is nothing to do. */
  unknown?: string;
}

/** The predictions that a comparison needs: from a forecast or, at the turn of a resource, from its fresh readings. */
export interface ForecastView {
  predict(probe: Probe): ForecastReading;
  /** Returns the state in which an earlier resource leaves the same thing, if `from` is open for that reason alone. */
  stateLeft(resource: Resource, from: readonly string[]): State | null | undefined;
  /** Returns the resources that may bring a missing thing, by its tokens (see Missing). */
  bringers(tokens: readonly string[]): readonly string[];
}

/** Returns the view of the readings themselves, without a forecast, for the turn of a resource. */
export function asRead(observed: Observed): ForecastView {
  return {
    predict(probe) {
      const reading = observed.of(probe);
      if (reading === undefined) throw new Error(`a ${probe.kind} probe was not read`);
      return { reading, from: [], open: false };
    },
    stateLeft: () => undefined,
    bringers: () => [],
  };
}

const unknown = { diff: null, read: undefined, certain: false } as const;

/** Compares one resource with the predictions of `view`. */
export function compare(resource: Resource, view: ForecastView, context: Context): Comparison {
  try {
    return unlessImpossible(resource, compareKnown(resource, view, context), context);
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return { ...unknown, from: [thrown.from], open: true };
    throw thrown;
  }
}

/** Returns the comparison, or one without a diff if the host cannot have the thing at all. */
function unlessImpossible({ module, args }: Resource, comparison: Comparison, context: Context): Comparison {
  const { work, read, certain } = comparison;
  if (work === undefined || read === undefined || !certain) return comparison;
  const obstacles = unlessUnknown(() => module.obstacles(args, read, work, context), []);
  const first = blocking(obstacles).find(({ unsure }) => !unsure);
  return first?.unknown ? { ...comparison, diff: null, work: undefined, unknown: first.says } : comparison;
}

function compareKnown(resource: Resource, view: ForecastView, context: Context): Comparison {
  const { module, args, name } = resource;
  const used = new Set<string>();
  const readings = () => readingsOf(resource, view, context.verifying, used);
  const actualOf = ({ missing, problem, read }: ReturnType<typeof readings>): State | null | Missing =>
    problem === undefined ? (missing?.missing ?? module.actual(read, args, context)) : null;
  let seen = readings();
  let actual = actualOf(seen);
  if (used.size > 0) {
    seen = readings();
    actual = actualOf(seen);
  }
  const { read, otherwise, from, doubts, sure, unlikely, certain, problem } = seen;
  if (problem !== undefined)
    return { ...unknown, from, open: false, problem: { ...problem, resource: name } };
  if (actual instanceof Missing) return comparisonOfMissing(resource, view, actual, seen);
  const desired = module.desired(args, read);
  const left = doubts.length > 0 && !sure ? view.stateLeft(resource, doubts) : undefined;
  // The undeclared keys of a new thing are unknown.
  const isWhole =
    actual !== null || left === null || Object.keys(desired ?? {}).every(key => key in (left ?? {}));
  const settled = isWhole ? left : undefined;
  const state = settled === undefined ? actual : settled && { ...actual, ...settled };
  const found = withNotes(diff(state, desired), module.notes?.(args, read));
  // A diff is certain if it is the same with and without the unit that a package may bring.
  const other = sure && doubts.length > 0 ? diffOf(resource, otherwise, context) : undefined;
  const isSame = other !== undefined && keepsTo(other, found);
  if (
    doubts.length === 0 ||
    settled !== undefined ||
    isSame ||
    isThereAnyway(resource, seen, desired, context)
  )
    return {
      diff: found,
      work: found ?? undefined,
      desired,
      stateLeft: settled ?? undefined,
      read,
      from,
      open: false,
      certain,
    };
  const lacking = sure && unlikely ? module.actual(otherwise, args, context) : undefined;
  const doubt =
    lacking instanceof Missing
      ? `${lacking.what} is not on the host, and nothing before it in the play has a similar name`
      : undefined;
  if (sure && found === null && doubt === undefined)
    return { diff: null, desired, read, from, open: true, certain: false };
  const without = doubt === undefined ? null : module.fresh(args, otherwise);
  const work = desired === null ? (found ?? removal(actual)) : (found ?? diff(without, desired)!);
  const shown: PlannedDiff = { ...work, kind: 'write', changes: changesOf(work, desired) };
  const acts = found !== null && other != null;
  return { diff: shown, work, desired, read, from, open: true, acts, certain: false, doubt };
}

/** Returns the diff with other readings, or undefined if they hold no state. */
function diffOf(
  { module, args }: Resource,
  read: Record<string, unknown>,
  context: Context,
): Diff | null | undefined {
  const actual = module.actual(read, args, context);
  return actual instanceof Missing ? undefined : diff(actual, module.desired(args, read));
}

/** Whether a thing to remove exists, and only what it holds is open, as the entries of a folder are. */
function isThereAnyway(
  { module, args }: Resource,
  { read, opened }: ReturnType<typeof readingsOf>,
  desired: State | null,
  context: Context,
): boolean {
  if (desired !== null || opened.some(([, { kind }]) => kind !== 'entries' && kind !== 'content'))
    return false;
  const empty = Object.fromEntries(opened.map(([key]) => [key, null]));
  const actual = module.actual({ ...read, ...empty }, args, context);
  return actual !== null && !(actual instanceof Missing);
}

/** Returns the removal of a thing that may or may not exist. */
function removal(actual: State | null): Diff {
  return diff(actual ?? {}, null)!;
}

/** Compares a resource whose state cannot be read. If an earlier resource may bring the missing thing, it counts as absent. */
function comparisonOfMissing(
  resource: Resource,
  view: ForecastView,
  { broughtBy, ...absent }: Missing,
  { read, from, doubts, missing }: ReturnType<typeof readingsOf>,
): Comparison {
  const { module, args } = resource;
  const isOpen = missing?.open;
  const tokens = doubts.length === 0 ? broughtBy : broughtBy.filter(token => !isGone(token, view));
  const bringers = view.bringers(tokens);
  const hasOthers = tokens.some(token => !token.startsWith('package:'));
  const causes = [...new Set([...bringers, ...(hasOthers || isOpen ? doubts : []), ...(isOpen ? from : [])])];
  if (causes.length === 0)
    return { ...unknown, from: [], open: false, problem: absence(resource, { broughtBy, ...absent }) };
  const desired = module.desired(args, undefined);
  const settled = view.stateLeft(resource, [...causes, ...from]);
  if (settled !== undefined && diff(settled, desired) === null)
    return { diff: null, desired, read: undefined, certain: false, from: causes, open: false };
  // A server that was only stopped comes back with its content.
  const isStopped = bringers.length === 0 && broughtBy.some(token => token.startsWith('running:'));
  if (isStopped)
    return { ...unknown, work: diff(null, desired) ?? undefined, desired, from: causes, open: true };
  const found = diff(module.fresh(args, read), desired);
  const all = [...new Set([...causes, ...from])];
  // What the module itself found missing leaves its readings whole.
  const beside = missing === undefined ? read : undefined;
  return { ...unknown, beside, diff: found, work: found ?? undefined, desired, from: all, open: true };
}

/**
 * Returns the readings for a module, the resources that they depend on, and the resources that leave them open. An open
 * reading `perhaps…` counts only once the module has used it: then its name is in `used`.
 */
function readingsOf(resource: Resource, view: ForecastView, verifying: boolean, used: Set<string>) {
  const read: Record<string, unknown> = {};
  /** The same readings, with the present reading in the place of each expected one. */
  const otherwise: Record<string, unknown> = {};
  const [from, doubts] = [new Set<string>(), new Set<string>()];
  let [sure, unlikely, certain] = [true, false, true];
  const opened: [key: string, probe: Probe][] = [];
  let missing: { missing: Missing; open: boolean } | undefined;
  let problem: Problem | undefined;
  for (const [key, probe] of Object.entries(resource.module.probes(resource.args) as Record<string, Probe>)) {
    const isNeed = key.startsWith('needs');
    // The needs of a change do not matter once it is made.
    if (isNeed && verifying) continue;
    const { reading, from: causes, open, expected, otherwise: other, ...seen } = view.predict(probe);
    if (open && key.startsWith('perhaps') && !used.has(key) && 'value' in reading) {
      const get = () => {
        used.add(key);
        return reading.value;
      };
      for (const readings of [read, otherwise])
        Object.defineProperty(readings, key, { get, enumerable: true });
      continue;
    }
    if (open && !isNeed) certain = false;
    if ('problem' in reading) problem ??= reading.problem;
    else if ('missing' in reading) {
      if (missing === undefined || !open) missing = { missing: reading.missing, open };
    } else if (!isNeed || !open) {
      read[key] = reading.value;
      otherwise[key] = other === undefined ? reading.value : other;
    }
    if (isNeed) continue;
    for (const cause of causes) from.add(cause);
    if (!open) continue;
    opened.push([key, probe]);
    for (const cause of causes) doubts.add(cause);
    if (expected !== true) sure = false;
    if (seen.unlikely === true) unlikely = true;
  }
  return {
    read,
    otherwise,
    from: [...from],
    doubts: [...doubts],
    opened,
    sure,
    unlikely,
    certain,
    missing,
    problem,
  };
}

/** Whether an earlier resource certainly leaves no account of the token `passwd:NAME`. */
function isGone(token: string, view: ForecastView): boolean {
  if (!token.startsWith('passwd:')) return false;
  const { reading, open, from } = view.predict(account('passwd', token.slice('passwd:'.length)));
  return !open && from.length > 0 && 'value' in reading && reading.value === null;
}

function absence(resource: Resource, { what, broughtBy, fix }: Missing): Problem {
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
  const isUnit = unit === undefined && first('unit:') !== undefined;
  const move =
    'Correct the name, or put the resource that brings it, such as `systemd_unit`, before this one.';
  const verbs = unit === undefined ? 'Install it' : 'Install and start it';
  return {
    code: unit !== undefined ? 'not-running' : isUnit ? 'unit-missing' : 'program-missing',
    message:
      unit === undefined
        ? `${resource.name} needs ${what}, which is not on the host, and no earlier resource of the play brings it.`
        : `${resource.name} needs ${what}, but none answers, and no earlier resource of the play starts it.`,
    at: resource.at,
    resource: resource.name,
    ...(fix !== undefined && { hint: fix }),
    ...(fix === undefined && lines.length === 0 && isUnit && { hint: move }),
    ...(fix === undefined &&
      lines.length > 0 && { hint: `${verbs} first, e.g. with\n    ${lines.join('\n    ')}` }),
  };
}
