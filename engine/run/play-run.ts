import { setTimeout as sleep } from 'node:timers/promises';
import type { Emit, HostResult } from '../events.ts';
import type { Host } from '../host.ts';
import type { Play } from '../validate/play.ts';
import { AtOnce } from './at-once.ts';
import { Batch, batchesOf, FailureCount, isFailure } from './batch.ts';
import { HostRun } from './host-run.ts';
import { type HostSlot, HostSlots } from './host-slots.ts';
import type { PlayOptions } from './play-options.ts';
import { notReached } from './result.ts';

/** The results of a play by host. */
export interface PlayEnd {
  results: Map<string, HostResult>;
  /** Why its roll-out stopped, as a sentence. */
  stopped?: string;
  /** Whether more hosts failed than its roll-out allows. */
  isExceeded: boolean;
}

/** Runs a play on its hosts, batch by batch. `refused` are hosts of the play that failed before it. */
export function runPlay(
  play: Play,
  hosts: readonly Host[],
  refused: readonly string[],
  emit: Emit,
  options: PlayOptions,
): Promise<PlayEnd> {
  return new PlayRun(play, hosts, refused, emit, options).run();
}

class PlayRun {
  readonly #play: Play;
  readonly #emit: Emit;
  readonly #options: PlayOptions;
  readonly #slots: HostSlots;
  readonly #failures: FailureCount;
  readonly #batches: Host[][];
  readonly #atOnce = new AtOnce();
  /** The hosts that the run has begun with and not finished. Of the others it keeps only the results. */
  readonly #hostRuns = new Map<Host, HostRun>();
  readonly #results = new Map<string, HostResult>();
  /** The hosts whose plan waits for a confirmation. */
  readonly #planned = new Set<Host>();

  constructor(
    play: Play,
    hosts: readonly Host[],
    refused: readonly string[],
    emit: Emit,
    options: PlayOptions,
  ) {
    this.#play = play;
    this.#emit = emit;
    this.#options = options;
    this.#slots = new HostSlots(options.parallel);
    this.#failures = new FailureCount(play);
    for (const host of refused) this.#failures.add(host);
    const taking = new Set(hosts);
    this.#batches = batchesOf(play, host => taking.has(host));
  }

  async run(): Promise<PlayEnd> {
    const { check, confirm } = this.#options;
    if (check || confirm !== undefined) await this.#planAll();
    if (check) return { results: this.#results, isExceeded: false };
    const left = this.#batches.map(batch => batch.filter(({ name }) => !this.#results.has(name)));
    const isAsked = confirm !== undefined && this.#planned.size > 0 && !this.#failures.isExceeded;
    const isDeclined = isAsked && !(await confirm());
    const stopped = isDeclined ? undefined : await this.#runBatches(left);
    for (const host of left.flat())
      if (!this.#results.has(host.name)) await this.#leaveOut(this.#hostRun(host), isDeclined);
    return {
      results: this.#results,
      ...(stopped !== undefined && { stopped }),
      isExceeded: this.#failures.isExceeded,
    };
  }

  /** Plans all hosts. Those with changes to confirm stay connected. */
  async #planAll(): Promise<void> {
    await this.#each(this.#batches.flat(), async hostRun => {
      await hostRun.guard(() => hostRun.plan());
      if (!this.#options.check && hostRun.changes) this.#planned.add(hostRun.host);
      else await this.#finish(hostRun);
    });
  }

  /** Applies batch by batch. Returns the reason if the roll-out stopped. */
  async #runBatches(batches: readonly (readonly Host[])[]): Promise<string | undefined> {
    const { signal } = this.#options;
    let begun = 0;
    for (const [index, hosts] of batches.entries()) {
      if (hosts.length === 0) continue;
      if (this.#failures.isExceeded) return this.#failures.reason;
      const reason = begun++ === 0 ? undefined : await this.#between(index, hosts);
      if (reason !== undefined || signal.aborted) return reason;
      await this.#runBatch(index, hosts);
    }
    return this.#failures.isExceeded ? this.#failures.reason : undefined;
  }

  /** Pauses and asks before the next batch, if the batches so far have changed anything. */
  async #between(index: number, hosts: readonly Host[]): Promise<string | undefined> {
    const { rollout } = this.#play;
    const { signal, confirmBatch } = this.#options;
    const isChanging = [...this.#results.values()].some(({ changed }) => changed > 0);
    if (rollout === undefined || !isChanging || signal.aborted) return undefined;
    if (rollout.pauseS > 0) {
      this.#emit({ event: 'batch_pause', ...this.#batchNames(index, hosts), seconds: rollout.pauseS });
      await sleep(rollout.pauseS * 1000, undefined, { signal }).catch(() => {});
    }
    if (!rollout.confirm || signal.aborted) return undefined;
    const isConfirmed = await confirmBatch?.(
      index + 1,
      this.#batches.length,
      hosts.map(({ name }) => name),
    );
    return isConfirmed === false ? 'The next batch was declined.' : undefined;
  }

  async #runBatch(index: number, hosts: readonly Host[]): Promise<void> {
    const isRollout = this.#play.rollout !== undefined;
    const names = this.#batchNames(index, hosts);
    if (isRollout) this.#emit({ event: 'batch_started', ...names });
    const batch = new Batch(hosts, this.#failures);
    const isReverting = isRollout && this.#play.onFailedCheck === 'revert';
    await this.#each(hosts, async (hostRun, slot) => {
      const { name } = hostRun.host;
      if (!this.#failures.isExceeded) {
        await hostRun.guard(async () => {
          if (!this.#planned.has(hostRun.host)) await hostRun.plan();
          await hostRun.apply(isReverting ? () => slot.without(() => batch.arrive(name)) : undefined);
        });
        await this.#finish(hostRun);
      }
      batch.end(name);
    });
    if (isRollout) {
      const failed = names.hosts.filter(host => this.#failures.failed.includes(host));
      this.#emit({ event: 'batch_finished', ...names, failed });
    }
  }

  #batchNames(index: number, hosts: readonly Host[]) {
    const names = hosts.map(({ name }) => name);
    return { play: this.#play.name, batch: index + 1, of: this.#batches.length, hosts: names };
  }

  /** Does the work for each host, as soon as it has a place. */
  async #each(
    hosts: readonly Host[],
    work: (hostRun: HostRun, slot: HostSlot) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      hosts.map(async host => {
        const slot = await this.#slots.take();
        await work(this.#hostRun(host), slot);
        slot.free();
      }),
    );
  }

  #hostRun(host: Host): HostRun {
    const begun =
      this.#hostRuns.get(host) ?? new HostRun(this.#play, host, this.#emit, this.#options, this.#atOnce);
    this.#hostRuns.set(host, begun);
    return begun;
  }

  async #finish(hostRun: HostRun, isDeclined = false): Promise<void> {
    await hostRun.close();
    const { host, problems } = hostRun;
    const result = hostRun.result(isDeclined);
    this.#hostRuns.delete(host);
    this.#results.set(host.name, result);
    if (isFailure(result)) this.#failures.add(host.name);
    this.#emit({ event: 'host_finished', host: host.name, result, problems });
  }

  /** Ends a host that the play does not reach, or whose plan was declined. */
  async #leaveOut(hostRun: HostRun, isDeclined: boolean): Promise<void> {
    if (isDeclined) return this.#finish(hostRun, true);
    await hostRun.close();
    const { name } = hostRun.host;
    this.#hostRuns.delete(hostRun.host);
    this.#results.set(name, notReached);
    this.#emit({ event: 'host_finished', host: name, result: notReached, problems: [] });
  }
}
