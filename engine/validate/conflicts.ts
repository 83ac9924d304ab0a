import { type Claims, presenceClaim, type StateValue, typeClaim } from '../module.ts';
import { isText } from '../module-kit/state-text.ts';
import { lineFrom, type Problem } from '../problem.ts';
import { type Resource, unlessUnknown } from '../resource.ts';
import { foldersAbove } from '../util/paths.ts';

/**
 * A problem for each pair of resources of one host that settle a thing differently: what a module claims, and every key
 * of the state that it declares. A claim that is not known offline counts as different within a play, where nobody
 * declares a thing twice, and as the same across plays, of which a later one may repeat what an earlier one declares.
 */
export function disagreements(plays: readonly (readonly Resource[])[]): Problem[] {
  const byThing = new Index();
  const byState = new Index();
  const byFolder = new Index();
  const wideByPath = new Index();
  return plays.flatMap((resources, play) =>
    resources.flatMap(resource => {
      const own = claimantOf(resource, play);
      if (own === undefined) return [];
      const things = Object.keys(own.claims);
      const paths = pathsIn(things);
      const others = new Set([
        ...things.flatMap(thing => byThing.get(thing)),
        ...own.states.flatMap(({ of }) => byState.get(of)),
        ...paths.flatMap(foldersAbove).flatMap(folder => wideByPath.get(folder)),
        ...(own.wide ? paths.flatMap(path => byFolder.get(path)) : []),
      ]);
      for (const thing of things) byThing.add(thing, own);
      for (const { of } of own.states) byState.add(of, own);
      for (const folder of new Set(paths.flatMap(foldersAbove))) byFolder.add(folder, own);
      if (own.wide) for (const path of paths) wideByPath.add(path, own);
      return [...others].flatMap(other => {
        const thing = disputed(other, own);
        return thing === undefined ? [] : [disagreement(own, other, thing)];
      });
    }),
  );
}

/** The things that a resource claims by name, and the paths among them. */
export function claimedBy(resource: Resource): { things: readonly string[]; paths: readonly string[] } {
  const things = Object.keys(takesPart(resource) ? claimsIn(resource) : {});
  return { things, paths: pathsIn(things) };
}

/** The paths that claims are about: what is there, or that something is. */
const pathsIn = (things: readonly string[]): string[] => [
  ...new Set(
    things.flatMap(thing => {
      const start = [typeClaim, presenceClaim].find(start => thing.startsWith(start));
      return start === undefined ? [] : thing.slice(start.length);
    }),
  ),
];

/** Whether a resource claims something of a path that is below one of its own. */
export function claimsOf({ module, args }: Resource, path: string): boolean {
  return Object.keys(unlessUnknown(() => module.claimsBelow?.(args, path)) ?? {}).length > 0;
}

/** Who claims by what. */
class Index {
  readonly #all = new Map<string, Claimant[]>();

  get(key: string): readonly Claimant[] {
    return this.#all.get(key) ?? [];
  }

  add(key: string, claimant: Claimant): void {
    const known = this.#all.get(key);
    if (known === undefined) this.#all.set(key, [claimant]);
    else known.push(claimant);
  }
}

/** The path that a claim of what is there is about. */
export const pathIn = (thing: string) => thing.slice(typeClaim.length);

/** What a resource manages, by which no other of its module may be called; undefined when it has no state of its own. */
export function ownedBy(resource: Resource): string | undefined {
  const { module, args } = resource;
  if (!takesPart(resource)) return undefined;
  return unlessUnknown(() => (module.verifies?.(args) === false ? undefined : module.identity(args)));
}

/**
 * Whether a resource counts as one that changes its host. An outcome that decides about it is known only in the middle of
 * an apply, too late to refuse anything, so that it counts; what a fact decides is asked again once facts are known.
 */
function takesPart({ when, waitsForOutcome, module }: Resource): boolean {
  return (when === true || waitsForOutcome === true) && module.check !== true;
}

const claimed = new WeakMap<Resource, Claims>();

/** What the module of a resource claims; nothing as long as what is claimed is not known. */
export function claimsIn(resource: Resource): Claims {
  let claims = claimed.get(resource);
  if (claims === undefined) {
    const { module, args } = resource;
    claimed.set(resource, (claims = unlessUnknown(() => module.claims?.(args)) ?? {}));
  }
  return claims;
}

function claimantOf(resource: Resource, play: number): Claimant | undefined {
  if (!takesPart(resource)) return undefined;
  const claims = claimsIn(resource);
  const own = stateOf(resource);
  const needs = unlessUnknown(() => resource.module.needs?.(resource.args)) ?? [];
  const states = [...(own === undefined ? [] : [own]), ...needs.map(of => ({ of, values: () => new Map() }))];
  if (states.length === 0 && Object.keys(claims).length === 0) return undefined;
  return { resource, play, claims, wide: resource.module.claimsBelow !== undefined, states };
}

