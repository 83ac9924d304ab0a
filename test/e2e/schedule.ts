import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Random } from '../engine/validate/fuzz/random.ts';
import { type Going, reconcile, starting } from './reconcile.ts';

/** The two controllers of a schedule, and the administrator who releases leases. */
type Who = 'A' | 'B';
type Event =
  | { do: 'stop' | 'continue' | 'kill'; who: Who }
  /** Continues A after the end of B. */
  | { do: 'wait' }
  /** An administrator releases the lease, or its time comes: a real one would take ten minutes. */
  | { do: 'release' | 'expire' };

/** Two applies on one host, and what happens to them; times in ms from the first step of A. */
export interface Schedule {
  seed: number;
  runs: Record<Who, { startMs: number; stepsMs: number[]; clockMs: number; isPlan: boolean }>;
  events: ({ atMs: number } & Event)[];
}

/**
 * Returns the schedule of a seed. In two of three, a controller is stopped, its lease is lost, the other one starts, and the
 * first one continues; the rest is any sequence of events.
 */
export function scheduleOf(seed: number): Schedule {
  const random = new Random(seed);
  const run = (startMs: number) => ({
    startMs,
    stepsMs: Array.from({ length: 2 + random.below(3) }, () => 300 + random.below(2500)),
    clockMs: random.pick([-3_600_000, 0, 0, 3_600_000]),
    isPlan: random.below(2) === 0,
  });
  const runs = { A: run(0), B: run(random.below(6000)) };
  const events: Schedule['events'] = [];
  const lose = (): Event => ({ do: random.pick(['release', 'release', 'expire']) });
  if (random.below(3) > 0) {
    const atMs = random.below(2500);
    const lostMs = atMs + 300 + random.below(2500);
    runs.B.startMs = lostMs + random.below(1500);
    events.push({ atMs, do: 'stop', who: 'A' }, { atMs: lostMs, ...lose() });
    if (random.below(2) === 0) events.push({ atMs: runs.B.startMs + 1, do: 'wait' });
    else events.push({ atMs: runs.B.startMs + random.below(7000), do: 'continue', who: 'A' });
  }
  for (let n = random.below(3); n > 0; n--) {
    const atMs = random.below(8000);
    const who = random.pick(['A', 'B'] as const);
    events.push({ atMs, do: 'stop', who }, { atMs: atMs + random.below(9000), do: 'continue', who });
    if (random.below(3) > 0) events.push({ atMs: atMs + random.below(3000), ...lose() });
  }
  if (random.below(6) === 0)
    events.push({ atMs: 2000 + random.below(8000), do: 'kill', who: random.pick(['A', 'B'] as const) });
  return { seed, runs, events: events.sort((a, b) => a.atMs - b.atMs) };
}

/** The host of a schedule: its name in the inventory, and a way to run a script there as root. */
export interface ScheduleHost {
  name: string;
  on(script: string): Promise<string>;
}

/** A line of the host: the begin or end of a step with the lease at that time, or the time of a release. */
interface Line {
  who: Who | 'admin';
  what: string;
  /** Seconds since the host started. */
  at: number;
  run?: string | undefined;
  since?: string | undefined;
}

const expire = `cd /var/lib/reconcile 2>/dev/null && [ -f lease ] && awk -F'\\t' -v OFS='\\t' '{ $3 = 1; print }' lease >lease.past && cat lease.past >lease; rm -f lease.past`;
const trace = (words: string) =>
  `echo "${words} $(cut -d' ' -f1 /proc/uptime) $(cut -f1,2 /var/lib/reconcile/lease 2>/dev/null)" >>/run/trace`;

/** Seconds for which a run uses the reading before its first step, when it has no lease to lose yet. */
const firstAgeS = 7;

