import { randomUUID } from 'node:crypto';
import type { Emit, Event, EventBody, HostResult } from '../events.ts';
import { holderOf } from '../hosts/host-lease.ts';
import { HostPool } from '../hosts/host-pool.ts';
import type { Forecast } from '../plan/forecast.ts';
import type { Problem } from '../problem.ts';
import { grouped } from '../util/grouped.ts';
import type { Play } from '../validate/play.ts';
import { batchesOf, isFailure } from './batch.ts';
import { EarlierPlays } from './earlier-plays.ts';
import { FactReader } from './fact-reader.ts';
import { runPlay } from './play-run.ts';
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
  const { results, hasStopped } = await runPlays(options, id, emit);
  const exitCode = options.signal.aborted
    ? 130
    : exitCodeOf([...results.values()], options.check, hasStopped);
  emit({
    event: 'run_finished',
    hosts: Object.fromEntries(results),
    exit_code: exitCode,
    check: options.check,
    durationMs: Date.now() - startedMs,
  });
  return exitCode;
}

/** The results of a run by host, and whether failures ended a roll-out. */
interface RunEnd {
  results: Map<string, HostResult>;
  hasStopped: boolean;
}

/** Runs the plays in order, each on the hosts that have not failed so far. */
async function runPlays(options: RunOptions, id: string, emit: Emit): Promise<RunEnd> {
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
      ({ name }) => !blocked.has(name) && !isFailure(results.get(name) ?? untried),
    );
    const names = new Set([...hosts.map(({ name }) => name), ...refusals.map(({ host }) => host)]);
    emit({
      event: 'run_started',
      playbook: playbook.file,
      play: play.name,
      check,
      hosts: [...names],
      ...(play.rollout && {
        batches: batchesOf(play, ({ name }) => names.has(name)).map(batch => batch.map(({ name }) => name)),
      }),
    });
    reportRefused(refusals, results, emit);
    play.otherFacts.forget();
    const pool = new HostPool(holder, options.connect ?? {}, binding?.id);
    const otherFacts = new FactReader(playbook.inventory, pool, (host, facts) =>
      play.otherFacts.add(host, facts),
    );
    const failed = play.hosts.flatMap(({ name }) => (isFailure(results.get(name) ?? untried) ? [name] : []));
    const end = await runPlay(play, hosts, failed, emit, {
      ...options,
      holder,
      index,
      forecasts,
      earlier,
      pool,
      once: new RunOnce(hosts.map(({ name }) => name)),
      otherFacts,
    });
    for (const [name, result] of end.results) results.set(name, add(results.get(name), result));
    const why = end.stopped ?? failureIn(play, results, options);
    if (why === undefined) continue;
    const reached = [...end.results].flatMap(([name, { status }]) =>
      status === 'not_reached' ? [name] : [],
    );
    const plays = playbook.plays.slice(index + 1).map(({ name }) => name);
    emit({ event: 'run_stopped', play: play.name, why, hosts: reached, plays });
    return { results, hasStopped: end.isExceeded };
  }
  return { results, hasStopped: false };
}

const untried = { ...untouched, status: 'ok' } as const;

/** Returns why a run ends after a play in which a host failed; undefined if it goes on. */
function failureIn(
  { name, hosts }: Play,
  results: ReadonlyMap<string, HostResult>,
  { playbook, check }: RunOptions,
): string | undefined {
  if (check || !playbook.stopsAtFailure || playbook.plays.at(-1)?.name === name) return undefined;
  const failed = hosts.filter(host => isFailure(results.get(host.name) ?? untried));
  if (failed.length === 0) return undefined;
  return `${failed.map(host => host.name).join(', ')} failed, and any_failure is stop.`;
}

/** Ends the hosts that a play leaves unchanged, each with its problems. */
function reportRefused(refusals: readonly Refusal[], results: Map<string, HostResult>, emit: Emit): void {
  for (const [host, problems] of grouped(refusals, ({ host }) => host)) {
    results.set(host, untouched);
    emit({ event: 'host_finished', host, result: untouched, problems });
  }
}

/**
 * Before the apply of several plays or batches, runs a check of all of them and returns the problems by host: no play
 * changes such a host. A single play without a roll-out finds its problems in its own plan.
 */
async function planAhead(options: RunOptions): Promise<ReadonlyMap<string, readonly Refusal[]>> {
  const blocked = new Map<string, Refusal[]>();
  const { plays } = options.playbook;
  const isGradual = plays.length > 1 || plays.some(({ rollout }) => rollout !== undefined);
  if (options.check || !isGradual) return blocked;
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
