import { randomUUID } from 'node:crypto';
import PQueue from 'p-queue';
import { apply } from './apply/apply.ts';
import { historyLine } from './apply/history.ts';
import { type Holder, holderOf } from './apply/lease.ts';
import type { Reverted } from './apply/revert.ts';
import type { Counts, Event, EventBody, HostResult, Outcome } from './events.ts';
import type { Host } from './host.ts';
import type { Play, Playbook } from './load/index.ts';
import type { Binding } from './plan/binding.ts';
import { Foresight } from './plan/foresight.ts';
import { type PlannedResource, plan } from './plan/plan.ts';
import { type Problem, problemsOf } from './problem.ts';
import { add, exitCodeOf, unreachableCodes, untouched } from './result.ts';
import type { ConnectOptions } from './transport/index.ts';
import { Visit } from './visit.ts';

export interface RunOptions {
  playbook: Playbook;
  /** Plan only; nothing is changed on any host. */
  check: boolean;
  /** Hosts at a time. */
  parallel: number;
  emit: (event: Event) => void;
  signal: AbortSignal;
  connect?: ConnectOptions;
  /** Asked once, when the plans of all hosts of a play are known; false ends the run with nothing changed. */
  confirm?: () => Promise<boolean>;
  /** How long one host may take in one play. */
  timeoutMs?: number;
  /** Hides secrets in the names that a host's history keeps. */
  mask?: (text: string) => string;
  /** The saved plan that is made, with `check`, or applied. */
  binding?: Binding;
}

/** Runs every play on its hosts and returns the program's exit code. Never throws for what a host does. */
export async function run(options: RunOptions): Promise<number> {
  const id = randomUUID();
  const { binding } = options;
  const holder = {
    ...holderOf(id),
    ...(binding && { plan: { id: binding.id, createdS: binding.createdS } }),
  };
  // Nothing is applied by a check, so that each play is predicted from those before it.
  const foresights = new Map<string, Foresight>();
  const startedMs = Date.now();
  const emit = (body: EventBody) =>
    options.emit({ time: new Date().toISOString(), run: id, ...body } as Event);
  const results = new Map<string, HostResult>();
  for (const [index, play] of options.playbook.plays.entries()) {
    if (options.signal.aborted) break;
    const gone = binding?.gone(index, play.hosts).filter(({ host }) => !results.has(host)) ?? [];
    const hosts = play.hosts.filter(
      ({ name }) => !['failed', 'reverted', 'unreachable'].includes(results.get(name)?.status ?? 'ok'),
    );
    emit({
      event: 'run_started',
      playbook: options.playbook.file,
      play: play.name,
      check: options.check,
      hosts: [...hosts.map(({ name }) => name), ...gone.map(({ host }) => host)],
    });
    for (const { host, ...problem } of gone) {
      results.set(host, untouched);
      emit({ event: 'host_finished', host, result: untouched, problems: [{ ...problem, host }] });
    }
    for (const [name, result] of await runPlay(play, hosts, emit, {
      ...options,
      holder,
      index,
      foresights,
    })) {
      results.set(name, add(results.get(name), result));
    }
  }
  const exitCode = options.signal.aborted ? 130 : exitCodeOf([...results.values()], options.check);
  emit({
    event: 'run_finished',
    hosts: Object.fromEntries(results),
    exit_code: exitCode,
    check: options.check,
    durationMs: Date.now() - startedMs,
  });
  return exitCode;
}

type HostEmit = (body: EventBody) => void;
type PlayOptions = RunOptions & { holder: Holder; index: number; foresights: Map<string, Foresight> };

async function runPlay(
  play: Play,
  hosts: readonly Host[],
  emit: HostEmit,
  options: PlayOptions,
): Promise<Map<string, HostResult>> {
  const queue = new PQueue({ concurrency: options.parallel });
  const results = new Map<string, HostResult>();
  const waiting: HostRun[] = [];
  const { check, confirm } = options;
  const finish = async (hostRun: HostRun) => {
    await hostRun.close();
    const result = hostRun.result();
    results.set(hostRun.host.name, result);
    emit({ event: 'host_finished', host: hostRun.host.name, result, problems: hostRun.problems });
  };
  const each = (runs: readonly HostRun[], work: (hostRun: HostRun) => Promise<void>) =>
    queue.addAll(runs.map(hostRun => () => work(hostRun)));

  const runs = hosts.map(host => new HostRun(play, host, emit, options));
  await each(runs, async hostRun => {
    await hostRun.guard(async () => {
      await hostRun.plan();
      if (!check && confirm === undefined) await hostRun.apply();
    });
    if (!check && confirm !== undefined && hostRun.changes) waiting.push(hostRun);
    else await finish(hostRun);
  });
  if (waiting.length === 0) return results;
  const confirmed = await confirm!();
  await each(waiting, async hostRun => {
    if (confirmed) await hostRun.guard(() => hostRun.apply());
    await finish(hostRun);
  });
  return results;
}

/** One host in one play. */
class HostRun {
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
    this.#visit.greeting.plan = binding?.id;
    this.#visit.onReconnect = ({ message }) =>
      this.#emit({ event: 'host_reconnected', host: host.name, play: this.#play.name, why: message });
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
      Math.floor(Date.now() / 1000),
      { plannedS: binding?.createdS, ...(check && { foresight: this.#foresight }) },
    );
    this.#outcomes = this.#planned.map(({ outcome }) => outcome);
    const lease = await this.#visit.greeting.lease();
    this.#emit({
      event: 'host_plan',
      host: host.name,
      play: this.#play.name,
      resources: this.#outcomes,
      ...(lease && { lease }),
    });
    if (this.#options.check || this.#blocked.length > 0) {
      for (const outcome of this.#outcomes)
        this.#emit({ event: 'resource', host: host.name, play: this.#play.name, ...outcome });
    }
    const { index, holder } = this.#options;
    const { hostKey } = this.#visit;
    binding?.host({
      play: index,
      host: host.name,
      origin: { ...(await this.#visit.greeting.origin()), ...(hostKey !== undefined && { hostKey }) },
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
    const line = () => historyLine(holder, playbook.file, this.#play.name, this.#outcomes, mask);
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
    const count = (...statuses: Outcome['status'][]) =>
      this.#outcomes.filter(({ status }) => statuses.includes(status)).length;
    const counts: Counts = {
      unchanged: count('unchanged'),
      changed: count('changed', ...(this.#options.check ? (['would_change'] as const) : [])),
      failed: count('failed'),
      skipped: count('skipped'),
      deviations: this.#outcomes.filter(({ deviation }) => deviation !== undefined).length,
    };
    const down = this.problems.some(({ code }) => unreachableCodes.has(code));
    const failed = counts.failed > 0 || this.problems.length > 0;
    return {
      status: down
        ? 'unreachable'
        : this.#reverted !== undefined && this.#reverted.error === undefined
          ? 'reverted'
          : failed
            ? 'failed'
            : counts.changed > 0
              ? 'changed'
              : 'ok',
      ...counts,
    };
  }
}
