import { type Layout, planText } from './plan-text.ts';
import type { RunRecord } from './record.ts';
import { paint, span } from './style.ts';
import { headingText, summaryText } from './summary.ts';

/** How a result is laid out, and what it says at its end. */
export interface ResultLayout extends Layout {
  /** On a terminal the hosts' numbers stand below one another; elsewhere one space follows the name, for `grep`. */
  aligned: boolean;
  /** The command that applies what a check has shown; left out when that is told elsewhere. */
  applyCommand?: string;
  /** A saved plan is applied, which cannot be taken up again. */
  appliesPlan?: boolean;
}

/** The whole result of a run that has finished: what is different, where, and how it ended on each host. */
export function resultText(record: RunRecord, layout: ResultLayout): string {
  return (
    headingText(record, layout.color) +
    '\n\n' +
    planText(record, layout) +
    (record.exitCode === 130 ? interruptedText(record, layout) : '') +
    revertedText(record, layout) +
    summaryText(record, layout) +
    (record.check ? footer(record, layout) : '')
  );
}

function interruptedText(record: RunRecord, { color, appliesPlan }: ResultLayout): string {
  const words = record.check
    ? 'Interrupted: not all of it could be read.'
    : appliesPlan
      ? 'Interrupted. A plan is applied once: make a new one to take up where this one stopped.'
      : 'Interrupted. The same command takes up where this one stopped.';
  return paint([span(words, 'yellow')], color) + '\n\n';
}

function revertedText(record: RunRecord, { color }: ResultLayout): string {
  const lines = [...record.reverted].flatMap(([host, { restored, kept }]) => [
    [span(host, 'bold'), span(' was reverted: '), span(restored.join(', ') || 'nothing could be')],
    ...(kept.length === 0 ? [] : [[span('  cannot be reverted: ', 'yellow'), span(kept.join(', '))]]),
  ]);
  return lines.length === 0 ? '' : lines.map(line => `${paint(line, color)}\n`).join('') + '\n';
}

function footer(record: RunRecord, { color, applyCommand }: ResultLayout): string {
  if (record.exitCode !== 2 || applyCommand === undefined) return '';
  return paint([span('Nothing was changed. To apply:  '), span(applyCommand, 'bold')], color) + '\n';
}
