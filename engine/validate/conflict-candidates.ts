import type { Host } from '../host.ts';
import type { Resolved } from '../resolve/resolving.ts';
import { foldersAbove } from '../util/paths.ts';
import { Problems } from '../util/problem-collector.ts';
import { claimedBy, claimsOf, ownedBy } from './conflicts.ts';
import type { HostProblems } from './host-problems.ts';
import { thingOwned } from './resource-names.ts';
import { partsOf, type ResolvedEntry } from './shared-resources.ts';

/** Some of the resources of an entry on a host. */
export interface EntryResources {
  entry: ResolvedEntry;
  resources: readonly Resolved[];
}

/**
 * Runs `check` over the resources that share a name, an owner or a claim, once for all hosts with the same resources. No
 * other resources can conflict. `check` gets these resources by their entries.
 */
export function checkTogether(
  entries: readonly ResolvedEntry[],
  hosts: readonly Host[],
  check: (resources: readonly EntryResources[], problems: Problems) => void,
  found: HostProblems,
): void {
  for (const group of groupsOf(entries)) {
    const own = [...group].map(([entry, places]) => ({ entry, places, exact: entry.exact() }));
    const exact = own.map(each => each.exact);
    for (const part of partsOf(exact, hosts, share => share)) {
      const resources = own.map(({ entry, places, exact }) => ({
        entry,
        resources: (exact.of(part[0]!)?.resources ?? []).filter((_, place) => places.has(place)),
      }));
      const problems = new Problems();
      check(resources, problems);
      found.add(problems.all(), part);
    }
  }
}

/** Returns groups of places in the shares of entries. The resources of a group have something in common on some host. */
function groupsOf(entries: readonly ResolvedEntry[]): Map<ResolvedEntry, Set<number>>[] {
  const places: { entry: ResolvedEntry; place: number }[] = [];
  const parents: number[] = [];
  const root = (place: number): number => {
    let found = place;
    while (parents[found] !== found) found = parents[found]!;
    parents[place] = found;
    return found;
  };
  const [called, owned, claimed] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ];
  const join = (first: Map<string, number>, key: string, place: number) => {
    const known = first.get(key);
    if (known === undefined) first.set(key, place);
    else parents[root(place)] = root(known);
  };
  const wide = new Map<string, { resolved: Resolved; place: number }[]>();
  const below: { paths: readonly string[]; place: number }[] = [];
  for (const entry of entries) {
    const start = places.length;
    for (const { resources } of entry.shares)
      for (let index = 0; index < resources.length; index++) {
        const resolved = resources[index]!;
        const place = start + index;
        if (places[place] === undefined) {
          places[place] = { entry, place: index };
          parents[place] = place;
        }
        const { resource } = resolved;
        if (!resource.name.includes('«')) join(called, resource.name, place);
        const own = ownedBy(resource);
        if (own !== undefined) join(owned, thingOwned(resource, own), place);
        const { things, paths } = claimedBy(resource);
        for (const thing of things) join(claimed, thing, place);
        if (paths.length > 0) below.push({ paths, place });
        if (resource.module.claimsBelow === undefined) continue;
        for (const path of paths) wide.set(path, [...(wide.get(path) ?? []), { resolved, place }]);
      }
  }
  for (const { paths, place } of below)
    for (const path of paths)
      for (const folder of foldersAbove(path))
        for (const { resolved, place: other } of wide.get(folder) ?? [])
          if (claimsOf(resolved.resource, path)) parents[root(place)] = root(other);
  const groups = new Map<number, Map<ResolvedEntry, Set<number>>>();
  for (const [index, { entry, place }] of places.entries()) {
    const group = groups.get(root(index)) ?? new Map<ResolvedEntry, Set<number>>();
    group.set(entry, (group.get(entry) ?? new Set()).add(place));
    groups.set(root(index), group);
  }
  return [...groups.values()].filter(
    group => [...group.values()].reduce((sum, { size }) => sum + size, 0) > 1,
  );
}
