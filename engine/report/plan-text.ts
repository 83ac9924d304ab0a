import { leaseText } from '../lease.ts';
import type { Problem } from '../problem.ts';
import { batchLines } from './batch-text.ts';
import { describe, labelOf, open, predictedFrom, signOf } from './changes.ts';
import { columnsOf, nameList, pad, truncate } from './columns.ts';
import type { HostRecord, PlayRecord, RunRecord } from './record.ts';
import { flow, paint, type Span, type Style, span, wrap } from './style.ts';
import type { ChangeView, ResourceView } from './view.ts';

/** The layout of a plan. */
export interface Layout {
  /** Columns of the terminal; Infinity for lines of any length. */
  columns: number;
  color: boolean;
  /** Whether the changed lines of texts are shown. */
  diff: boolean;
  /** 1 = also unchanged resources and the commands that ran; 2 = also the output of the commands. */
  verbosity: 0 | 1 | 2;
}

/** Lines of a text to show. The others are only counted. */
const mostTextLines = 60;

type Line = Span[];

/**
 * Returns the diffs of the hosts, play by play. Hosts with the same text share it under all their names, and hosts without
 * any share one line.
 */
export function planText(record: RunRecord, layout: Layout): string {
  const plays = [...record.plays.values()];
  return plays
    .flatMap((play, i) => {
      const groups = playGroups(record, play, plays.slice(i + 1), layout);
      const heading = plays.length === 1 ? [] : [[span(play.name, 'bold')], []];
      return [[...heading, ...batchLines(play, layout.columns)], ...groups];
    })
    .map(lines => lines.map(line => paint(line, layout.color) + '\n').join(''))
    .join('');
}

function playGroups(record: RunRecord, play: PlayRecord, later: PlayRecord[], layout: Layout): Line[][] {
  const frame = frameOf(record, play, layout);
  const groups = new Map<string, { hosts: string[]; lines: Line[] }>();
  const quiet: string[] = [];
  for (const host of play.hosts.values()) {
    // The problems of a host as a whole are shown in the last of its plays.
    const last = !later.some(({ hosts }) => hosts.has(host.host));
    const problems = last ? record.hostProblems(host.host) : [];
    const lines = [
      ...clockLines(host, layout),
      ...leaseLines(host, frame, layout),
      ...resourceLines(host, frame, layout),
      ...problems.flatMap(each => problemLines(each, 2, layout)),
    ];
    const key = JSON.stringify(lines);
    const isReached = record.results.get(host.host)?.status !== 'not_reached';
    if (lines.length === 0 && !isReached) continue;
    if (lines.length === 0) quiet.push(host.host);
    else if (groups.has(key)) groups.get(key)!.hosts.push(host.host);
    else groups.set(key, { hosts: [host.host], lines });
  }
  const shown = [...groups.values()].map(({ hosts, lines }) => [
    ...wrap([span(nameList(hosts), 'bold')], layout.columns),
    ...lines,
    [],
  ]);
  if (quiet.length === 0) return shown;
  const words = record.check ? 'nothing would change' : 'nothing to change';
  return [
    ...shown,
    [...wrap([span(nameList(quiet), 'bold'), span('  '), span(words, 'dim')], layout.columns), []],
  ];
}

function clockLines({ skewS }: HostRecord, { columns }: Layout): Line[] {
  if (skewS === undefined) return [];
  const text = `its clock is ${Math.round(Math.abs(skewS) / 60)} min ${skewS < 0 ? 'behind' : 'ahead of'} the one here`;
  return wrap([span(text, 'yellow')], Math.max(10, columns - 2)).map(line => [span('  '), ...line]);
}

/** Returns the lease of another run. An apply shows its own failure to take the lease instead. */
function leaseLines({ lease }: HostRecord, { over }: Frame, { columns }: Layout): Line[] {
  if (lease === undefined || over) return [];
  const text = `is being changed by ${leaseText(lease)}`;
  return wrap([span(text, 'yellow')], Math.max(10, columns - 2)).map(line => [span('  '), ...line]);
}

