import type { Host } from '../host.ts';
import { Alike } from './alike.ts';
import { referencesIn, type Texts } from './facts-used.ts';
import type { HostProblems } from './host-problems.ts';
import { checkOverlaps, checkReferred, reactionsOf } from './names.ts';
import { checkTogether, Entry, partsOf, type Share } from './overlaps.ts';
import type { PlayText } from './playbook.ts';
import { Problems } from './problems.ts';
import { Reach } from './reach.ts';
import {
  type Around,
  aroundPlay,
  becomeOfPlay,
  type Resolved,
  type Resolving,
  register,
  resolveEntry,
} from './resolve.ts';
import { isInclude } from './resource-text.ts';
import { type Surroundings, scopeOf } from './scope.ts';
import { referencesOf } from './tree.ts';

/** What the names in a play lead to, by way of the variables of all hosts and of what its resources register. */
export function reachOf(play: PlayText, { inventory, variables }: Surroundings, texts: Texts): Reach {
  const levels = new Set([
    ...variables,
    ...[...inventory.hosts.keys()].flatMap(name => inventory.variablesOf(name)),
  ]);
  return new Reach([
    ...[...levels].map(({ name, tree }) => [name, referencesOf(tree)] as const),
    ...play.resources.flatMap(entry =>
      isInclude(entry) || entry.register === undefined
        ? []
        : [[entry.register.name, referencesIn(entry, texts)] as const],
    ),
  ]);
}

/**
 * Tries a play for all of its hosts before any is contacted. What is wrong goes to `found`. An entry is resolved once
 * for all hosts that have the same under every name that it reaches, and what its resources share is shown by the
 * result: what each entry comes to on which hosts.
 */
export function resolveOffline(
  play: PlayText,
  hosts: readonly Host[],
  surroundings: Surroundings,
  reach: Reach,
  options: Omit<Resolving, 'host' | 'registered' | 'offline'>,
  found: HostProblems,
): Entry[] {
  const alike = new Alike(hosts, surroundings);
  const known = new Map<Host, { around: Around; resolving: Resolving }>();
  const of = (host: Host) => {
    let own = known.get(host);
    if (own === undefined) {
      const around = aroundPlay(scopeOf(host, undefined, surroundings), host.become);
      known.set(host, (own = { around, resolving: { ...options, host, registered: {}, offline: true } }));
    }
    return own;
  };
  const become = play.become === undefined ? [] : referencesOf(play.become);
  for (const part of alike.partsBy(reach.of(become))) {
    const problems = new Problems();
    problems.attempt(() => becomeOfPlay(play, of(part[0]!).around.scope));
    found.add(problems.all(), part);
  }
  const entries = play.resources.map((text): Entry => {
    const reached = reach.of(referencesIn(text, options));
    const shares = alike.partsBy(reached).map((part): Share => {
      const problems = new Problems();
      const { around, resolving } = of(part[0]!);
      const resources = resolveEntry(text, around, resolving, problems);
      found.add(problems.all(), part);
      if (!isInclude(text) && text.register !== undefined)
        for (const host of part) register(text, resources, of(host).around, resolving);
      return { hosts: part, resources };
    });
    return new Entry(shares);
  });
  const overlaps = (all: readonly Pick<Share, 'resources'>[], problems: Problems) =>
    checkOverlaps(
      all.flatMap(({ resources }) => resources),
      problems,
    );
  checkTogether(entries, hosts, overlaps, found);
  checkAllReferred(play, hosts, entries, found);
  return entries;
}

/** Looks for what is referred to, host by host where a name is not there on every host. */
function checkAllReferred(
  play: PlayText,
  hosts: readonly Host[],
  entries: readonly Entry[],
  found: HostProblems,
): void {
  const everywhere = new Set(entries.flatMap(namesEverywhere));
  const doubtful = entries
    .flatMap(({ shares }) => shares)
    .filter(({ resources }) =>
      resources.some(resolved =>
        referredBy(resolved).some(names => !names.some(name => everywhere.has(name))),
      ),
    );
  if (doubtful.length === 0) return;
  const links = ({ resources }: Share) =>
    JSON.stringify(resources.map(each => [namesOf(each), referredBy(each), each.resource.when]));
  for (const part of partsOf(entries, hosts, links)) {
    const problems = new Problems();
    const all = entries.flatMap(entry => entry.of(part[0]!)?.resources ?? []);
    checkReferred(play, all, problems);
    found.add(problems.all(), part);
  }
}

/** Names that an entry gives on all of its hosts. */
function namesEverywhere({ shares }: Entry): string[] {
  const [first, ...others] = shares.map(({ resources }) => new Set(resources.flatMap(namesOf)));
  return [...(first ?? [])].filter(name => others.every(names => names.has(name)));
}

const namesOf = ({ resource: { name, groups } }: Resolved): readonly string[] => [name, ...groups];

/** What a resource refers to, each by the names that it may have. */
function referredBy({ resource, needs }: Resolved): string[][] {
  const reactions = resource.when === false ? [] : reactionsOf(resource);
  const names = (name: string, within: readonly string[]) => [
    ...within.map(label => `${label} / ${name}`),
    name,
  ];
  return [
    ...needs.map(({ name, within }) => names(name, within)),
    ...reactions.flatMap(({ to }) => to.map(name => names(name, resource.within))),
  ];
}
