import { stopLines } from './batch-text.ts';
import { planText } from './plan-text.ts';
import type { RunRecord } from './record.ts';
import type { Layout } from './resource-lines.ts';
import { paint, span } from './style.ts';
import { headingText, summaryText } from './summary.ts';
import { totalText } from './total-text.ts';

/** The layout of a result, and the text at its end. */
export interface ResultLayout extends Layout {
  /** Whether the numbers of the hosts are aligned, as on a terminal. Otherwise one space follows the name, for `grep`. */
  aligned: boolean;
  /** The command that applies the changes of a check; undefined if another text names it. */
  applyCommand?: string;
  /** Whether a saved plan is applied, which cannot be applied again. */
  appliesPlan?: boolean;
}

/** Returns the whole result of a finished run: the diffs, and the end on each host. */
export function resultText(record: RunRecord, layout: ResultLayout): string {
  return (
    headingText(record, layout.color) +
    '\n\n' +
    planText(record, layout) +
    (record.exitCode === 130 ? interruptedText(record, layout) : '') +
    revertedText(record, layout) +
    stopLines(record, layout.columns)
      .map(line => `${paint(line, layout.color)}\n`)
      .join('') +
    (record.check ? totalText(record, layout) : '') +
    summaryText(record, layout) +
    (record.check ? footer(record, layout) : '')
  );
}

/** Returns the plan before the question whether to apply it, with its total at the end. */
export function questionText(record: RunRecord, layout: ResultLayout): string {
  return `${headingText(record, layout.color)}\n\n${planText(record, layout)}${totalText(record, layout)}`;
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
