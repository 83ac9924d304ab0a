import type { HostSight } from '../plan/host-sight.ts';
import { cannotWork, mostRounds, type PlannedResource, refuseUndoing } from '../plan/plan.ts';
import type { Problem } from '../problem.ts';
import { leavesFirst, type Resource } from '../resource.ts';
import type { PlayHosts } from './play-hosts.ts';

/** The resources of the plays that a check has planned, by host, without delegated ones. */
export class EarlierPlays {
  readonly #resources = new Map<string, Resource[]>();

  /**
   * Refuses planned resources that undo one of an earlier play: an apply of both would never come to rest. Returns the
   * earlier resources whose state the planned ones may change.
   */
  async compare(
    host: string,
    planned: readonly PlannedResource[],
    hosts: PlayHosts,
    sightOf: (resource: Resource) => HostSight | Problem,
  ): Promise<readonly Resource[]> {
    const earlier = this.#resources.get(host) ?? [];
    const isMoving =
      planned.some(({ outcome }) => outcome.status === 'would_change') && !planned.some(cannotWork);
    if (earlier.length > 0 && isMoving) {
      await hosts.read(earlier);
      for (let rounds = 0; rounds < mostRounds; rounds++) {
        const unread = refuseUndoing(planned, earlier, sightOf);
        if (unread.length === 0) break;
        await hosts.readMore(unread);
      }
    }
    const own = planned.map(({ resource }) => resource);
    this.#resources.set(host, [...earlier, ...own.filter(lasts)]);
    return isMoving ? earlier : [];
  }
}

/** Whether a later play must leave what a resource sets. */
const lasts = (resource: Resource): boolean => resource.delegatedTo === undefined && !leavesFirst(resource);
