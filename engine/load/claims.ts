import { type Claims, typeClaim } from '../module.ts';
import { lineFrom, type Problem } from '../problem.ts';
import { type Resource, unlessUnknown } from '../resource.ts';

/**
 * A problem for each pair of resources of one host that settle a thing differently. What is not known offline counts
 * as different within a play, where nobody declares a thing twice, and as the same across plays, of which a later one
 * may repeat what an earlier one declares.
 */
export function disagreements(plays: readonly (readonly Resource[])[]): Problem[] {
  const byThing = new Index();
  const byFolder = new Index();
  const wideByPath = new Index();
  return plays.flatMap((resources, play) =>
    resources.flatMap(resource => {
      const own = claimantOf(resource, play);
      if (own === undefined) return [];
      const things = Object.keys(own.claims);
      const paths = things.filter(thing => thing.startsWith(typeClaim)).map(pathIn);
      const others = new Set([
        ...things.flatMap(thing => byThing.get(thing)),
        ...paths.flatMap(foldersOf).flatMap(folder => wideByPath.get(folder)),
        ...(own.wide ? paths.flatMap(path => byFolder.get(path)) : []),
      ]);
      for (const thing of things) byThing.add(thing, own);
      for (const folder of new Set(paths.flatMap(foldersOf))) byFolder.add(folder, own);
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
  const things = Object.keys(claimantOf(resource, 0)?.claims ?? {});
  return { things, paths: things.filter(thing => thing.startsWith(typeClaim)).map(pathIn) };
}

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

const pathIn = (thing: string) => thing.slice(typeClaim.length);

/** Every folder that a path is in, without the root, which nobody declares as a whole. */
export function foldersOf(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index)).filter(folder => folder !== '');
}

function claimantOf(resource: Resource, play: number): Claimant | undefined {
  const { when, module, args } = resource;
  if (when !== true || module.check === true || module.claims === undefined) return undefined;
  const claims = unlessUnknown(() => module.claims!(args));
  return claims && { resource, play, claims, wide: module.claimsBelow !== undefined };
}

interface Claimant {
  resource: Resource;
  play: number;
  claims: Claims;
  /** Whether it settles more than it names. */
  wide: boolean;
}

/** All that `a` settles, also of the paths that only `b` names. */
function claimsFacing(a: Claimant, b: Claimant): Claims {
  const { module, args } = a.resource;
  if (module.claimsBelow === undefined) return a.claims;
  const paths = Object.keys(b.claims)
    .filter(thing => thing.startsWith(typeClaim) && a.claims[thing] === undefined)
    .map(pathIn);
  const below = paths.map(path => unlessUnknown(() => module.claimsBelow!(args, path)) ?? {});
  return Object.assign({}, ...below, a.claims);
}

/** The first thing that two settle differently. */
function disputed(a: Claimant, b: Claimant): string | undefined {
  const claims = claimsFacing(a, b);
  return Object.entries(claimsFacing(b, a)).find(([thing, claim]) => {
    if (claims[thing] === undefined) return false;
    const [one, other] = [settled(claims[thing]), settled(claim)];
    if (one === undefined || other === undefined) return false;
    return one === unknown || other === unknown ? a.play === b.play : one !== other;
  })?.[0];
}

const unknown = Symbol('unknown');

function settled(claim: Claims[string]): string | undefined | typeof unknown {
  return typeof claim === 'string'
    ? claim
    : unlessUnknown<string | undefined | typeof unknown>(claim, unknown);
}

function disagreement({ resource }: Claimant, other: Claimant, thing: string): Problem {
  const what = resource.secrets.length + other.resource.secrets.length > 0 ? 'the same thing' : thing;
  return {
    code: 'conflict',
    message: `${resource.name} and ${other.resource.name} (on ${lineFrom(resource.at, other.resource.at)}) disagree about ${what}.`,
    at: resource.at,
    hint: 'Each would undo the other on every run: let one of them declare it.',
  };
}
