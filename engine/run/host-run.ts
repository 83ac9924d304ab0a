import type { Applied } from '../apply/apply-options.ts';
import { apply } from '../apply/apply-plan.ts';
import { historyLine } from '../apply/host-history.ts';
import { type RegisteredOutcomes, register, settled } from '../apply/register-outcome.ts';
import type { Emit, HostResult, Outcome } from '../events.ts';
import type { Host } from '../host.ts';
import type { Holder } from '../hosts/host-lease.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { Forecast } from '../plan/forecast.ts';
import { forecastRecords } from '../plan/forecast-records.ts';
import { Trial } from '../plan/forecast-trial.ts';
import { cannotWork, mostRounds, type PlannedResource, plan } from '../plan/plan.ts';
import { refuseUnopenedSecrets } from '../plan/unopened-secrets.ts';
import { type Problem, problemsOf } from '../problem.ts';
import type { Facts } from '../resolve/fact-names.ts';
import type { Resource } from '../resource.ts';
import type { Play } from '../validate/play.ts';
import { Delegates } from './delegates.ts';
import type { FactReader } from './fact-reader.ts';
import { resultOf } from './result.ts';
import { deferred, type RunOnce } from './run-once.ts';
import type { RunOptions } from './run-options.ts';

/** What a host needs to know of its run and play. */
export type PlayOptions = RunOptions & {
  holder: Holder;
  index: number;
  forecasts: Map<string, Forecast>;
  pool: HostPool;
  once: RunOnce;
  otherFacts: FactReader;
};

/** A clock that is less than this off is not worth a word. */
const toldSkewS = 60;

/** One host in one play. */
export class HostRun {
  readonly host: Host;
  readonly problems: Problem[] = [];
  readonly #play: Play;
  readonly #emit: Emit;
  readonly #options: PlayOptions;
  #delegates: Delegates | undefined;
  readonly #outOfTime = deferred<undefined>();
  /** The host that does what is done once for the play; undefined = nothing is. */
  #doer: string | undefined;
  /** What is planned to change on each host; in a check also by earlier plays. */
  readonly #forecasts: Map<string, Forecast>;
  #planned: PlannedResource[] = [];
  #outcomes: readonly Outcome[] = [];
  #facts: Facts = {};
  #applied: Applied | undefined;

  constructor(play: Play, host: Host, emit: Emit, options: PlayOptions) {
    this.host = host;
    this.#play = play;
    this.#emit = emit;
    this.#options = options;
    this.#forecasts = options.check ? options.forecasts : new Map();
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
      void this.#breakOff();
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

  /** Breaks off what it is doing. */
  async #breakOff(): Promise<void> {
    this.#outOfTime.resolve(undefined);
    await this.#delegates?.breakOff();
  }

