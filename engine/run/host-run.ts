import type { Applied } from '../apply/apply-options.ts';
import { apply } from '../apply/apply-plan.ts';
import { historyLine } from '../apply/host-history.ts';
import { certainOutcomes, register } from '../apply/register-outcome.ts';
import type { Emit, HostResult, Outcome } from '../events.ts';
import type { Host } from '../host.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { Greeting } from '../hosts/greeting.ts';
import type { Forecast } from '../plan/forecast.ts';
import { forecastRecords } from '../plan/forecast-records.ts';
import { Trial } from '../plan/forecast-trial.ts';
import { cannotWork, mostRounds, type PlannedResource, plan } from '../plan/plan.ts';
import type { Origin } from '../plan/saved-plan.ts';
import { refuseUnopenedSecrets } from '../plan/unopened-secrets.ts';
import { type Problem, problemsOf } from '../problem.ts';
import type { Facts } from '../resolve/fact-names.ts';
import type { RegisteredOutcomes } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { Play } from '../validate/play.ts';
import type { AtOnce } from './at-once.ts';
import { factsAfter } from './facts-after.ts';
import { PlayHosts } from './play-hosts.ts';
import type { PlayOptions } from './play-options.ts';
import { resultOf } from './result.ts';
import { deferred } from './run-once.ts';
import { leavesFor, visitedBy } from './visit.ts';

/** Seconds by which a host's clock must be wrong to be mentioned. */
const toldSkewS = 60;

/** One host in one play. */
export class HostRun {
  readonly host: Host;
  readonly problems: Problem[] = [];
  readonly #play: Play;
  readonly #emit: Emit;
  /** The names that all events of this host and play have. */
  readonly #names: { host: string; play: string };
  readonly #options: PlayOptions;
  #hosts: PlayHosts | undefined;
  readonly #atOnce: AtOnce;
  readonly #outOfTime = deferred<undefined>();
  /** Whether the host has changes, so that it leaves before them. */
  #leaves = false;
  /** The host that does the resources with `run_once`; undefined = the play has none. */
  #chosenHost: string | undefined;
  /** The planned changes of each host; in a check, also those of earlier plays. */
  readonly #forecasts: Map<string, Forecast>;
  #planned: PlannedResource[] = [];
  #outcomes: readonly Outcome[] = [];
  #facts: Facts = {};
  /** The resources of a play that uses no facts. */
  #withoutFacts: Resource[] | undefined;
  #applied: Applied | undefined;

  constructor(play: Play, host: Host, emit: Emit, options: PlayOptions, atOnce: AtOnce) {
    this.host = host;
    this.#atOnce = atOnce;
    this.#play = play;
    this.#emit = emit;
    this.#names = { host: host.name, play: play.name };
    this.#options = options;
    this.#forecasts = options.check ? options.forecasts : new Map();
  }

  /** Whether the plan has changes to apply. */
  get changes(): boolean {
    if (this.problems.length > 0) return false;
    return this.#planned.some(({ outcome }) => outcome.status === 'would_change');
  }

