import type { HostResult } from '../events.ts';
import type { Host } from '../host.ts';
import type { HostShare } from '../playbook/rollout-text.ts';
import type { Play } from '../validate/play.ts';
import { type Deferred, deferred } from './run-once.ts';

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

/** Counts the failures of a play, and decides when they stop its roll-out. */
export class FailureCount {
  readonly #most: number;
  readonly #failed: string[] = [];

  constructor({ rollout, hosts }: Play) {
    this.#most = rollout === undefined ? Infinity : countOf(rollout.maxFailures, hosts.length);
  }

  add(host: string): void {
    this.#failed.push(host);
  }

  get failed(): readonly string[] {
    return this.#failed;
  }

  get isExceeded(): boolean {
    return this.#failed.length > this.#most;
  }

  /** The reason for the stop, as a sentence. */
  get reason(): string {
    const hosts = this.#failed.length === 1 ? '1 host' : `${this.#failed.length} hosts`;
    return `${hosts} failed (${this.#failed.join(', ')}), and max_failures is ${this.#most}.`;
  }
}

export const isFailure = ({ status }: HostResult): boolean =>
  status === 'failed' || status === 'reverted' || status === 'unreachable';

/** The hosts of a batch, which wait for one another before they come back, so that all of them can be reverted. */
export class Batch {
  readonly #working: Set<string>;
  readonly #failures: FailureCount;
  readonly #decision: Deferred<boolean> = deferred();

  constructor(hosts: readonly Host[], failures: FailureCount) {
    this.#working = new Set(hosts.map(({ name }) => name));
    this.#failures = failures;
  }

  /** Returns, after all hosts have arrived, ended or failed too often, whether the batch succeeded. */
  arrive(host: string): Promise<boolean> {
    this.end(host);
    return this.#decision.promise;
  }

  /** Notes that a host has ended. */
  end(host: string): void {
    this.#working.delete(host);
    if (this.#failures.isExceeded) this.#decision.resolve(false);
    else if (this.#working.size === 0) this.#decision.resolve(true);
  }
}
