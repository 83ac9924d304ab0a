import { dirname } from 'node:path/posix';
import type { Host } from '../host.ts';
import { inNewServer } from '../host-knowledge.ts';
import { typeClaim } from '../module.ts';
import { lineFrom } from '../problem.ts';
import type { Resolved } from '../resolve/resolving.ts';
import { type Resource, unlessUnknown } from '../resource.ts';
import { foldersAbove } from '../util/paths.ts';
import { Problems } from '../util/problem-collector.ts';
import { claimsIn, pathIn, stateOf } from './conflicts.ts';
import type { HostProblems } from './host-problems.ts';
import { partsOf, type ResolvedEntry, type ResolvedShare } from './shared-resources.ts';

/** Checks for all hosts of a play that nothing needs what only a later resource brings; see `checkOrder`. */
export function checkOrderOffline(
  entries: readonly ResolvedEntry[],
  hosts: readonly Host[],
  earlier: readonly ResolvedEntry[],
  found: HostProblems,
): void {
  const [first, last] = [new Map<string, number>(), new Map<string, number>()];
  for (const [number, { shares }] of entries.entries()) {
    const all = shares.map(
      ({ resources }) => new Set(resources.flatMap(({ resource }) => broughtBy(resource))),
    );
    for (const thing of new Set(all.flatMap(things => [...things]))) {
      last.set(thing, number);
      if (!first.has(thing) && all.every(things => things.has(thing))) first.set(thing, number);
    }
  }
  const isDoubtful = (thing: string, number: number) =>
    (last.get(thing) ?? -1) >= number && (first.get(thing) ?? number) >= number;
  const doubtful = new Set(
    entries.flatMap(({ shares }, number) =>
      shares.flatMap(({ resources }) =>
        resources.flatMap(({ resource }) => needsOf(resource).filter(thing => isDoubtful(thing, number))),
      ),
    ),
  );
  const isGiven = entries.some(({ shares }) =>
    shares.some(({ resources }) => resources.some(({ resource }) => ownsBelow(resource))),
  );
  if (doubtful.size === 0 && !isGiven) return;
  for (const part of partsOf(entries, hosts, share => (isGiven ? share : roleOf(share, doubtful)))) {
    const problems = new Problems();
    checkOrder(
      entries.flatMap(entry => entry.of(part[0]!)?.resources ?? []),
      earlier,
      problems,
    );
    found.add(problems.all(), part);
  }
}

/** What the resources of a share have to do with things; the share itself where that cannot be told from its claims. */
function roleOf(share: ResolvedShare, things: ReadonlySet<string>): unknown {
  const some = (all: readonly string[]) => all.filter(thing => things.has(thing));
  const all = share.resources.map(({ resource }) => resource);
  const plays = all.flatMap(resource => {
    const [needed, brought] = [some(needsOf(resource)), some(broughtBy(resource))];
    return needed.length + brought.length === 0
      ? []
      : [[resource.when, resource.delegatedTo?.name, needed, brought]];
  });
  return all.every(resource => saysAll(resource)) ? JSON.stringify(plays) : share;
}

/** Whether its claims say all that a resource may bring. */
function saysAll(resource: Resource): boolean {
  const claims = Object.values(claimsIn(resource));
  return resource.module.verifies === undefined && claims.length > 0 && !claims.includes('link');
}

/**
 * Checks that nothing needs what only a later resource of its host brings: on a host that does not have it yet, that fails
 * for certain, and in another order it works. What earlier plays bring, on whatever host, counts as there.
 */
export function checkOrder(
  all: readonly Resolved[],
  earlier: readonly ResolvedEntry[],
  problems: Problems,
): void {
  const bringers = new Map<string, number[]>();
  for (const [place, { resource }] of all.entries())
    for (const thing of broughtBy(resource)) bringers.set(thing, [...(bringers.get(thing) ?? []), place]);
  const told = new Set<Resolved>();
  for (const [place, by] of all.entries()) {
    for (const thing of needsOf(by.resource)) {
      const isHere = ({ resource }: Resolved) => resource.delegatedTo?.name === by.resource.delegatedTo?.name;
      const later = (bringers.get(thing) ?? []).find(
        other => other > place && isHere(all[other]!) && declares(all[other]!.resource, thing),
      );
      if (later === undefined || told.has(all[later]!)) continue;
      const before = all.slice(0, place).filter(isHere);
      const isBrought = (some: readonly Resolved[]) => some.some(({ resource }) => mayBring(resource, thing));
      if (isBrought(before) || earlier.some(({ shares }) => shares.some(share => isBrought(share.resources))))
        continue;
      told.add(all[later]!);
      report(by, all[later]!, thing, problems);
    }
  }
  checkOwners(all, problems);
}

/**
 * Checks that nothing new is made in a folder whose whole content an earlier resource has given to somebody: it would
 * belong to the account that makes it until the next apply.
 */
function checkOwners(all: readonly Resolved[], problems: Problems): void {
  for (const [place, first] of all.entries()) {
    if (!ownsBelow(first.resource)) continue;
    const { module, args, delegatedTo } = first.resource;
    for (const then of all.slice(place + 1)) {
      if (!mayTakePart(then.resource) || then.resource.delegatedTo?.name !== delegatedTo?.name) continue;
      const claims = claimsIn(then.resource);
      const made = Object.entries(claims).find(([thing, type]) => {
        if (!isPath(thing) || type === 'nothing') return false;
        const given = Object.keys(unlessUnknown(() => module.claimsBelow?.(args, pathIn(thing))) ?? {});
        return given.some(each => claims[each] === undefined);
      });
      if (made === undefined) continue;
      problems.add({
        code: 'order',
        message: `"${then.resource.name}" makes ${pathIn(made[0])}, and "${first.resource.name}" before it gives all that is in its folder to another owner: the next apply would change it again.`,
        hint: `Give "${then.resource.name}" that owner and group, or move "${first.resource.name}" from ${lineFrom(then.resource.at, first.resource.at)} to a place behind it.`,
        at: then.resource.at,
        ...(then.via.length > 0 && { via: then.via }),
      });
    }
  }
}

