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
import { FactReader } from './fact-reader.ts';
import { HostRun, type PlayOptions } from './host-run.ts';
import { add, exitCodeOf, untouched } from './result.ts';
import { RunOnce } from './run-once.ts';
import type { RunOptions } from './run-options.ts';

/** Runs every play on its hosts and returns the program's exit code. Never throws for what a host does. */
export async function run(options: RunOptions): Promise<number> {
  const id = randomUUID();
  const { binding } = options;
  const holder = {
    ...holderOf(id),
    ...(binding && { plan: { id: binding.id, createdS: binding.createdS } }),
  };
  // Nothing is applied by a check, so that each play is predicted from those before it.
  const forecasts = new Map<string, Forecast>();
  const startedMs = Date.now();
  const emit = (body: EventBody) =>
    options.emit({ time: new Date().toISOString(), run: id, ...body } as Event);
  const results = new Map<string, HostResult>();
  const blocked = await blockedAhead(options);
  for (const [index, play] of options.playbook.plays.entries()) {
    if (options.signal.aborted) break;
    const gone = [
      ...(binding?.missingHosts(index, play.hosts) ?? []),
      ...play.hosts.flatMap(({ name }) => blocked.get(name) ?? []),
    ].filter(({ host }) => !results.has(host));
    const hosts = play.hosts.filter(
      ({ name }) =>
        !blocked.has(name) &&
        !['failed', 'reverted', 'unreachable'].includes(results.get(name)?.status ?? 'ok'),
    );
    emit({
      event: 'run_started',
      playbook: options.playbook.file,
      play: play.name,
      check: options.check,
      hosts: [...new Set([...hosts.map(({ name }) => name), ...gone.map(({ host }) => host)])],
    });
    for (const [host, problems] of grouped(gone, ({ host }) => host)) {
      results.set(host, untouched);
      emit({ event: 'host_finished', host, result: untouched, problems });
    }
    play.otherFacts.forget();
    const pool = new HostPool(holder, options.connect ?? {}, binding?.id);
    const otherFacts = new FactReader(options.playbook.inventory, pool, (host, facts) =>
      play.otherFacts.add(host, facts),
    );
    for (const [name, result] of await runPlay(play, hosts, emit, {
      ...options,
      holder,
      index,
      forecasts,
      pool,
      once: new RunOnce(hosts.map(({ name }) => name)),
      otherFacts,
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

/**
 * What is known to fail in any play of a playbook with several, by host: then nothing of that host is changed, in none of
 * them. A single play finds it in its own plan.
 */
async function blockedAhead(
  options: RunOptions,
): Promise<ReadonlyMap<string, readonly (Problem & { host: string })[]>> {
  const blocked = new Map<string, (Problem & { host: string })[]>();
  if (options.check || options.playbook.plays.length < 2) return blocked;
  const { confirm: _confirm, onForecast: _foreseen, ...rest } = options;
  const emit = (event: Event) => {
    const block = (host: string, problems: readonly Problem[]) =>
      blocked.set(host, [...(blocked.get(host) ?? []), ...problems.map(problem => ({ ...problem, host }))]);
    if (event.event === 'resource' && event.error !== undefined && event.error.code !== 'check-failed')
      block(event.host, [event.error]);
    if (event.event !== 'host_finished' || event.problems.length === 0) return;
    // A problem of the playbook, which only the facts reveal, blocks the host. A problem of the host is reported at its turn.
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
  // In the play's order, so that nobody waits for one whose turn has not come.
  const inOrder = runs.filter(hostRun => waiting.includes(hostRun));
  await each(inOrder, async hostRun => {
    if (confirmed) await hostRun.guard(() => hostRun.apply());
    await finish(hostRun);
  });
  return results;
}
