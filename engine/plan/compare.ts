import type { Context, Diff, PlannedDiff, State } from '../module.ts';
import { Missing, type Probe } from '../probe.ts';
import type { Observed } from '../probes/readings.ts';
import type { Problem } from '../problem.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import { changesOf, diff, keepsTo } from './diff.ts';
import type { ForecastReading } from './forecast.ts';

/** What is read, or foreseen, of a resource and how that differs from what it declares. */
export interface Comparison {
  diff: PlannedDiff | null;
  /** The same as what there is to do about; of something open, as if it had to be made or removed. */
  work?: Diff | undefined;
  /** The state that it shall have; undefined = not known. */
  desired?: State | null;
  /** What an earlier resource of the very same thing made of it. */
  stateLeft?: State | undefined;
  read: Record<string, unknown> | undefined;
  /** Names of the resources that it rests on. */
  from: readonly string[];
  /** Whether it cannot be known yet whether there is such a difference. */
  open: boolean;
  /** Whether there is some difference all the same. */
  acts?: boolean;
  /** Whether `read` is as it will be, for what would make every apply fail. */
  certain: boolean;
  problem?: Problem | undefined;
}

/** What a comparison asks of a forecast, or of what was read at its turn. */
export interface ForecastView {
  predict(probe: Probe): ForecastReading;
  /** What the resource of the very same thing will have made of it, where that alone is why `from` is open. */
  stateLeft(resource: Resource, from: readonly string[]): State | null | undefined;
  /** The resources that may bring what one of `tokens` names. */
  bringers(tokens: readonly string[]): readonly string[];
}

/** What was read, without a forecast: when the turn of a resource has come. */
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

/** Compares one resource with what is foreseen; at its turn, with what was read. */
export function compare(resource: Resource, view: ForecastView, context: Context): Comparison {
  try {
    return compareKnown(resource, view, context);
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return { ...unknown, from: [thrown.from], open: true };
    throw thrown;
  }
}

function compareKnown(resource: Resource, view: ForecastView, context: Context): Comparison {
  const { module, args, name } = resource;
  const { read, otherwise, from, doubts, sure, certain, missing, problem } = readingsOf(
    resource,
    view,
    context.verifying,
  );
  if (problem !== undefined)
    return { ...unknown, from, open: false, problem: { ...problem, resource: name } };
  const actual: State | null | Missing = missing?.missing ?? module.actual(read, args, context);
  if (actual instanceof Missing)
    return comparisonOfMissing(resource, view, actual, read, from, doubts, missing?.open);
  const desired = module.desired(args, read);
  const left = doubts.length > 0 && !sure ? view.stateLeft(resource, doubts) : undefined;
  // Of something new, what was not declared is as it comes.
  const isWhole =
    actual !== null || left === null || Object.keys(desired ?? {}).every(key => key in (left ?? {}));
  const settled = isWhole ? left : undefined;
  const state = settled === undefined ? actual : settled && { ...actual, ...settled };
  const found = diff(state, desired);
  // What is the same whether a package brings a unit or not is certain.
  const other = sure && doubts.length > 0 ? diffOf(resource, otherwise, context) : undefined;
  const isSame = other !== undefined && keepsTo(other, found);
  if (doubts.length === 0 || settled !== undefined || isSame)
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
  if (sure && found === null) return { diff: null, desired, read, from, open: true, certain: false };
  const work = desired === null ? (found ?? removal(actual)) : (found ?? diff(null, desired)!);
  const shown: PlannedDiff = { ...work, kind: 'write', changes: changesOf(work, desired) };
  const acts = found !== null && other != null;
  return { diff: shown, work, desired, read, from, open: true, acts, certain: false };
}

/** The difference with other readings; undefined where the state cannot be known. */
function diffOf(
  { module, args }: Resource,
  read: Record<string, unknown>,
  context: Context,
): Diff | null | undefined {
  const actual = module.actual(read, args, context);
  return actual instanceof Missing ? undefined : diff(actual, module.desired(args, read));
}

/** A removal of something that may or may not be there. */
function removal(actual: State | null): Diff {
  return diff(actual ?? {}, null)!;
}

/** A state that cannot be read yet is that of what does not exist, where something earlier may bring what it needs. */
function comparisonOfMissing(
  resource: Resource,
  view: ForecastView,
  missing: Missing,
  read: Record<string, unknown>,
  from: readonly string[],
  doubts: readonly string[],
  isOpen: boolean | undefined,
): Comparison {
  const { module, args } = resource;
  const { broughtBy } = missing;
  const bringers = view.bringers(broughtBy);
  const hasOthers = broughtBy.some(token => !token.startsWith('package:'));
  const causes = [...new Set([...bringers, ...(hasOthers || isOpen ? doubts : []), ...(isOpen ? from : [])])];
  if (causes.length === 0) return { ...unknown, from: [], open: false, problem: absence(resource, missing) };
  const desired = module.desired(args, undefined);
  const settled = view.stateLeft(resource, [...causes, ...from]);
  if (settled !== undefined && diff(settled, desired) === null)
    return { diff: null, desired, read: undefined, certain: false, from: causes, open: false };
  // What was only stopped comes back with what is in it.
  const isStopped = bringers.length === 0 && broughtBy.some(token => token.startsWith('running:'));
  if (isStopped)
    return { ...unknown, work: diff(null, desired) ?? undefined, desired, from: causes, open: true };
  const found = diff(module.fresh(args, read), desired);
  const all = [...new Set([...causes, ...from])];
  return { ...unknown, diff: found, work: found ?? undefined, desired, from: all, open: true };
}

/** What is foreseen for a module: its readings, what they rest on, and what of that is not certain. */
function readingsOf(resource: Resource, view: ForecastView, verifying: boolean) {
  const read: Record<string, unknown> = {};
  /** The same with what is read now in the place of what is only expected. */
  const otherwise: Record<string, unknown> = {};
  const [from, doubts] = [new Set<string>(), new Set<string>()];
  let [sure, certain] = [true, true];
  let missing: { missing: Missing; open: boolean } | undefined;
  let problem: Problem | undefined;
  for (const [key, probe] of Object.entries(resource.module.probes(resource.args) as Record<string, Probe>)) {
    const isNeed = key.startsWith('needs');
    // What a change would need does not matter once it is made.
    if (isNeed && verifying) continue;
    const { reading, from: causes, open, expected, otherwise: other } = view.predict(probe);
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
    for (const cause of causes) doubts.add(cause);
    if (expected !== true) sure = false;
  }
  return { read, otherwise, from: [...from], doubts: [...doubts], sure, certain, missing, problem };
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
  const verbs = unit === undefined ? 'Install it' : 'Install and start it';
  return {
    code: unit !== undefined ? 'not-running' : first('unit:') ? 'unit-missing' : 'program-missing',
    message:
      unit === undefined
        ? `${resource.name} needs ${what}, which is not on the host, and nothing before it in the play brings it.`
        : `${resource.name} needs ${what}, but none answers, and nothing before it in the play starts it.`,
    at: resource.at,
    resource: resource.name,
    ...(fix !== undefined && { hint: fix }),
    ...(fix === undefined &&
      lines.length > 0 && { hint: `${verbs} first, e.g. with\n    ${lines.join('\n    ')}` }),
  };
}
