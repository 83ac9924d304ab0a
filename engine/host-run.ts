import { apply } from './apply/apply.ts';
import { historyLine } from './apply/history.ts';
import type { Holder } from './apply/lease.ts';
import type { Reverted } from './apply/revert.ts';
import type { EventBody, HostResult, Outcome } from './events.ts';
import type { Host } from './host.ts';
import type { Play } from './load/index.ts';
import { Foresight } from './plan/foresight.ts';
import { type PlannedResource, plan } from './plan/plan.ts';
import { type Problem, problemsOf } from './problem.ts';
import { resultOf } from './result.ts';
import type { RunOptions } from './run.ts';
import { Visit } from './visit.ts';

/** Tells of a host's part of a run. */
export type HostEmit = (body: EventBody) => void;

/** What a host needs to know of its run and play. */
export type PlayOptions = RunOptions & { holder: Holder; index: number; foresights: Map<string, Foresight> };

/** A clock that is less than this off is not worth a word. */
const toldSkewS = 60;

/** One host in one play. */
export class HostRun {
  readonly host: Host;
  readonly problems: Problem[] = [];
  #reverted: Reverted | undefined;
  readonly #play: Play;
  readonly #emit: HostEmit;
  readonly #options: PlayOptions;
  #visit: Visit | undefined;
  #planned: PlannedResource[] = [];
  #outcomes: readonly Outcome[] = [];

  constructor(play: Play, host: Host, emit: HostEmit, options: PlayOptions) {
    this.host = host;
    this.#play = play;
    this.#emit = emit;
    this.#options = options;
  }

  /** Whether there is anything to apply. */
  get changes(): boolean {
    return (
      this.problems.length === 0 && this.#planned.some(({ outcome }) => outcome.status === 'would_change')
    );
  }

  /** Runs a part of the work within the time that a host is given; what it throws becomes the host's problem. */
  async guard(work: () => Promise<void>): Promise<void> {
    const { timeoutMs = 2 ** 31 - 1 } = this.#options;
    let problems: readonly Problem[] = [];
    const timer = setTimeout(() => {
      const message = `The host took longer than the ${timeoutMs / 1000} s it was given.`;
      this.problems.push({ code: 'timeout', message, host: this.host.name });
      void this.close();
    }, timeoutMs);
    try {
      await work();
    } catch (thrown) {
      problems = problemsOf(thrown);
    } finally {
      clearTimeout(timer);
    }
    // What a host that is out of time breaks off with says less than that it was.
    if (this.problems.length > 0) return;
    this.problems.push(...problems.map(problem => ({ ...problem, host: this.host.name })));
  }

  async close(): Promise<void> {
    await this.#visit?.close().catch(() => {});
  }

  /** Connects, reads the host in one go, and shows what would change. */
  async plan(): Promise<void> {
    const { host } = this;
    const { check, connect = {}, binding } = this.#options;
    this.#visit = await Visit.start(host, connect, !check && !this.#waits);
    const { shells } = this.#visit;
    shells.greeting.plan = binding?.id;
    shells.onReconnect = ({ message }) =>
      this.#emit({ event: 'host_reconnected', host: host.name, play: this.#play.name, why: message });
    shells.onWait = lease =>
      this.#emit({ event: 'host_waits', host: host.name, play: this.#play.name, lease });
    // Its time may have run out before there was anything to close.
    if (this.problems.length > 0) throw new Error('out of time');
    let resources = this.#play.resolve(host);
    await this.#visit.read(resources, this.#play.factsUsed);
    this.#emit({ event: 'host_connected', host: host.name, play: this.#play.name, account: host.user });
    if (this.#play.factsUsed.size > 0) {
      resources = this.#play.resolve(host, this.#visit.facts);
      const unread = resources.filter(resource => resource.when !== false && !this.#visit!.knows(resource));
      if (unread.length > 0) await this.#visit.read(unread);
    }
    this.#planned = plan(
      resources,
      resource => this.#visit!.observed(resource),
      this.#visit.times(binding?.createdS),
      check ? this.#foresight : undefined,
    );
    this.#outcomes = this.#planned.map(({ outcome }) => outcome);
    const { greeting } = shells;
    const [lease, skewS] = [await greeting.lease(), await greeting.skewS()];
    this.#emit({
      event: 'host_plan',
      host: host.name,
      play: this.#play.name,
      resources: this.#outcomes,
      ...(lease && { lease }),
      ...(Math.abs(skewS) >= toldSkewS && { skewS }),
    });
    if (this.#options.check || this.#blocked.length > 0) {
      for (const outcome of this.#outcomes)
        this.#emit({ event: 'resource', host: host.name, play: this.#play.name, ...outcome });
    }
    const { index, holder } = this.#options;
    const { hostKey } = shells;
    binding?.host({
      play: index,
      host: host.name,
      origin: { ...(await greeting.origin()), ...(hostKey !== undefined && { hostKey }) },
      planned: this.#planned,
      run: holder.run,
    });
  }

  /** Whether something is decided between the plan and its apply; until then nothing is written. */
  get #waits(): boolean {
    return this.#options.confirm !== undefined || this.#options.binding !== undefined;
  }

  /** What earlier plays of a check would have changed on this host. */
  get #foresight(): Foresight {
    const { foresights } = this.#options;
    const known = foresights.get(this.host.name) ?? new Foresight();
    foresights.set(this.host.name, known);
    return known;
  }

  async apply(): Promise<void> {
    if (this.#blocked.length > 0) return;
    // Somebody was asked meanwhile, who may have taken their time, or the host is held to a plan.
    if (this.#waits) this.#visit!.recover();
    const { outcomes, reverted, problems } = await apply({
      host: this.host.name,
      play: this.#play.name,
      planned: this.#planned,
      visit: this.#visit!,
      holder: this.#options.holder,
      emit: this.#emit,
      signal: this.#options.signal,
      revert: this.#play.onFailedCheck === 'revert',
      resolve: registered => this.#play.resolve(this.host, this.#visit!.facts, registered),
    });
    this.#outcomes = outcomes;
    this.problems.push(...problems);
    if (reverted !== undefined) {
      this.#reverted = reverted;
      if (reverted.error !== undefined) this.problems.push(reverted.error);
      const { restored, kept } = reverted;
      this.#emit({ event: 'host_reverted', host: this.host.name, play: this.#play.name, restored, kept });
    }
    const { holder, playbook, mask = text => text } = this.#options;
    const line = () =>
      historyLine(holder, playbook.file, this.#play.name, this.#outcomes, mask, reverted?.restored);
    // A lease that cannot be given back ends with the session.
    await this.#visit!.release(holder, line).catch(() => {});
  }

  /** What cannot work, as the plan shows: then nothing of this host is changed. A check may still come to hold. */
  get #blocked(): Outcome[] {
    return this.#planned
      .filter(({ outcome, resource }) => outcome.status === 'failed' && !resource.module.check)
      .map(({ outcome }) => outcome);
  }

  result(): HostResult {
    return resultOf(this.#outcomes, this.problems, this.#reverted, this.#options.check);
  }
}
