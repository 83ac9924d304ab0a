import { batchProgress } from './batch-text.ts';
import { RunRecord } from './record.ts';
import type { Output, Reporter } from './reporter.ts';
import { questionText, type ResultLayout, resultText } from './result-text.ts';
import type { EventView } from './view.ts';

/** A resource is reported when it has taken this long, and whenever the time has doubled. */
const longS = 30;

/**
 * Prints lines without escape codes, for pipes and logs. `output` gets the result at the end. `progress` gets only what the
 * result does not repeat, so that a long run is not silent: batches, waits, lost connections, the ends of hosts, and
 * resources that take long.
 */
export function plainReporter(output: Output, progress: Output, layout: ResultLayout): Reporter {
  const record = new RunRecord();
  let explained = false;
  const print = (line: string | undefined) => {
    if (line !== undefined) progress.write(`${line}\n`);
  };
  /** The timers of the running resources by host. */
  const timers = new Map<string, NodeJS.Timeout>();
  const stop = (host: string) => {
    clearTimeout(timers.get(host));
    timers.delete(host);
  };
  const watch = (host: string, name: string, seconds: number, sinceS = 0) => {
    const report = () => {
      print(`${host}: ${name}, for ${durationText(seconds)}`);
      watch(host, name, seconds * 2, seconds);
    };
    timers.set(host, setTimeout(report, (seconds - sinceS) * 1000).unref());
  };
  /** The hosts of the play that have ended. */
  const ended = new Set<string>();
  const endOf = ({ host, result }: EventView & { event: 'host_finished' }): string | undefined => {
    ended.add(host);
    const [play, isOnly] = [[...record.plays.values()].at(-1)!, record.plays.size === 1];
    if (record.check || play.hosts.size === 1 || result.status === 'not_reached') return undefined;
    const end = ends[result.status];
    return `${host} ${end}${isOnly ? '' : ` in ${play.name}`}, ${ended.size} of ${play.hosts.size}`;
  };
  return {
    report(event) {
      record.add(event);
      if ('host' in event) stop(event.host);
      if (event.event === 'run_started') ended.clear();
      if (event.event === 'resource_started') watch(event.host, event.name, longS);
      print(event.event === 'host_finished' ? endOf(event) : progressLine(event));
      if (event.event === 'run_finished') output.write(resultText(record, { ...layout, explained }));
    },
    showPlan() {
      output.write(questionText(record, layout));
      explained = true;
    },
    hold() {},
    notice(text) {
      print(text);
    },
    close() {
      for (const host of [...timers.keys()]) stop(host);
    },
  };
}

const ends = {
  ok: 'is done',
  changed: 'is done',
  failed: 'failed',
  reverted: 'was reverted',
  unreachable: 'is unreachable',
} as const;

function progressLine(event: EventView): string | undefined {
  if (event.event === 'host_waits')
    return `${event.host}: waiting for the last step of ${event.lease.holder}, which was cut off`;
  if (event.event === 'host_reconnected') return `${event.host}: connected again. ${event.why}`;
  if (event.event === 'host_reverted') return `${event.host}: reverted ${event.restored.join(', ')}`;
  return batchProgress(event);
}

/** Returns a duration such as `30 s` or `4 min`. */
function durationText(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}