/** Whether a resource settles who owns all that is below its path. */
function ownsBelow(resource: Resource): boolean {
  const { module, args } = resource;
  if (!mayTakePart(resource) || module.claimsBelow === undefined) return false;
  const below = unlessUnknown(() => module.claimsBelow!(args, `${module.identity(args)}/x`)) ?? {};
  return Object.keys(below).some(thing => /^the (owner|group) of /.test(thing));
}

function report(by: Resolved, bringer: Resolved, thing: string, problems: Problems): void {
  const [{ resource }, { resource: other }] = [by, bringer];
  const isSecret = resource.secrets.length + other.secrets.length > 0;
  const what = isSecret ? 'something' : isPath(thing) ? `the directory ${pathIn(thing)}` : thing;
  const givesAway = ownsBelow(other) && isPath(thing);
  problems.add({
    code: 'order',
    message: `"${resource.name}" needs ${what}, which only "${other.name}" brings, and that comes later.`,
    hint: `Move "${other.name}" from ${lineFrom(resource.at, other.at)} to a place before "${resource.name}"${givesAway ? `, and give "${resource.name}" the same owner and group` : ''}.`,
    at: resource.at,
    ...(by.via.length > 0 && { via: by.via }),
  });
}

const isPath = (thing: string) => thing.startsWith(typeClaim);

/** Whether a resource changes its host, as far as that is known. */
const mayTakePart = ({ when, module }: Resource) => when !== false && module.check !== true;

/** The things that a resource may bring; a directory comes with all that it is in. */
function broughtBy(resource: Resource): string[] {
  if (!mayTakePart(resource)) return [];
  const { module, args } = resource;
  const paths = Object.entries(claimsIn(resource)).flatMap(([thing, type]) => {
    if (!isPath(thing) || (type !== 'directory' && type !== 'link')) return [];
    const path = pathIn(thing);
    return type === 'directory' ? [...foldersAbove(path), path] : [path];
  });
  const own = unlessUnknown(() => module.identity(args));
  return [
    ...paths.map(path => `${typeClaim}${path}`),
    ...(own === undefined ? [] : [`${module.name} ${own}`]),
  ];
}

/** Whether it is for this resource to make a thing. A folder that another one is only in may be there from the beginning. */
function declares(resource: Resource, thing: string): boolean {
  return brings(resource, thing) && (!isPath(thing) || claimsIn(resource)[thing] !== undefined);
}

/** Whether a resource makes a thing, and does not take it away. */
function brings(resource: Resource, thing: string): boolean {
  if (!broughtBy(resource).includes(thing)) return false;
  return isPath(thing) || stateOf({ ...resource, when: true })?.values() !== null;
}

/** Things that a resource cannot do without, and that no host has by itself. */
function needsOf(resource: Resource): string[] {
  const { when, module, args } = resource;
  if (when !== true || module.check === true) return [];
  const claims = claimsIn(resource);
  const folders = Object.entries(claims).flatMap(([thing, type]) => {
    if (!isPath(thing) || (type !== 'file' && type !== 'link')) return [];
    const folder = dirname(pathIn(thing));
    return isOwn(folder) && claims[`${typeClaim}${folder}`] === undefined ? `${typeClaim}${folder}` : [];
  });
  const needs = unlessUnknown(() => module.needs?.(args)) ?? [];
  return [...new Set([...folders, ...needs.filter(thing => !inNewServer.has(thing))])];
}

/**
 * Whether a folder is one that neither Debian nor its packages make: by policy they stay out of /srv, /opt and homes, and
 * out of the drop-ins of the administrator. What is hidden in a home may be there from the beginning.
 */
function isOwn(folder: string): boolean {
  if (/^\/(?:home|root)\/(?:.*\/)?\./.test(folder)) return false;
  return /^\/(?:srv\/.|opt\/.|home\/[^/]+\/.|root\/.|etc\/systemd\/system\/[^/]+\.d$)/.test(folder);
}

/** Whether an earlier resource may bring something: as it declares, or in ways that only its user knows. */
function mayBring(resource: Resource, thing: string): boolean {
  if (!mayTakePart(resource)) return false;
  const { module, args } = resource;
  // Where there may be nothing to read again, it is the user's own command that does it.
  if (brings(resource, thing) || module.verifies !== undefined) return true;
  if (!isPath(thing)) return false;
  const path = pathIn(thing);
  const claims = claimsIn(resource);
  const within = [path, ...foldersAbove(path)].map(folder => claims[`${typeClaim}${folder}`]);
  return within.includes('link') || (Object.keys(claims).length === 0 && names(args, path));
}

/** Whether a text in arguments is a path, or what it is in, or is in it; also when something is not known yet. */
function names(value: unknown, path: string): boolean {
  if (typeof value === 'string')
    return value !== '/' && (value.startsWith(path) || path.startsWith(`${value}/`));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return unlessUnknown(() => Object.values(value).some(inner => names(inner, path)), true);
}
