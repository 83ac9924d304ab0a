import { batchProgress } from './batch-text.ts';
import { describe, labelOf, signOf } from './changes.ts';
import { planText } from './plan-text.ts';
import { RunRecord } from './record.ts';
import type { Output, Reporter } from './reporter.ts';
import { type ResultLayout, resultText } from './result-text.ts';
import { paint } from './style.ts';
import type { EventView } from './view.ts';

/**
 * Prints lines without escape codes, for pipes and logs: the result on `output` at the end, and before that a line for each
 * change on `progress`, so that a long run is not silent.
 */
export function plainReporter(output: Output, progress: Output, layout: ResultLayout): Reporter {
  const record = new RunRecord();
  return {
    report(event) {
      record.add(event);
      const line = progressLine(event);
      if (line !== undefined) progress.write(line + '\n');
      if (event.event === 'run_finished') output.write(resultText(record, layout));
    },
    showPlan() {
      output.write(planText(record, layout));
    },
    hold() {},
    notice(text) {
      progress.write(text + '\n');
    },
    close() {},
  };
}

function progressLine(event: EventView): string | undefined {
  if (event.event === 'host_finished' && event.result.status === 'unreachable')
    return `${event.host}: unreachable`;
  if (event.event === 'host_waits')
    return `${event.host}: waiting for the last step of ${event.lease.holder}, which was cut off`;
  if (event.event === 'host_reconnected') return `${event.host}: the connection was lost and made again`;
  if (event.event === 'host_reverted') return `${event.host}: reverted ${event.restored.join(', ')}`;
  if (event.event !== 'resource') return batchProgress(event);
  const { host, status, diff } = event;
  const name = labelOf(event);
  if (status === 'failed') return `${host}: ✗ ${name}`;
  if (status !== 'changed') return undefined;
  return `${host}: ${signOf(event).text} ${name}${diff ? `: ${paint(describe(diff).flat(), false)}` : ''}`;
}