interface Frame {
  nameColumns: number;
  moduleColumns: number;
  /** Whether an apply has ended: a resource that is only planned was not applied. */
  over: boolean;
}

/** The columns for all hosts of a play, so that identical plans have identical texts and all lines are aligned. */
function frameOf(record: RunRecord, play: PlayRecord, layout: Layout): Frame {
  const most = Number.isFinite(layout.columns) ? Math.max(16, Math.floor(layout.columns * 0.35)) : 48;
  const frame = { nameColumns: 0, moduleColumns: 0, over: record.finished && !record.check };
  for (const host of play.hosts.values()) {
    for (const resource of host.resources.values()) {
      if (!isShown(resource, layout)) continue;
      frame.nameColumns = Math.max(frame.nameColumns, Math.min(most, columnsOf(labelOf(resource))));
      frame.moduleColumns = Math.max(frame.moduleColumns, columnsOf(resource.module));
    }
  }
  return frame;
}

function isShown({ status, deviation }: ResourceView, { verbosity }: Layout): boolean {
  if (status === 'changed' || status === 'would_change' || status === 'failed' || deviation !== null)
    return true;
  return verbosity > 0;
}

function resourceLines(host: HostRecord, frame: Frame, layout: Layout): Line[] {
  const resources = [...host.resources.values()];
  return [
    ...resources.filter(each => isShown(each, layout)).flatMap(each => linesOf(each, frame, layout)),
    ...(layout.verbosity > 0 ? [] : notRunLines(resources)),
  ];
}

/** Reasons for a skipped resource that are no failure. */
const wanted: readonly string[] = ['when', 'tags', 'run_once'];

