import { nameList } from './columns.ts';
import type { PlayRecord, RunRecord } from './record.ts';
import { type Span, span, wrap } from './style.ts';
import type { EventView } from './view.ts';

/** Returns the batches of a play in one paragraph; nothing for a play without a roll-out. */
export function batchLines({ batches }: PlayRecord, columns: number): Span[][] {
  if (batches === undefined) return [];
  const hosts = batches.map(batch => nameList(batch)).join(' · ');
  const count = batches.length === 1 ? '1 batch' : `${batches.length} batches`;
  return [...wrap([span(`Roll-out in ${count}: `), span(hosts, 'dim')], columns), []];
}

/** Returns why the run ended before its end, and what it did not reach; nothing if it did not. */
export function stopLines({ stopped }: RunRecord, columns: number): Span[][] {
  if (stopped === undefined) return [];
  const { why, hosts, plays } = stopped;
  const again = hosts.length > 0 ? [[span('The same command takes it up where it stopped.', 'dim')]] : [];
  const lines = [
    ...wrap([span(`Stopped: ${why}`, ['red', 'bold'])], columns),
    ...(hosts.length === 0 ? [] : wrap([span(`Not reached: ${nameList(hosts)}`)], columns)),
    ...(plays.length === 0 ? [] : wrap([span(`Not run: ${plays.join(', ')}`)], columns)),
  ];
  return [...lines, ...again, []];
}

/** Returns the line of a log for an event of a roll-out; undefined for any other event. */
export function batchProgress(event: EventView): string | undefined {
  switch (event.event) {
    case 'batch_started':
      return `batch ${event.batch} of ${event.of}: ${nameList(event.hosts)}`;
    case 'batch_pause':
      return `batch ${event.batch} of ${event.of}: begins in ${event.seconds} s`;
    case 'run_stopped':
      return `stopped: ${event.why}`;
    default:
      return undefined;
  }
}
