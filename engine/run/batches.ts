import type { Host } from '../host.ts';
import type { HostShare } from '../playbook/rollout-text.ts';
import type { Play } from '../validate/play.ts';

/**
 * Returns some hosts of a play in the batches of its roll-out; one batch without a roll-out. The hosts that do not take
 * part count for the sizes, so that a failure before the play does not change them.
 */
export function batchesOf(
  { hosts, rollout }: Pick<Play, 'hosts' | 'rollout'>,
  takesPart: (host: Host) => boolean,
): Host[][] {
  const batches: Host[][] = [];
  for (let at = 0; at < hosts.length; ) {
    const size = rollout?.batches[batches.length] ?? rollout?.batches.at(-1) ?? { percent: 100 };
    // A small percentage of few hosts is still a batch.
    const end = at + Math.max(1, countOf(size, hosts.length));
    batches.push(hosts.slice(at, end));
    at = end;
  }
  return batches.map(batch => batch.filter(takesPart)).filter(batch => batch.length > 0);
}

/** Returns the number of hosts that a share of `all` hosts is, rounded down. */
export function countOf(share: HostShare, all: number): number {
  return 'count' in share ? share.count : Math.floor((share.percent * all) / 100);
}