/** Runs a schedule. Returns the violations of the law, in words, and the trace. */
export async function runSchedule(
  schedule: Schedule,
  { name, on }: ScheduleHost,
  parent: string,
  inventory: string,
): Promise<{ violations: string[]; trace: string; exits: string }> {
  const folder = join(parent, String(schedule.seed));
  mkdirSync(folder);
  writeFileSync(join(folder, 'inventory.yml'), inventory);
  await on('rm -rf /run/trace /run/done-* /var/lib/reconcile /run/reconcile; : >/run/trace');
  const going: Partial<Record<Who, Going>> = {};
  const stopped = new Set<Who>();
  const killed = new Set<Who>();
  const start = async (who: Who) => {
    const { stepsMs, clockMs, isPlan } = schedule.runs[who];
    // The guard traces each reading, and holds after the step.
    const resources = stepsMs.map((ms, i) => ({
      name: `${who}${i}`,
      command: {
        run: [
          trace(`${who} begin-${i}`),
          `sleep ${ms / 1000}`,
          trace(`${who} end-${i}`),
          `: >/run/done-${who}-${i}`,
        ].join('\n'),
        unless: `${trace(`${who} read-${i}`)}; test -e /run/done-${who}-${i}`,
      },
    }));
    writeFileSync(join(folder, `${who}.yml`), JSON.stringify({ hosts: name, become: true, resources }));
    writeFileSync(
      join(folder, `${who}.mjs`),
      `const { now } = Date; Date.now = () => now() + ${clockMs};
      globalThis.Date = class extends Date { constructor(...at) { super(...(at.length ? at : [Date.now()])); } };`,
    );
    const env = { NODE_OPTIONS: `--import file://${join(folder, `${who}.mjs`)}` };
    if (isPlan) await reconcile(folder, ['plan', `${who}.yml`, '-o', `${who}.json`], env);
    const run = starting(folder, ['apply', isPlan ? `${who}.json` : `${who}.yml`], env);
    going[who] = run;
    if (stopped.has(who)) run.child.kill('SIGSTOP');
  };
  const happen = async (event: Event) => {
    if (event.do === 'stop') stopped.add(event.who);
    if (event.do === 'continue') stopped.delete(event.who);
    if (event.do === 'kill') killed.add(event.who);
    const signal = { stop: 'SIGSTOP', continue: 'SIGCONT', kill: 'SIGKILL' } as const;
    if (event.do === 'wait') {
      await expect.poll(() => going.B !== undefined, { timeout: 60_000 }).toBe(true);
      going.B!.child.kill('SIGCONT');
      await going.B!.ended;
      stopped.delete('A');
      going.A?.child.kill('SIGCONT');
    } else if ('who' in event) going[event.who]?.child.kill(signal[event.do]);
    else if (event.do === 'expire') await on(expire);
    else {
      await on(trace('admin release'));
      await reconcile(folder, ['lock', 'release', name]);
      await on(trace('admin released'));
    }
  };
  await start('A');
  const hasBegun = async () => (await on('grep -c "^A begin" /run/trace || true')).trim() !== '0';
  await expect.poll(hasBegun, { timeout: 120_000 }).toBe(true);
  const began = performance.now();
  const later = async (atMs: number, work: () => Promise<void>) => {
    await sleep(Math.max(0, atMs - (performance.now() - began)));
    await work();
  };
  await Promise.all([
    later(schedule.runs.B.startMs, () => start('B')),
    ...schedule.events.map(event => later(event.atMs, () => happen(event))),
  ]);
  // An event may have been before the start of its run.
  for (const { child } of Object.values(going)) child.kill('SIGCONT');
  const ran = await Promise.all(
    (['A', 'B'] as const).map(async who => ({ who, ...(await going[who]!.ended) })),
  );
  // A killed controller leaves its last step behind.
  await on(
    'n=0; while grep -qsa RECONCILE_RUN= /proc/[0-9]*/environ && [ $n -lt 50 ]; do sleep 0.2; n=$((n + 1)); done',
  );
  const text = await on('cat /run/trace');
  const lines = text.trim().split('\n').filter(Boolean).map(lineOf);
  const violations = [
    ...violationsIn(lines, who => schedule.runs[who].isPlan),
    ...ran
      .filter(
        ({ who, exit, stdout, stderr }) =>
          !killed.has(who) && (![0, 1].includes(exit) || /bug in reconcile|\n\s+at /.test(stdout + stderr)),
      )
      .map(({ who, exit, stdout, stderr }) => `${who} exited ${exit}: ${stdout}${stderr}`),
  ];
  return { violations, trace: text, exits: ran.map(({ who, exit }) => `${who} ${exit}`).join(', ') };
}

function lineOf(text: string): Line {
  const [who, what, at, run, since] = text.trim().split(/\s+/);
  return { who: who as Line['who'], what: what!, at: Number(at), run, since };
}

/**
 * The law: no step of a run that lost the lease after the winner's first, unless the loser has taken the lease anew and read
 * the host after the winner's last step.
 */
export function violationsIn(lines: readonly Line[], isPlan: (who: Who) => boolean): string[] {
  const violations: string[] = [];
  const releases = lines
    .filter(({ what }) => what === 'release')
    .map(({ at }, i) => [at, lines.filter(({ what }) => what === 'released')[i]?.at ?? Infinity] as const);
  const isReleased = (from: number, to: number) =>
    releases.some(([begin, end]) => begin <= to && end >= from);
  const begins = lines.filter(({ what }) => what.startsWith('begin'));
  for (const who of ['A', 'B'] as const) {
    const own = begins.filter(line => line.who === who);
    const foreign = begins.filter(line => line.who !== who);
    const runs = new Set(own.flatMap(({ run }) => run ?? []));
    if (runs.size > 1) violations.push(`${who} began steps under another lease: ${[...runs].join(', ')}`);
    for (const [i, line] of own.entries()) {
      const last = own[i - 1];
      const between = last === undefined ? [] : foreign.filter(({ at }) => at > last.at && at < line.at);
      if (between.length > 0 && isPlan(who))
        violations.push(
          `${who} continued its saved plan with ${line.what} after ${between[0]!.who} ${between[0]!.what}`,
        );
      const readAt = lines.findLast(
        each => each.who === who && each.what === line.what.replace('begin', 'read') && each.at <= line.at,
      )?.at;
      const stale = foreign.find(
        ({ at }) =>
          at > (readAt ?? 0) && at < line.at && (last !== undefined || line.at - (readAt ?? 0) > firstAgeS),
      );
      if (stale !== undefined && !isReleased(line.at - 1, line.at))
        violations.push(
          `${who} began ${line.what}, read at ${readAt}, after ${stale.who} ${stale.what} at ${stale.at}`,
        );
    }
    for (const line of own) {
      const end =
        lines.find(each => each.who === who && each.what === line.what.replace('begin', 'end'))?.at ??
        line.at;
      for (const other of foreign)
        if (other.at > line.at && other.at < end && !isReleased(line.at, other.at))
          violations.push(`${other.who} ${other.what} during ${who} ${line.what}`);
    }
  }
  return violations;
}
