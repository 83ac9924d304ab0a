import { referencesOf } from '../expression/template-tree.ts';
import type { Host } from '../host.ts';
import { isInclude } from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import { aroundPlay, becomeOfPlay, register } from '../resolve/resolve.ts';
import type { Around, Resolved, Resolving } from '../resolve/resolving.ts';
import { type Surroundings, scopeOf } from '../resolve/scope.ts';
import type { Resource } from '../resource.ts';
import { reactionsOf } from '../resource.ts';
import { Problems } from '../util/problem-collector.ts';
import { AlikeHosts } from './alike-hosts.ts';
import { checkTogether } from './conflict-candidates.ts';
import { referencesIn, type Texts } from './facts-used.ts';
import type { HostProblems } from './host-problems.ts';
import { checkOrderOffline } from './order.ts';
import { ReachableNames } from './reachable-names.ts';
import type { ResolvingPlay } from './resolve-play.ts';
import { checkOverlaps, checkReferred } from './resource-names.ts';
import { partsOf, ResolvedEntry, type ResolvedShare, sharesOf } from './shared-resources.ts';
import { checkUnsafe } from './unsafe-changes.ts';

/** Returns the names that a play reaches through the variables of all hosts and the registered outcomes. */
export function reachOf(
  play: PlayText,
  { inventory, variables }: Surroundings,
  texts: Texts,
): ReachableNames {
  const levels = new Set([
    ...variables,
    ...[...inventory.hosts.keys()].flatMap(name => inventory.variablesOf(name)),
  ]);
  return new ReachableNames([
    ...[...levels].map(({ name, tree }) => [name, referencesOf(tree)] as const),
    ...play.resources.flatMap(entry =>
      isInclude(entry) || entry.register === undefined
        ? []
        : [[entry.register.name, referencesIn(entry, texts)] as const],
    ),
  ]);
}

/**
 * Resolves and checks a play for all of its hosts without contacting one, and adds its problems to `found`. It resolves each
 * entry once for each set of hosts with the same values under every name that the entry reaches. Returns, for each entry,
 * its resources and the hosts that share them.
 */
export function resolveOffline(
  play: PlayText,
  hosts: readonly Host[],
  surroundings: Surroundings,
  reach: ReachableNames,
  options: Omit<ResolvingPlay, 'host' | 'registered' | 'offline'>,
  found: HostProblems,
): ResolvedEntry[] {
  const alike = new AlikeHosts(hosts, surroundings);
  const known = new Map<Host, { around: Around; resolving: Resolving }>();
  const of = (host: Host) => {
    let own = known.get(host);
    if (own === undefined) {
      const around = aroundPlay(scopeOf(host, undefined, surroundings), undefined);
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
  const entries = play.resources.map((text): ResolvedEntry => {
    const shares = sharesOf(text, { alike, reach, texts: options, of, found });
    if (!isInclude(text) && text.register !== undefined)
      for (const { hosts, resources } of shares)
        for (const host of hosts) register(text, resources, of(host).around, of(host).resolving);
    return new ResolvedEntry(shares);
  });
  const overlaps = (all: readonly Pick<ResolvedShare, 'resources'>[], problems: Problems) =>
    checkOverlaps(
      all.flatMap(({ resources }) => resources),
      problems,
    );
  checkTogether(entries, hosts, overlaps, found);
  checkAllReferred(play, hosts, entries, found);
  checkOrderOffline(entries, hosts, options.earlier, found);
  checkUnsafe(entries, hosts, found);
  return entries;
}

/** Checks references to resources. Only if one is doubtful at first sight does it check host by host. */
function checkAllReferred(
  play: PlayText,
  hosts: readonly Host[],
  entries: readonly ResolvedEntry[],
  found: HostProblems,
): void {
  const everywhere = new Set(entries.flatMap(namesEverywhere));
  const last = new Map<string, number>();
  const delegated = new Set<string>();
  for (const [number, { shares }] of entries.entries())
    for (const { resources } of shares)
      for (const { resource } of resources)
        for (const name of namesOf(resource)) {
          last.set(name, number);
          if (resource.delegatedTo !== undefined) delegated.add(name);
        }
  const meantBy = (names: readonly string[]) => names.find(name => last.has(name)) ?? '';
  const isSound = (resolved: Resolved, { resources }: ResolvedShare, number: number) => {
    if (resolved.needs.length === 0 && resolved.resource.module.reacts === undefined) return true;
    const isBefore = (name: string) =>
      last.get(name) === number
        ? resources.findLastIndex(({ resource }) => namesOf(resource).includes(name)) <
          resources.indexOf(resolved)
        : last.get(name)! < number;
    const isHere = (name: string) => resolved.resource.delegatedTo === undefined && !delegated.has(name);
    const { needed, answered } = referredBy(resolved);
    return (
      needed.map(meantBy).every(name => everywhere.has(name) && isBefore(name)) &&
      answered.map(meantBy).every(name => everywhere.has(name) && isHere(name) && isBefore(name))
    );
  };
  const isDoubtful = entries.some(({ shares }, number) =>
    shares.some(share => !share.resources.every(resolved => isSound(resolved, share, number))),
  );
  if (!isDoubtful) return;
  const links = ({ resources }: ResolvedShare) =>
    JSON.stringify(
      resources.map(each => [
        namesOf(each.resource),
        referredBy(each),
        each.resource.when,
        each.resource.delegatedTo?.name,
      ]),
    );
  for (const part of partsOf(entries, hosts, links)) {
    const problems = new Problems();
    const all = entries.flatMap(entry => entry.of(part[0]!)?.resources ?? []);
    checkReferred(play, all, problems);
    found.add(problems.all(), part);
  }
}

/** Returns the names that an entry gives on all of its hosts. */
function namesEverywhere({ shares }: ResolvedEntry): string[] {
  const [first, ...others] = shares.map(
    ({ resources }) => new Set(resources.flatMap(({ resource }) => namesOf(resource))),
  );
  return [...(first ?? [])].filter(name => others.every(names => names.has(name)));
}

const namesOf = ({ name, groups }: Resource): readonly string[] => [name, ...groups];

/** Returns the references of a resource, each as its possible full names, innermost first. */
function referredBy({ resource, needs }: Resolved): Record<'needed' | 'answered', string[][]> {
  const names = (name: string, within: readonly string[]) => [
    ...within.map(label => `${label} / ${name}`),
    name,
  ];
  return {
    needed: needs.map(({ name, within }) => names(name, within)),
    answered: reactionsOf(resource).flatMap(({ to }) => to.map(name => names(name, resource.within))),
  };
}
