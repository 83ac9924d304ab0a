import { type Claims, pathOf, type StateValue } from '../module.ts';
import { isText } from '../module-kit/state-text.ts';
import { lineFrom, type Problem } from '../problem.ts';
import { leavesFirst, type Resource, thingOf, unlessUnknown } from '../resource.ts';
import { foldersAbove } from '../util/paths.ts';

/**
 * Returns a problem for each pair of resources of one host that disagree about a claim or about a key of a declared state. A
 * claim that is unknown offline counts as different within a play, where nobody declares a thing twice. Across plays it
 * counts as equal, because a later play may repeat a declaration.
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
      const folders = [...new Set(paths.flatMap(foldersAbove))];
      const others = new Set([
        ...things.flatMap(thing => byThing.get(thing)),
        ...own.states.flatMap(({ of }) => byState.get(of)),
        ...folders.flatMap(folder => wideByPath.get(folder)),
        ...(own.wide ? paths.flatMap(path => byFolder.get(path)) : []),
      ]);
      for (const thing of things) byThing.add(thing, own);
      for (const { of } of own.states) byState.add(of, own);
      for (const folder of folders) byFolder.add(folder, own);
      if (own.wide) for (const path of paths) wideByPath.add(path, own);
      return [...others].flatMap(other => {
        const thing = isMeant(other, own) ? undefined : disputed(other, own);
        return thing === undefined ? [] : [disagreement(own, other, thing)];
      });
    }),
  );
}

/** Whether two resources may disagree, because a host leaves before its change and comes back after it. */
function isMeant(a: Claimant, b: Claimant): boolean {
  return leavesFirst(a.resource) !== leavesFirst(b.resource);
}

/** Returns the claims of a resource by name, and the paths that they are about. */
export function claimedBy(resource: Resource): { things: readonly string[]; paths: readonly string[] } {
  const things = Object.keys(takesPart(resource) ? claimsIn(resource) : {});
  return { things, paths: pathsIn(things) };
}

/** Returns the paths of claims on types and presence. */
const pathsIn = (things: readonly string[]): string[] => [
  ...new Set(things.flatMap(thing => pathOf(thing) ?? [])),
];

/** Whether a resource has claims on a path below one of its own. */
export function claimsOf({ module, args }: Resource, path: string): boolean {
  return Object.keys(unlessUnknown(() => module.claimsBelow?.(args, path)) ?? {}).length > 0;
}

/** Claimants by a key, such as the name of a claim. */
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

/** Returns the identity of the thing that a resource alone manages, or undefined if it has no state of its own. */
export function ownedBy(resource: Resource): string | undefined {
  const { module, args } = resource;
  if (!takesPart(resource)) return undefined;
  return unlessUnknown(() => (module.verifies?.(args) === false ? undefined : module.identity(args)));
}

/**
 * Whether a resource counts as one that changes its host. A resource that waits for an outcome counts, because its conflict
 * would show only in the middle of an apply, too late to refuse. A resource that waits for a fact is checked again with
 * facts.
 */
function takesPart({ when, waitsForOutcome, module }: Resource): boolean {
  return (when === true || waitsForOutcome === true) && module.check !== true;
}

const claimed = new WeakMap<Resource, Claims>();

/** Returns the claims of a resource; none while they are unknown. */
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

/** Returns the declared state of a resource's own thing. A tree has none: it claims its files one by one. */
export function stateOf(resource: Resource): OwnState | undefined {
  if (resource.module.files?.tree === true || ownedBy(resource) === undefined) return undefined;
  let known: Values | undefined;
  return { of: thingOf(resource), values: () => (known ??= valuesOf(resource)) };
}

function valuesOf({ module, args }: Resource): Values {
  try {
    const desired = module.desired(args, undefined);
    if (desired === null) return null;
    const hidden = module.secrets?.in ?? [];
    const spelled = module.spelled?.(args) ?? {};
    const value = (key: string, shown: StateValue) => {
      // A state holds of a password only the fact that it is set.
      if (hidden.includes(key) && typeof shown === 'string') return JSON.stringify(args[key]);
      return spelled[key] ?? (isText(shown) ? shown.sha256 : JSON.stringify(shown));
    };
    return new Map(Object.entries(desired).map(([key, shown]) => [key, value(key, shown)]));
  } catch {
    // Some value is not known before the host is read. Any other mistake shows in the plan.
    return unknown;
  }
}

/** The state by its keys; null = the thing must not exist. */
type Values = ReadonlyMap<string, string> | null | typeof unknown;

/** The declared state `of` a thing, such as `pg_role app`; evaluated on demand. */
interface OwnState {
  of: string;
  values(): Values;
}

interface Claimant {
  resource: Resource;
  play: number;
  claims: Claims;
  /** Whether it also claims paths that it does not name. */
  wide: boolean;
  /** The states of its own thing and of the things that it needs, which must exist. */
  states: readonly OwnState[];
}

/** Returns all claims of `a`, with those on paths that only `b` names. */
function claimsFacing(a: Claimant, b: Claimant): Claims {
  const { module, args } = a.resource;
  if (module.claimsBelow === undefined) return a.claims;
  const paths = pathsIn(Object.keys(b.claims).filter(thing => a.claims[thing] === undefined));
  const below = paths.map(path => unlessUnknown(() => module.claimsBelow!(args, path)) ?? {});
  return Object.assign({}, ...below, a.claims);
}

/** Returns the first thing that two claimants disagree about. */
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

/** Returns the hint for two conflicting resources. Perhaps only one of them is meant to take effect. */
export function hintFor(usual: string, both: readonly Resource[]): string {
  return both.every(({ waitsForOutcome }) => waitsForOutcome !== true)
    ? usual
    : 'Both count, because their conditions are known only after earlier resources are applied. Write one resource, with the choice in its arguments.';
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
