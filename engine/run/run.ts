import { randomUUID } from 'node:crypto';
import PQueue from 'p-queue';
import type { Emit, Event, EventBody, HostResult } from '../events.ts';
import type { Host } from '../host.ts';
import { holderOf } from '../hosts/host-lease.ts';
import { HostPool } from '../hosts/host-pool.ts';
import type { Forecast } from '../plan/forecast.ts';
import type { Problem } from '../problem.ts';
import { grouped } from '../util/grouped.ts';
import type { Play } from '../validate/play.ts';
import { EarlierPlays } from './earlier-plays.ts';
import { FactReader } from './fact-reader.ts';
import { HostRun } from './host-run.ts';
import type { PlayOptions } from './play-options.ts';
import { add, exitCodeOf, untouched } from './result.ts';
import { RunOnce } from './run-once.ts';
import type { RunOptions } from './run-options.ts';

/** A problem of a host that a play leaves unchanged. */
type Refusal = Problem & { host: string };

/** Runs every play on its hosts and returns the exit code of the program. Never throws for a problem of a host. */
export async function run(options: RunOptions): Promise<number> {
  const id = randomUUID();
  const startedMs = Date.now();
  const emit = (body: EventBody) =>
    options.emit({ time: new Date().toISOString(), run: id, ...body } as Event);
  const results = await runPlays(options, id, emit);
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

/** Runs the plays in order, each on the hosts that have not failed so far. Returns the results by host. */
async function runPlays(options: RunOptions, id: string, emit: Emit): Promise<Map<string, HostResult>> {
  const { binding, playbook, check } = options;
  const holder = {
    ...holderOf(id),
    ...(binding && { savedPlan: { id: binding.id, createdS: binding.createdS } }),
  };
  // A check applies nothing, so it predicts each play from the plays before it.
  const forecasts = new Map<string, Forecast>();
  const earlier = new EarlierPlays();
  const results = new Map<string, HostResult>();
  const blocked = await planAhead(options);
  for (const [index, play] of playbook.plays.entries()) {
    if (options.signal.aborted) break;
    const refusals = [
      ...(binding?.missingHosts(index, play.hosts) ?? []),
      ...play.hosts.flatMap(({ name }) => blocked.get(name) ?? []),
    ].filter(({ host }) => !results.has(host));
    const hosts = play.hosts.filter(
      ({ name }) =>
        !blocked.has(name) &&
        !['failed', 'reverted', 'unreachable'].includes(results.get(name)?.status ?? 'ok'),
    );
    const names = new Set([...hosts.map(({ name }) => name), ...refusals.map(({ host }) => host)]);
    emit({ event: 'run_started', playbook: playbook.file, play: play.name, check, hosts: [...names] });
    reportRefused(refusals, results, emit);
    play.otherFacts.forget();
    const pool = new HostPool(holder, options.connect ?? {}, binding?.id);
    const otherFacts = new FactReader(playbook.inventory, pool, (host, facts) =>
      play.otherFacts.add(host, facts),
    );
    for (const [name, result] of await runPlay(play, hosts, emit, {
      ...options,
      holder,
      index,
      forecasts,
      earlier,
      pool,
      once: new RunOnce(hosts.map(({ name }) => name)),
      otherFacts,
    })) {
      results.set(name, add(results.get(name), result));
    }
  }
  return results;
}

/** Ends the hosts that a play leaves unchanged, each with its problems. */
function reportRefused(refusals: readonly Refusal[], results: Map<string, HostResult>, emit: Emit): void {
  for (const [host, problems] of grouped(refusals, ({ host }) => host)) {
    results.set(host, untouched);
    emit({ event: 'host_finished', host, result: untouched, problems });
  }
}

/**
 * Before the apply of several plays, runs a check of all plays and returns the problems by host: no play changes such a
 * host. A single play finds its problems in its own plan.
 */
async function planAhead(options: RunOptions): Promise<ReadonlyMap<string, readonly Refusal[]>> {
  const blocked = new Map<string, Refusal[]>();
  if (options.check || options.playbook.plays.length < 2) return blocked;
  const { confirm: _confirm, onForecast: _onForecast, ...rest } = options;
  const emit = (event: Event) => {
    const block = (host: string, problems: readonly Problem[]) =>
      blocked.set(host, [...(blocked.get(host) ?? []), ...problems.map(problem => ({ ...problem, host }))]);
    if (event.event === 'resource' && event.error !== undefined && event.error.code !== 'check-failed')
      block(event.host, [event.error]);
    if (event.event !== 'host_finished' || event.problems.length === 0) return;
    // A problem of the playbook that only the facts reveal blocks the host. A problem of the host is reported at its turn.
    const faults = event.problems.filter(({ at }) => at !== undefined);
    if (faults.length > 0) block(event.host, faults);
    else blocked.delete(event.host);
  };
  await run({
    ...rest,
    check: true,
    ahead: options.confirm === undefined && options.binding === undefined,
    emit,
  });
  return blocked;
}

/** Runs a play on its hosts in parallel. With `confirm`, all hosts are planned before the first apply. */
async function runPlay(
  play: Play,
  hosts: readonly Host[],
  emit: Emit,
  options: PlayOptions,
): Promise<Map<string, HostResult>> {
  const queue = new PQueue({ concurrency: options.parallel });
  const results = new Map<string, HostResult>();
  const waiting: HostRun[] = [];
  const { check, confirm } = options;
  const finish = async (hostRun: HostRun, isDeclined = false) => {
    await hostRun.close();
    const result = hostRun.result(isDeclined);
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
  // In the play's order, so that no host waits for a host behind it.
  const inOrder = runs.filter(hostRun => waiting.includes(hostRun));
  await each(inOrder, async hostRun => {
    if (confirmed) await hostRun.guard(() => hostRun.apply());
    await finish(hostRun, !confirmed);
  });
  return results;
}