/** Returns the number of resources that were not reached because of a failure. */
function notRunLines(resources: readonly ResourceView[]): Line[] {
  const counts = new Map<string, number>();
  for (const { status, skipped } of resources) {
    if (status !== 'skipped' || skipped === undefined || wanted.includes(skipped)) continue;
    counts.set(skipped, (counts.get(skipped) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => {
    const what = count === 1 ? '1 resource' : `${count} resources`;
    return [span(`  · ${what} not reached, because of ${reason}`, 'dim')];
  });
}

function linesOf(resource: ResourceView, frame: Frame, layout: Layout): Line[] {
  const sign = signOf(resource);
  const start = 4 + frame.nameColumns + 2 + frame.moduleColumns + 2;
  // Beside the names if there is room for a sentence, otherwise below them.
  const beside = layout.columns - start >= 24;
  const words = flow(
    what(resource, frame),
    beside ? layout.columns - start : Math.max(10, layout.columns - 6),
  );
  const name =
    beside && Number.isFinite(layout.columns)
      ? truncate(labelOf(resource), frame.nameColumns)
      : labelOf(resource);
  const head: Line = [
    span('  '),
    span(sign.text, sign.style),
    span(` ${pad(name, frame.nameColumns)}  `),
    span(pad(resource.module, frame.moduleColumns), 'dim'),
  ];
  const first = beside ? [[...head, span('  '), ...(words.shift() ?? [])]] : [head];
  return [
    ...first,
    ...words.map(line => [span(' '.repeat(beside ? start : 6)), ...line]),
    ...doubtLines(resource, layout),
    ...deviationLines(resource, layout),
    ...(layout.diff
      ? (resource.diff?.changes ?? []).flatMap(change => textLines(change, resource, layout))
      : []),
    ...commandLines(resource, layout),
    ...(resource.error ? problemLines(resource.error, 6, layout) : []),
  ];
}

/** Returns the change of a resource, in groups of words that no line break should split. */
function what(resource: ResourceView, { over }: Frame): Line[] {
  const { status, diff, skipped } = resource;
  const words = diff === null ? [] : describe(diff);
  if (status === 'failed') words.unshift([span(diff === null ? 'failed' : 'failed: ', 'red')]);
  if (status === 'would_change' && over) words.unshift([span('not done: ', 'yellow')]);
  if (status === 'skipped') words.unshift([span(`skipped: ${skipped ?? ''}`, 'dim')]);
  if (status === 'unchanged') words.unshift([span('as declared', 'dim')]);
  if (status === 'would_change' && diff === null) words.push([span(open, 'dim')]);
  const after = status === 'would_change' ? predictedFrom(resource) : [];
  if (after.length > 0) words.push([span('  '), span(`after ${after.join(', ')}`, 'cyan')]);
  return words;
}

function doubtLines({ doubt, status }: ResourceView, { columns }: Layout): Line[] {
  if (doubt === undefined || status !== 'would_change') return [];
  const words = [span(`may fail: ${doubt}`, 'yellow')];
  return wrap(words, Math.max(10, columns - 6)).map(line => [span('      '), ...line]);
}

function deviationLines({ deviation, status }: ResourceView, layout: Layout): Line[] {
  if (deviation === null) return [];
  const { planned, suspect } = deviation;
  const before = status === 'failed' ? 'not what the plan showed' : 'done, but not what the plan showed';
  const shown = planned === null ? [[span('no change')]] : describe(planned);
  const words = [[span(`≠ ${status === 'unchanged' ? 'the plan showed' : before}: `, 'yellow')], ...shown];
  const advice =
    suspect === undefined
      ? []
      : [[span(`${suspect} ran before it: if that changes this, say so with touches`, 'dim')]];
  return [...flow(words, Math.max(10, layout.columns - 6)), ...advice].map(line => [span('      '), ...line]);
}

const lineStyles: Readonly<Record<string, Style>> = {
  '+': 'green',
  '-': 'red',
  '@': 'cyan',
  '\\': 'dim',
  ' ': 'dim',
};

/** Returns the changed lines uncut, because a terminal wraps long ones. */
function textLines({ key, text }: ChangeView, { diff }: ResourceView, layout: Layout): Line[] {
  if (text === undefined || text.lines.length === 0) return [];
  const several = diff!.changes.filter(change => change.text !== undefined).length > 1;
  const most = layout.verbosity > 0 ? Infinity : mostTextLines;
  const lines = text.lines.slice(0, most).map(line => {
    const sign = line[0]!;
    const rest = line.slice(1).replaceAll('\t', '    ');
    return [
      span('        '),
      span(sign === '@' || sign === '\\' ? `…${rest}` : `${sign} ${rest}`, lineStyles[sign]),
    ];
  });
  const left = text.lines.length - most;
  return [
    ...(several ? [[span(`      ${key}`, 'dim')]] : []),
    ...lines,
    ...(left > 0 ? [[span(`        … ${left} more lines (-v shows all)`, 'dim')]] : []),
  ];
}

function commandLines({ commands }: ResourceView, { verbosity }: Layout): Line[] {
  if (verbosity === 0) return [];
  return (commands ?? []).flatMap(({ command, output }) => [
    ...indented(command, 6, 'cyan', '$ ', '  '),
    ...(verbosity === 2 && output !== '' ? indented(output, 8, 'dim') : []),
  ]);
}

/** Returns a problem without its host and resource, which are in the lines above it. */
function problemLines(problem: Problem, indent: number, layout: Layout): Line[] {
  const place = problem.at && indent > 2 ? `${problem.at.file}:${problem.at.line}: ` : '';
  const message = problem.message.split('\n').flatMap((text, i, all) => {
    const end = i === all.length - 1 ? [span(` [${problem.code}]`, 'dim')] : [];
    const begin = i > 0 ? [] : indent === 2 ? [span('✗ ', ['red', 'bold'])] : [span(place, 'dim')];
    return wrap([...begin, span(text, 'red'), ...end], Math.max(10, layout.columns - indent));
  });
  return [
    ...message.map(line => [span(' '.repeat(indent)), ...line]),
    ...(problem.cause ? indented(problem.cause, indent + 2) : []),
    ...(problem.hint ? indented(problem.hint, indent + 2, 'cyan') : []),
  ];
}

function indented(text: string, indent: number, style?: Style, first = '', then = first): Line[] {
  return text
    .split('\n')
    .map((line, i) => [
      span(' '.repeat(indent) + (i === 0 ? first : then)),
      span(line.replaceAll('\t', '    '), style),
    ]);
}
