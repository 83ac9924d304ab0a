import type { HostResult } from '../events.ts';
import { columnsOf, pad, truncate } from './columns.ts';
import { paint, type Span, span } from './style.ts';
import type { EventView } from './view.ts';

type Phase = 'waiting' | 'held' | 'connected' | 'planned' | 'running' | 'finished';

interface LiveHost {
  name: string;
  phase: Phase;
  /** Number of finished resources, and of all. */
  done: number;
  of: number;
  current: string;
  sinceMs: number;
  result?: HostResult;
  /** The number of its batch, if the play has a roll-out. */
  batch?: number;
}

const barColumns = 20;

/** A resource that takes longer than this shows its duration. */
const slowMs = 3000;

/** The current work, as a few lines that fit a window of the terminal. */
export class LiveView {
  readonly #hosts = new Map<string, LiveHost>();
  readonly #startedMs: number;
  /** The batch of the roll-out, or the pause before it. */
  #batch: { words: string; endsMs?: number } | undefined;
  #check = false;
  #changes = 0;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  add(event: EventView, nowMs: number): void {
    if (event.event === 'run_started') {
      this.#check = event.check;
      for (const name of event.hosts) {
        const batch = event.batches?.findIndex(hosts => hosts.includes(name));
        const inBatch = batch === undefined || batch < 0 || event.check ? {} : { batch: batch + 1 };
        this.#hosts.set(name, {
          name,
          phase: 'waiting',
          done: 0,
          of: 0,
          current: '',
          sinceMs: nowMs,
          ...inBatch,
        });
      }
    }
    if (event.event === 'batch_pause')
      this.#batch = {
        words: `pause before batch ${event.batch} of ${event.of}`,
        endsMs: nowMs + event.seconds * 1000,
      };
    if (event.event === 'batch_started') {
      this.#batch = { words: `batch ${event.batch} of ${event.of}` };
      for (const name of event.hosts) delete this.#hosts.get(name)?.batch;
    }
    if (!('host' in event)) return;
    const host = this.#hosts.get(event.host);
    if (host === undefined) return;
    if (event.event === 'host_waits')
      Object.assign(host, { phase: 'held', current: event.lease.holder, sinceMs: nowMs });
    if (event.event === 'host_connected') host.phase = 'connected';
    if (event.event === 'host_plan') Object.assign(host, { phase: 'planned', of: event.resources.length });
    if (event.event === 'resource_started') {
      const { index: done, of, name: current } = event;
      Object.assign(host, { phase: 'running', done, of, current, sinceMs: nowMs });
    }
    if (event.event === 'resource') {
      host.done = Math.min(host.of, host.done + 1);
      if (event.status === 'changed') this.#changes++;
    }
    if (event.event === 'host_finished') Object.assign(host, { phase: 'finished', result: event.result });
  }

  /** Returns at most `rows` lines of at most `columns`. The last one counts all hosts. */
  lines(nowMs: number, columns: number, rows: number): string[] {
    const all = [...this.#hosts.values()];
    const room = Math.max(1, rows - 1);
    // All hosts if they fit, so that no line jumps; otherwise only the busy ones.
    const candidates =
      all.length <= room ? all : all.filter(({ phase }) => phase !== 'waiting' && phase !== 'finished');
    const shown = candidates.length <= room ? candidates : candidates.slice(0, room - 1);
    const more = candidates.length - shown.length;
    const nameColumns = Math.min(24, Math.max(0, ...all.map(({ name }) => columnsOf(name))));
    const lines = shown.map(host => hostLine(host, nameColumns, nowMs, this.#check));
    if (more > 0 && room > 1) lines.push([span(`… and ${more} more`, 'dim')]);
    return [...lines, this.#countLine(nowMs)].map(line => paint(cutLine(line, columns - 1), true));
  }

  #countLine(nowMs: number): Span[] {
    const all = [...this.#hosts.values()];
    const count = (wanted: (host: LiveHost) => boolean) => all.filter(wanted).length;
    const finished = count(({ phase }) => phase === 'finished');
    const failed = count(({ result }) => result?.status === 'failed');
    const unreachable = count(({ result }) => result?.status === 'unreachable');
    const parts: Span[] = [
      span(`${finished} of ${all.length} ${all.length === 1 ? 'host' : 'hosts'} done`, 'bold'),
    ];
    if (this.#changes > 0) parts.push(span(`${this.#changes} changed`, 'yellow'));
    if (failed > 0) parts.push(span(`${failed} failed`, 'red'));
    if (unreachable > 0) parts.push(span(`${unreachable} unreachable`, 'red'));
    if (this.#batch !== undefined) {
      const { words, endsMs } = this.#batch;
      parts.push(span(endsMs === undefined ? words : `${words}: ${clock(Math.max(0, endsMs - nowMs))}`));
    }
    parts.push(span(clock(nowMs - this.#startedMs), 'dim'));
    return parts.flatMap((part, i) => (i === 0 ? [part] : [span(' · ', 'dim'), part]));
  }
}

function hostLine(host: LiveHost, nameColumns: number, nowMs: number, check: boolean): Span[] {
  const name = span(pad(truncate(host.name, nameColumns), nameColumns) + '  ');
  if (host.phase === 'finished') return [name, ...endOf(host.result!, check)];
  if (host.phase === 'waiting')
    return [name, span(host.batch === undefined ? 'connecting' : `waits for batch ${host.batch}`, 'dim')];
  if (host.phase === 'connected') return [name, span('reading', 'dim')];
  const elapsedMs = nowMs - host.sinceMs;
  if (host.phase === 'held')
    return [
      name,
      span(`waiting for the last step of ${host.current}, which was cut off  ${clock(elapsedMs)}`, 'dim'),
    ];
  return [
    name,
    ...bar(host.of === 0 ? 1 : host.done / host.of),
    span(`  ${String(host.done).padStart(String(host.of).length)}/${host.of}`, 'dim'),
    span(`  ${host.current}`),
    ...(host.phase === 'running' && elapsedMs >= slowMs ? [span(`  ${clock(elapsedMs)}`, 'dim')] : []),
  ];
}

function endOf({ status, changed, failed, unknown }: HostResult, check: boolean): Span[] {
  if (status === 'not_reached') return [span('not reached', 'yellow')];
  if (status === 'reverted') return [span('✗ reverted', 'red')];
  if (status === 'unreachable') return [span('✗ unreachable', 'red')];
  if (status === 'failed') return [span(failed > 0 ? `✗ ${failed} failed` : '✗ failed', 'red')];
  if (changed > 0)
    return [span('✓ ', 'green'), span(check ? `${changed} would change` : `${changed} changed`, 'yellow')];
  return [
    span('✓ as declared', 'green'),
    ...(unknown === undefined ? [] : [span(`, ${unknown} unknown here`, 'dim')]),
  ];
}

function bar(share: number): Span[] {
  const filled = Math.round(share * barColumns);
  return [span('━'.repeat(filled), 'cyan'), span('─'.repeat(barColumns - filled), 'dim')];
}

/** Returns a duration such as `0:07`, `12:30` or `1:02:03`. */
function clock(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** Cuts a line of spans to a number of columns, because a wrapped live line could not be erased. */
function cutLine(line: readonly Span[], columns: number): Span[] {
  const fitted: Span[] = [];
  let left = columns;
  for (const { text, style } of line) {
    const cut = truncate(text, left);
    fitted.push(span(cut, style));
    left -= columnsOf(cut);
    if (cut !== text || left <= 0) break;
  }
  return fitted;
}