  /** Leaves the host, and those that something was delegated to. Never throws. */
  async close(): Promise<void> {
    const { once } = this.#options;
    once.entered(this.host.name, false);
    if (this.#doer === this.host.name && this.problems.length === 0) {
      // One with nothing to do is not applied.
      for (const { resource, outcome } of this.#planned) {
        const isDone = outcome.status === 'unchanged' || outcome.skipped === 'when';
        if (resource.once !== undefined && isDone)
          once.tell(resource.once, { outcome, registered: register(outcome) });
      }
    }
    once.end(this.host.name);
    const lost = (await this.#delegates?.leave(elsewhere => this.#history(elsewhere))) ?? [];
    if (this.problems.length === 0) this.problems.push(...lost);
  }

  /** What was done on the host, or for it on another one, as a line for that one's history. */
  #history(elsewhere?: string): string | undefined {
    const { holder, playbook, mask = text => text } = this.#options;
    const there = this.#outcomes.filter(({ delegatedTo }) => delegatedTo === elsewhere);
    const isTouched = there.some(({ status }) => status === 'changed' || status === 'failed');
    if (this.#applied === undefined || (elsewhere !== undefined && !isTouched)) return undefined;
    const { reverted, putBack } = this.#applied;
    const restored = new Set([
      ...(elsewhere === undefined ? (reverted?.restored ?? []) : []),
      ...(putBack.get(elsewhere ?? this.host.name) ?? []),
    ]);
    return historyLine(holder, playbook.file, this.#play.name, there, mask, [...restored]);
  }

  /** Connects, reads the host in one go, and shows what would change. */
  async plan(): Promise<void> {
    const { host } = this;
    const { check, binding, pool } = this.#options;
    const recovers = (!check || this.#options.ahead === true) && !this.#waits;
    const connected = await pool.enter(host, recovers);
    const delegates = new Delegates(connected, pool, recovers);
    this.#delegates = delegates;
    const { sessions } = connected;
    sessions.onReconnect = ({ message }) =>
      this.#emit({ event: 'host_reconnected', host: host.name, play: this.#play.name, why: message });
    sessions.onWait = lease =>
      this.#emit({ event: 'host_waits', host: host.name, play: this.#play.name, lease });
    // Its time may have run out before there was anything to close.
    if (this.problems.length > 0) throw new Error('out of time');
    const first = this.#play.resolve(host).filter(({ delegatedTo }) => delegatedTo === undefined);
    const { asked } = this.#play.otherFacts;
    const others = this.#options.otherFacts.read(asked);
    others.catch(() => {});
    this.#facts = await connected.turn(() => connected.read(first, this.#play.factsUsed));
    this.#emit({
      event: 'host_connected',
      host: host.name,
      play: this.#play.name,
      account: sessions.login ?? host.user ?? '',
    });
    await others;
    const declared = await this.#planKnowing(delegates);
    this.#outcomes = this.#planned.map(({ outcome }) => outcome);
    const { greeting } = sessions;
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
    const { hostKey } = sessions;
    binding?.admit({
      play: index,
      host: host.name,
      origin: { ...(await greeting.origin()), ...(hostKey !== undefined && { hostKey }) },
      // What is registered belongs to the host, not to what is declared.
      planned: this.#planned.map(item => ({
        ...item,
        resource: declared.get(item.resource.name) ?? item.resource,
      })),
      run: holder.run,
    });
  }

  /**
   * Plans, also what rests on something registered by a resource that is sure to have nothing to do. What the plan asks
   * for besides is read, and it is made again. Resolves to the resources as they are while nothing is registered, by name.
   */
  async #planKnowing(delegates: Delegates): Promise<ReadonlyMap<string, Resource>> {
    const createdS = this.#options.binding?.createdS;
    let declared: ReadonlyMap<string, Resource> | undefined;
    let registered: RegisteredOutcomes = {};
    for (let rounds = 0; ; ) {
      const resources = await this.#resolveKnowing(registered);
      declared ??= new Map(resources.map(resource => [resource.name, resource]));
      this.#options.once.entered(this.host.name, true);
      await delegates.read(resources);
      const trial = new Trial(this.#forecasts);
      const { planned, unread } = plan(
        resources,
        resource => delegates.sightOf(resource, createdS, trial),
        trial.of(this.host.name),
      );
      this.#planned = planned;
      if (unread.length > 0 && rounds++ < mostRounds) {
        await delegates.readMore(unread);
        continue;
      }
      const more = settled(planned, registered);
      if (more === undefined) {
        const sightOf = (resource: Resource) => delegates.sightOf(resource, createdS, trial);
        this.#options.onForecast?.(this.host.name, forecastRecords(resources, sightOf));
        trial.keep();
        return declared;
      }
      registered = more;
    }
  }

  /** The resources with all facts. What one fact decides may ask for others. */
  async #resolveKnowing(registered: RegisteredOutcomes): Promise<Resource[]> {
    for (;;) {
      const resources = this.#resolve(registered);
      const { asked } = this.#play.otherFacts;
      if (asked.size > 0) await this.#options.otherFacts.read(asked);
      else if (this.#doer !== undefined || resources.every(({ once }) => once === undefined))
        return resources;
      else {
        this.#options.once.entered(this.host.name, true);
        this.#doer = await Promise.race([this.#options.once.doer(), this.#outOfTime.promise]);
        if (this.#doer === undefined) throw new Error('out of time');
      }
    }
  }

  /** What another host does for this one is not done here. */
  #resolve(registered: RegisteredOutcomes): Resource[] {
    const resources = this.#play.resolve(this.host, this.#facts, registered);
    const doer = this.#doer;
    if (doer === undefined || doer === this.host.name) return resources;
    return resources.map(resource =>
      resource.once === undefined ? resource : { ...resource, when: false, doneBy: doer },
    );
  }

  /** Whether something is decided between the plan and its apply; until then nothing is written. */
  get #waits(): boolean {
    return this.#options.confirm !== undefined || this.#options.binding !== undefined;
  }

  async apply(): Promise<void> {
    if (this.#blocked.length > 0) return;
    refuseUnopenedSecrets(this.#planned);
    // Somebody was asked meanwhile, who may have taken their time, or the host is held to a plan.
    const delegates = this.#delegates!;
    if (this.#waits) delegates.recover();
    const { once } = this.#options;
    const applied = await apply({
      host: this.host.name,
      play: this.#play.name,
      planned: this.#planned,
      connected: delegates.own,
      connectedTo: resource => delegates.connectedTo(resource),
      alone: (connected, work) => delegates.alone(connected, work),
      doneElsewhere: resource => Promise.race([once.outcome(resource.once!), this.#outOfTime.promise]),
      done: (resource, done) => {
        const isDoer = resource.once !== undefined && resource.doneBy === undefined;
        if (isDoer) once.tell(resource.once!, done);
      },
      holder: this.#options.holder,
      emit: this.#emit,
      signal: this.#options.signal,
      revert: this.#play.onFailedCheck === 'revert',
      resolve: registered => this.#resolveKnowing(registered),
    });
    const { outcomes, reverted, problems } = applied;
    this.#outcomes = outcomes;
    this.#applied = applied;
    this.problems.push(...problems);
    if (reverted !== undefined) {
      if (reverted.error !== undefined) this.problems.push(reverted.error);
      const { restored, kept } = reverted;
      this.#emit({ event: 'host_reverted', host: this.host.name, play: this.#play.name, restored, kept });
    }
  }

  /** What cannot work, as the plan shows: then nothing of this host is changed. */
  get #blocked(): Outcome[] {
    return this.#planned.filter(cannotWork).map(({ outcome }) => outcome);
  }

  result(): HostResult {
    return resultOf(this.#outcomes, this.problems, this.#applied?.reverted, this.#options.check);
  }
}
