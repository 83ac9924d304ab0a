import { dirname } from 'node:path/posix';
import type { Host } from '../host.ts';
import { inNewServer } from '../host-knowledge.ts';
import { attributeOf, pathOf, typeClaim } from '../module.ts';
import { lineFrom } from '../problem.ts';
import type { Resolved } from '../resolve/resolving.ts';
import { type Resource, thingOf, unlessUnknown } from '../resource.ts';
import { foldersAbove } from '../util/paths.ts';
import { Problems } from '../util/problem-collector.ts';
import { claimsIn, stateOf } from './conflicts.ts';
import type { HostProblems } from './host-problems.ts';
import { partsOf, type ResolvedEntry, type ResolvedShare } from './shared-resources.ts';

/** Runs `checkOrder` for all hosts of a play. */
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

/** Returns the needs and the brought things of a share among `things`, or the share itself if its claims do not tell. */
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

/** Whether the claims of a resource include everything that it may bring. */
function saysAll(resource: Resource): boolean {
  const claims = Object.values(claimsIn(resource));
  return resource.module.verifies === undefined && claims.length > 0 && !claims.includes('link');
}

/**
 * Checks that no resource needs a thing that only a later resource of its host brings. On a host without the thing it would
 * certainly fail, and in another order it works. A thing that an earlier play brings, on any host, counts as present.
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
 * Checks that no resource creates a thing in a folder whose whole content an earlier resource gives to another owner. The new
 * thing would belong to the account that creates it, until the next apply.
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
        const given = Object.keys(unlessUnknown(() => module.claimsBelow?.(args, pathOf(thing)!)) ?? {});
        return given.some(each => claims[each] === undefined);
      });
      if (made === undefined) continue;
      problems.add({
        code: 'order',
        message: `"${then.resource.name}" makes ${pathOf(made[0])!}, and "${first.resource.name}" before it gives all that is in its folder to another owner: the next apply would change it again.`,
        hint: `Give "${then.resource.name}" that owner and group, or move "${first.resource.name}" from ${lineFrom(then.resource.at, first.resource.at)} to a place behind it.`,
        at: then.resource.at,
        ...(then.via.length > 0 && { via: then.via }),
      });
    }
  }
}

/** Whether a resource claims the owner of everything below its path. */
function ownsBelow(resource: Resource): boolean {
  const { module, args } = resource;
  if (!mayTakePart(resource) || module.claimsBelow === undefined) return false;
  const below = unlessUnknown(() => module.claimsBelow!(args, `${module.identity(args)}/x`)) ?? {};
  return Object.keys(below).some(claim => ['owner', 'group'].includes(attributeOf(claim) ?? ''));
}

function report(by: Resolved, bringer: Resolved, thing: string, problems: Problems): void {
  const [{ resource }, { resource: other }] = [by, bringer];
  const isSecret = resource.secrets.length + other.secrets.length > 0;
  const what = isSecret ? 'something' : isPath(thing) ? `the directory ${pathOf(thing)!}` : thing;
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

/** Returns the things that a resource may bring. A directory comes with all folders above it. */
function broughtBy(resource: Resource): string[] {
  if (!mayTakePart(resource)) return [];
  const paths = Object.entries(claimsIn(resource)).flatMap(([thing, type]) => {
    if (!isPath(thing) || (type !== 'directory' && type !== 'link')) return [];
    const path = pathOf(thing)!;
    return type === 'directory' ? [...foldersAbove(path), path] : [path];
  });
  const own = unlessUnknown(() => thingOf(resource));
  return [...paths.map(path => `${typeClaim}${path}`), ...(own === undefined ? [] : [own])];
}

/** Whether a resource declares a thing. A folder above its own path may exist from the beginning, and does not count. */
function declares(resource: Resource, thing: string): boolean {
  return brings(resource, thing) && (!isPath(thing) || claimsIn(resource)[thing] !== undefined);
}

/** Whether a resource brings a thing and does not remove it. */
function brings(resource: Resource, thing: string): boolean {
  if (!broughtBy(resource).includes(thing)) return false;
  return isPath(thing) || stateOf({ ...resource, when: true })?.values() !== null;
}

/** Returns the things that a resource needs and that no fresh host has. */
function needsOf(resource: Resource): string[] {
  const { when, module, args } = resource;
  if (when !== true || module.check === true) return [];
  const claims = claimsIn(resource);
  const folders = Object.entries(claims).flatMap(([thing, type]) => {
    if (!isPath(thing) || (type !== 'file' && type !== 'link')) return [];
    const folder = dirname(pathOf(thing)!);
    return isOwn(folder) && claims[`${typeClaim}${folder}`] === undefined ? `${typeClaim}${folder}` : [];
  });
  const needs = unlessUnknown(() => module.needs?.(args)) ?? [];
  return [...new Set([...folders, ...needs.filter(thing => !inNewServer.has(thing))])];
}

/**
 * Whether neither Debian nor its packages create a folder: by policy they keep out of /srv, /opt, homes and the drop-ins of
 * the administrator. A hidden folder in a home may exist from the beginning.
 */
function isOwn(folder: string): boolean {
  if (/^\/(?:home|root)\/(?:.*\/)?\./.test(folder)) return false;
  return /^\/(?:srv\/.|opt\/.|home\/[^/]+\/.|root\/.|etc\/systemd\/system\/[^/]+\.d$)/.test(folder);
}

/** Whether an earlier resource may bring a thing, by its declaration or in a way that only the user knows. */
function mayBring(resource: Resource, thing: string): boolean {
  if (!mayTakePart(resource)) return false;
  const { module, args } = resource;
  // A resource without verification is a command of the user, which may bring anything.
  if (brings(resource, thing) || module.verifies !== undefined) return true;
  if (!isPath(thing)) return false;
  const path = pathOf(thing)!;
  const claims = claimsIn(resource);
  const within = [path, ...foldersAbove(path)].map(folder => claims[`${typeClaim}${folder}`]);
  return within.includes('link') || (Object.keys(claims).length === 0 && names(args, path));
}

/** Whether a text in arguments is the path, a folder above it or a path below it. Unknown arguments count as one. */
function names(value: unknown, path: string): boolean {
  if (typeof value === 'string')
    return value !== '/' && (value.startsWith(path) || path.startsWith(`${value}/`));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return unlessUnknown(() => Object.values(value).some(inner => names(inner, path)), true);
}