/** What a resource declares of its own thing. A tree claims its files one by one, and others may lie beside them. */
export function stateOf(resource: Resource): OwnState | undefined {
  const owned = resource.module.files?.tree === true ? undefined : ownedBy(resource);
  if (owned === undefined) return undefined;
  let known: Values | undefined;
  return { of: `${resource.module.name} ${owned}`, values: () => (known ??= valuesOf(resource)) };
}

function valuesOf({ module, args }: Resource): Values {
  try {
    const desired = module.desired(args, undefined);
    if (desired === null) return null;
    const hidden = module.secrets?.in ?? [];
    const spelled = module.spelled?.(args) ?? {};
    const value = (key: string, shown: StateValue) => {
      // A state says of a password only that it is set.
      if (hidden.includes(key) && typeof shown === 'string') return JSON.stringify(args[key]);
      return spelled[key] ?? (isText(shown) ? shown.sha256 : JSON.stringify(shown));
    };
    return new Map(Object.entries(desired).map(([key, shown]) => [key, value(key, shown)]));
  } catch {
    // Something in it is not known before the host is read; what else may be wrong shows when it is planned.
    return unknown;
  }
}

/** The state by its keys; null = it must not exist. */
type Values = ReadonlyMap<string, string> | null | typeof unknown;

/** What a resource declares `of` its own thing, such as `pg_role app`; evaluated when somebody asks. */
interface OwnState {
  of: string;
  values(): Values;
}

interface Claimant {
  resource: Resource;
  play: number;
  claims: Claims;
  /** Whether it settles more than it names. */
  wide: boolean;
  /** Its own thing, and those that it needs: they must be there, whatever else they are like. */
  states: readonly OwnState[];
}

/** All that `a` settles, also of the paths that only `b` names. */
function claimsFacing(a: Claimant, b: Claimant): Claims {
  const { module, args } = a.resource;
  if (module.claimsBelow === undefined) return a.claims;
  const paths = pathsIn(Object.keys(b.claims).filter(thing => a.claims[thing] === undefined));
  const below = paths.map(path => unlessUnknown(() => module.claimsBelow!(args, path)) ?? {});
  return Object.assign({}, ...below, a.claims);
}

/** The first thing that two settle differently. */
function disputed(a: Claimant, b: Claimant): string | undefined {
  return disputedClaim(a, b) ?? disputedState(a, b);
}

function disputedState(a: Claimant, b: Claimant): string | undefined {
  for (const one of a.states)
    for (const other of b.states) {
      const found = disputedOf(one, other);
      if (found !== undefined) return found;
    }
  return undefined;
}

function disputedOf(a: OwnState, b: OwnState): string | undefined {
  if (a.of !== b.of) return undefined;
  const one = a.values();
  const other = b.values();
  if (one === unknown || other === unknown) return undefined;
  if (one === null || other === null) return one === other ? undefined : `whether ${a.of} exists`;
  const key = [...one.keys()].find(key => other.has(key) && other.get(key) !== one.get(key));
  return key === undefined ? undefined : `the ${key} of ${a.of}`;
}

function disputedClaim(a: Claimant, b: Claimant): string | undefined {
  const claims = claimsFacing(a, b);
  return Object.entries(claimsFacing(b, a)).find(([thing, claim]) => {
    if (claims[thing] === undefined) return false;
    const [one, other] = [claimedValue(claims[thing]), claimedValue(claim)];
    if (one === undefined || other === undefined) return false;
    return one === unknown || other === unknown ? a.play === b.play : one !== other;
  })?.[0];
}

const unknown = Symbol('unknown');

function claimedValue(claim: Claims[string]): string | undefined | typeof unknown {
  return typeof claim === 'string'
    ? claim
    : unlessUnknown<string | undefined | typeof unknown>(claim, unknown);
}

/** What to do about two resources of which perhaps only one is meant to be done. */
export function hintFor(usual: string, both: readonly Resource[]): string {
  return both.every(({ waitsForOutcome }) => waitsForOutcome !== true)
    ? usual
    : 'Both count, because their conditions are known only once earlier resources are applied: write one resource, with the choice in its arguments.';
}

function disagreement({ resource }: Claimant, other: Claimant, thing: string): Problem {
  const what = resource.secrets.length + other.resource.secrets.length > 0 ? 'the same thing' : thing;
  return {
    code: 'conflict',
    message: `${resource.name} and ${other.resource.name} (on ${lineFrom(resource.at, other.resource.at)}) disagree about ${what}.`,
    at: resource.at,
    hint: hintFor('Each would undo the other on every run: let one of them declare it.', [
      resource,
      other.resource,
    ]),
  };
}