  /** Runs a part of the work within the time limit of a host. A thrown problem becomes the host's. */
  async guard(work: () => Promise<void>): Promise<void> {
    const { timeoutMs = 2 ** 31 - 1 } = this.#options;
    let problems: readonly Problem[] = [];
    const timer = setTimeout(() => {
      const message = `The host exceeded its time limit of ${timeoutMs / 1000} s.`;
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
    // After a timeout, the errors of the broken-off work add nothing.
    if (this.problems.length > 0) return;
    this.problems.push(...problems.map(problem => ({ ...problem, host: this.host.name })));
  }

  async #breakOff(): Promise<void> {
    this.#outOfTime.resolve(undefined);
    await this.#hosts?.breakOff();
  }

  /** Leaves the host and the hosts that its resources are delegated to. Never throws. */
  async close(): Promise<void> {
    const { once } = this.#options;
    once.reportEntry(this.host.name, false);
    if (this.#chosenHost === this.host.name && this.problems.length === 0) {
      // A host without changes is not applied, so its resources have no turns.
      for (const { resource, outcome } of this.#planned) {
        const isDone = outcome.status === 'unchanged' || outcome.skipped === 'when';
        if (resource.once !== undefined && isDone)
          once.reportOutcome(resource.once, { outcome, registered: register(outcome) });
      }
    }
    once.hostLeft(this.host.name);
    const lost = (await this.#hosts?.leave(elsewhere => this.#history(elsewhere))) ?? [];
    if (this.problems.length === 0) this.problems.push(...lost);
  }

  /** Returns the line for the history of the host, or of the host `elsewhere` that resources were delegated to. */
  #history(elsewhere?: string): string | undefined {
    const { holder, playbook, mask = text => text } = this.#options;
    const there = this.#outcomes.filter(({ delegatedTo }) => delegatedTo === elsewhere);
    const isTouched = there.some(({ status }) => status === 'changed' || status === 'failed');
    if (this.#applied === undefined || (elsewhere !== undefined && !isTouched)) return undefined;
    const { reverted, revertedRisks } = this.#applied;
    const restored = elsewhere === undefined ? (reverted?.restored ?? []) : [];
    const names = new Set([...restored, ...(revertedRisks.get(elsewhere ?? this.host.name) ?? [])]);
    return historyLine(holder, playbook.file, this.#play.name, there, mask, [...names]);
  }

  /** Plans the host and shows the plan. Throws if the host cannot be entered or is refused. */
  async plan(): Promise<void> {
    const hosts = await this.#connect();
    await this.#read(hosts.playHost);
    const declared = await this.#planKnowing(hosts);
    this.#outcomes = this.#planned.map(({ outcome }) => outcome);
    const { greeting, hostKey } = hosts.playHost.sessions;
    await this.#emitPlan(greeting);
    this.#bind({ ...(await greeting.origin()), ...(hostKey && { hostKey }) }, declared);
  }

  async #connect(): Promise<PlayHosts> {
    const { check, ahead, pool } = this.#options;
    const recovers = (!check || ahead === true) && !this.#waits;
    const connected = await pool.enter(this.host, recovers);
    this.#hosts = new PlayHosts(connected, pool, recovers);
    connected.sessions.onReconnect = ({ message }) =>
      this.#emit({ event: 'host_reconnected', ...this.#names, why: message });
    connected.sessions.onWait = lease => this.#emit({ event: 'host_waits', ...this.#names, lease });
    // The time of the host may have run out before there was a connection to close.
    if (this.problems.length > 0) throw new Error('out of time');
    return this.#hosts;
  }

  /** Reads the facts, and the resources that do not depend on them, in one round trip; and the facts of other hosts. */
  async #read(connected: ConnectedHost): Promise<void> {
    const { factsUsed, otherFacts } = this.#play;
    const resources = this.#play.resolve(this.host);
    if (factsUsed.size + otherFacts.asked.size === 0) this.#withoutFacts = resources;
    const first = resources.filter(({ delegatedTo }) => delegatedTo === undefined);
    const others = this.#options.otherFacts.read(otherFacts.asked);
    others.catch(() => {});
    const facts = await connected.exclusively(() => connected.read(first, factsUsed));
    this.#facts = factsAfter(facts, this.#forecasts.get(this.host.name));
    const account = connected.sessions.login ?? this.host.user ?? '';
    this.#emit({ event: 'host_connected', ...this.#names, account });
    await others;
  }

  async #emitPlan(greeting: Greeting): Promise<void> {
    const [lease, skewS] = [await greeting.lease(), await greeting.skewS()];
    this.#emit({
      event: 'host_plan',
      ...this.#names,
      resources: this.#outcomes,
      ...(lease && { lease }),
      ...(Math.abs(skewS) >= toldSkewS && { skewS }),
    });
    if (!this.#options.check && this.#blocked.length === 0) return;
    for (const outcome of this.#outcomes) this.#emit({ event: 'resource', ...this.#names, ...outcome });
  }

  /** Adds the host to the saved plan, or compares it with the saved plan. Throws a ProblemError if it differs. */
  #bind(origin: Origin, declared: ReadonlyMap<string, Resource>): void {
    const { binding, index, holder } = this.#options;
    binding?.admit({
      play: index,
      host: this.host.name,
      origin,
      // Registered outcomes belong to the host, not to the declaration.
      planned: this.#planned.map(item => ({
        ...item,
        resource: declared.get(item.resource.name) ?? item.resource,
      })),
      run: holder.run,
    });
  }

  /**
   * Plans with the outcomes that certain resources register, reads the probes that the plan lacks, and plans again. Returns
   * the resources before any outcome, by name.
   */
  async #planKnowing(hosts: PlayHosts): Promise<ReadonlyMap<string, Resource>> {
    const { binding, check, earlier } = this.#options;
    let declared: ReadonlyMap<string, Resource> | undefined;
    let registered: RegisteredOutcomes = {};
    let resources = await this.#resolveKnowing(registered);
    for (let rounds = 0; ; ) {
      declared ??= new Map(resources.map(resource => [resource.name, resource]));
      this.#options.once.reportEntry(this.host.name, true);
      await hosts.read(resources);
      const trial = new Trial(this.#forecasts);
      const sightOf = (resource: Resource) => hosts.sightOf(resource, binding?.createdS, trial);
      const isLast = rounds === mostRounds;
      const { planned, unread } = plan(resources, sightOf, trial.of(this.host.name), isLast);
      this.#planned = planned;
      if (unread.length > 0 && !isLast) {
        rounds++;
        await hosts.readMore(unread);
        continue;
      }
      const more = certainOutcomes(planned, registered);
      if (more === undefined && !this.#leaves && leavesFor(planned)) {
        this.#leaves = true;
        registered = {};
        declared = undefined;
      } else if (more === undefined) {
        const before = check ? await earlier.compare(this.host.name, planned, hosts, sightOf) : [];
        this.#options.onForecast?.(this.host.name, forecastRecords([...before, ...resources], sightOf));
        trial.keep();
        return declared;
      } else registered = more;
      resources = await this.#resolveKnowing(registered);
    }
  }

  /** Returns the resources with all facts. Repeats, because a fact may decide whether expressions use other facts. */
  async #resolveKnowing(registered: RegisteredOutcomes): Promise<Resource[]> {
    for (;;) {
      const resources = this.#resolve(registered);
      const { asked } = this.#play.otherFacts;
      if (asked.size > 0) await this.#options.otherFacts.read(asked);
      else if (this.#chosenHost !== undefined || resources.every(({ once }) => once === undefined))
        return resources;
      else {
        this.#options.once.reportEntry(this.host.name, true);
        this.#chosenHost = await Promise.race([this.#options.once.chosenHost(), this.#outOfTime.promise]);
        if (this.#chosenHost === undefined) throw new Error('out of time');
      }
    }
  }

  #resolve(registered: RegisteredOutcomes): Resource[] {
    const known = Object.keys(registered).length === 0 ? this.#withoutFacts : undefined;
    const resources = known ?? this.#play.resolve(this.host, this.#facts, registered);
    return visitedBy(this.host.name, resources, this.#chosenHost, this.#leaves);
  }

  /** Whether a confirmation or a saved plan decides between the plan and the apply. Nothing is written before, and readings age. */
  get #waits(): boolean {
    return this.#options.confirm !== undefined || this.#options.binding !== undefined;
  }

  /** `proceed` waits for the other hosts of the batch, and returns whether the host may come back. */
  async apply(proceed?: () => Promise<boolean>): Promise<void> {
    if (this.#blocked.length > 0) return;
    refuseUnopenedSecrets(this.#planned);
    const hosts = this.#hosts!;
    if (this.#waits) hosts.recover();
    const { once } = this.#options;
    const applied = await apply({
      ...this.#names,
      planned: this.#planned,
      connected: hosts.playHost,
      connectedTo: resource => hosts.connectedTo(resource),
      exclusively: (connected, work) => hosts.exclusively(connected, work),
      doneElsewhere: resource => Promise.race([once.outcome(resource.once!), this.#outOfTime.promise]),
      done: ({ once: key, doneBy }, done) => {
        if (key !== undefined && doneBy === undefined) once.reportOutcome(key, done);
      },
      holder: this.#options.holder,
      emit: this.#emit,
      signal: this.#options.signal,
      ...(proceed && { proceed: () => Promise.race([proceed(), this.#outOfTime.promise]) }),
      turnstile: resource => this.#atOnce.turnstile(this.host.name, resource),
      revert: this.#play.onFailedCheck === 'revert',
      resolve: registered => this.#resolveKnowing(registered),
    });
    this.#outcomes = applied.outcomes;
    this.#applied = applied;
    this.problems.push(...applied.problems);
    if (applied.reverted?.error !== undefined) this.problems.push(applied.reverted.error);
  }

  /** The outcomes that certainly fail. With any of them, nothing on the host is changed. */
  get #blocked(): Outcome[] {
    return this.#planned.filter(cannotWork).map(({ outcome }) => outcome);
  }

  result(isDeclined: boolean): HostResult {
    const { check } = this.#options;
    return resultOf(this.#outcomes, this.problems, this.#applied?.reverted, check, isDeclined);
  }
}
