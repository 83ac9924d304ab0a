import type { Host } from '../host.ts';
import type { Selection } from '../playbook/tags.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { Resolved } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { Problems } from '../util/problem-collector.ts';
import { checkTogether, type EntryResources } from './conflict-candidates.ts';
import { disagreements } from './conflicts.ts';
import { HostProblems } from './host-problems.ts';
import type { Play } from './play.ts';
import { ResolvedEntry } from './shared-resources.ts';

/** Returns the conflicts between plays, for the selected resources and hosts. Delegated resources are not compared. */
export function disagreementsAcross(
  made: readonly { play: Play; entries: readonly ResolvedEntry[] }[],
  selects: Selection,
): Problem[] {
  const named = made.flatMap(({ play }) => play.hosts.map(host => [host.name, host] as const));
  const hosts = [...new Map(named).values()];
  const plays = new Map<ResolvedEntry, number>();
  for (const [number, { play, entries }] of made.entries()) {
    const own = new Set(play.hosts);
    const here = (host: Host) => own.has(host);
    const counts = ({ resource: { delegatedTo, tags } }: Resolved) =>
      delegatedTo === undefined && selects(tags);
    for (const { shares } of entries)
      plays.set(new ResolvedEntry(shares.map(share => share.restrictedTo(here, counts))), number);
  }
  const found = new HostProblems();
  const check = (all: readonly EntryResources[], problems: Problems) => {
    const byPlay = made.map((_, number) => all.filter(({ entry }) => plays.get(entry) === number));
    const resources = byPlay.map(own => own.flatMap(each => each.resources.map(({ resource }) => resource)));
    problems.add(...disagreements(resources));
  };
  checkTogether([...plays.keys()], hosts, check, found);
  return found.of(hosts);
}

/**
 * Returns the plays with a stricter `resolve`. With facts, it also refuses a conflict with an earlier play of the same host
 * that does not show without them.
 */
export function comparing(plays: readonly Play[]): readonly Play[] {
  if (plays.length < 2) return plays;
  const known = new Map<string, Map<Play, readonly Resource[]>>();
  return plays.map((play, number) => ({
    ...play,
    resolve(host, facts, registered = {}) {
      const resources = play.resolve(host, facts, registered);
      // A play that uses no facts is complete without them.
      const isComplete = facts !== undefined || play.factsUsed.size + play.otherFacts.asked.size === 0;
      if (!isComplete || Object.keys(registered).length > 0) return resources;
      const here = known.get(host.name) ?? new Map<Play, readonly Resource[]>();
      const own = resources.filter(({ delegatedTo }) => delegatedTo === undefined);
      const problems = disagreements([
        ...plays.slice(0, number).map(earlier => here.get(earlier) ?? []),
        own,
      ]);
      if (problems.length > 0)
        throw new ProblemError(...problems.map(problem => ({ ...problem, host: host.name })));
      known.set(host.name, here.set(play, own));
      return resources;
    },
  }));
}
