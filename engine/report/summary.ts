import type { HostResult } from '../events.ts';
import { columnsOf, hostList } from './columns.ts';
import type { RunRecord } from './record.ts';
import { paint, type Span, span, widthOf, wrap } from './style.ts';

/** More hosts than this are grouped by equal numbers. */
const mostHostLines = 12;
/** Names or ranges of names in the line of hosts that ended alike. The others are only counted. */
const mostRanges = 3;

/** Returns the first line of a result: the run, and the number of its hosts. */
export function headingText(record: RunRecord, color: boolean): string {
  const count = record.hosts.length;
  const name = [...record.plays.keys()].join(', ') || record.playbook;
  return paint(
    [
      span(name, 'bold'),
      span(` · ${count === 1 ? '1 host' : `${count} hosts`}${record.check ? ' · check' : ''}`, 'dim'),
    ],
    color,
  );
}

/**
 * Returns the end of the run on each host, one line for each; of many hosts, one line for those that ended alike. `aligned`
 * aligns the numbers, if the lines then fit into `columns`.
 */
export function summaryText(
  record: RunRecord,
  { color, aligned, columns }: { color: boolean; aligned: boolean; columns: number },
): string {
  const lines = record.hosts.flatMap(host => {
    const result = record.results.get(host);
    return result === undefined ? [] : [{ hosts: [host], counts: countsOf(result, record.check) }];
  });
  const shown = lines.length > mostHostLines ? [...merged(lines), total(record)] : lines;
  const names = shown.map(({ hosts }) => hostList(hosts, record.hosts, mostRanges));
  const widest = Math.max(0, ...names.map(columnsOf));
  const isRoomy = shown.every(({ counts }) => widest + 2 + widthOf(counts) <= columns);
  const width = aligned && isRoomy ? widest : 0;
  return shown
    .flatMap(({ counts }, i) => {
      const gap = ' '.repeat(Math.max(0, width - columnsOf(names[i]!)) + 1);
      return wrap([span(`${names[i]}:`, 'bold'), span(gap), ...counts], columns);
    })
    .map(line => `${paint(line, color)}\n`)
    .join('');
}

interface SummaryLine {
  hosts: string[];
  counts: Span[];
}

function merged(lines: readonly SummaryLine[]): SummaryLine[] {
  const groups = new Map<string, SummaryLine>();
  for (const { hosts, counts } of lines) {
    const key = JSON.stringify(counts);
    if (groups.has(key)) groups.get(key)!.hosts.push(...hosts);
    else groups.set(key, { hosts: [...hosts], counts });
  }
  return [...groups.values()].map(({ hosts, counts }) => ({
    hosts,
    counts: hosts.length > 1 && counts.length > 1 ? [...counts, span(' each', 'dim')] : counts,
  }));
}

/** Returns the last line for many hosts: all of them together. */
function total(record: RunRecord): SummaryLine {
  const results = [...record.results.values()];
  const sum = (key: 'changed' | 'unchanged' | 'failed' | 'skipped' | 'deviations') =>
    results.reduce((all, result) => all + result[key], 0);
  const unconfirmed = results.reduce((all, result) => all + (result.unconfirmed ?? 0), 0);
  const unknown = results.reduce((all, result) => all + (result.unknown ?? 0), 0);
  const unreachable = results.filter(({ status }) => status === 'unreachable').length;
  const counts = countsOf(
    {
      status: 'ok',
      changed: sum('changed'),
      unchanged: sum('unchanged'),
      failed: sum('failed'),
      skipped: sum('skipped'),
      deviations: sum('deviations'),
      ...(unconfirmed > 0 && { unconfirmed }),
      ...(unknown > 0 && { unknown }),
    },
    record.check,
  );
  const dead =
    unreachable === 0
      ? []
      : [span(', '), span(`${unreachable === 1 ? '1 host' : `${unreachable} hosts`} unreachable`, 'red')];
  return { hosts: [`${results.length} hosts`], counts: [...counts, ...dead] };
}

function countsOf(result: HostResult, check: boolean): Span[] {
  if (result.status === 'not_reached') return [span('not reached', 'yellow')];
  // A problem before every resource ended the host, such as sudo that asks for a password.
  const above = result.status === 'unreachable' || (result.status === 'failed' && result.failed === 0);
  if (above && result.changed + result.unchanged + result.failed === 0) return [span(result.status, 'red')];
  const { changed, unchanged, failed, skipped, deviations } = result;
  const counts: Span[] = [
    check
      ? span(`${changed} would change`, changed > 0 ? 'yellow' : undefined)
      : span(`${changed} changed`, changed > 0 ? 'yellow' : undefined),
    span(`${unchanged} unchanged`, unchanged > 0 ? 'green' : undefined),
  ];
  if (failed > 0) counts.push(span(`${failed} failed`, 'red'));
  else if (!check && !above) counts.push(span('0 failed'));
  if (skipped > 0) counts.push(span(`${skipped} skipped`, 'dim'));
  if (result.unknown !== undefined) counts.push(span(`${result.unknown} unknown here`, 'dim'));
  if (deviations > 0)
    counts.push(span(deviations === 1 ? '1 deviation' : `${deviations} deviations`, 'yellow'));
  if (result.unconfirmed !== undefined) counts.push(span(`${result.unconfirmed} not applied`, 'yellow'));
  if (above) counts.push(span(`then ${result.status}`, 'red'));
  if (result.status === 'reverted') counts.push(span('reverted', 'red'));
  return counts.flatMap((count, i) => (i === 0 ? [count] : [span(', '), count]));
}
