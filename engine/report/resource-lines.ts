import type { Problem } from '../problem.ts';
import type { Causes } from './causes.ts';
import { describe, deviationSign, labelOf, open, settledText, signOf } from './changes.ts';
import { pad, truncate, truncateMiddle } from './columns.ts';
import { flow, paragraphs, type Span, type Style, span, wrap } from './style.ts';
import type { ChangeView, ResourceView } from './view.ts';

/** The layout of a plan. */
export interface Layout {
  /** Columns of the terminal; Infinity for lines of any length. */
  columns: number;
  color: boolean;
  /** Whether the changed lines of texts are shown. */
  diff: boolean;
  /** 1 = everything, with unchanged resources and the commands that ran; 2 = also the output of the commands. */
  verbosity: 0 | 1 | 2;
  /** Whether an earlier plan explained the signs. */
  explained?: boolean;
}

/** The columns and causes of a play, the same for all of its resources. */
export interface Frame {
  nameColumns: number;
  moduleColumns: number;
  causes: Causes;
  /** Whether an apply has ended: a resource that is only planned was not applied. */
  over: boolean;
}

/** The lines of a resource: the change, the changed lines of its texts, and the commands and the problem. */
export interface ResourceLines {
  head: Line[];
  texts: Line[];
  tail: Line[];
}

export type Line = Span[];

/** Lines of a text to show, and elements of a list. The others are only counted. */
const mostTextLines = 60;
const mostElements = 6;

export function resourceLines(resource: ResourceView, frame: Frame, layout: Layout): ResourceLines {
  return {
    head: [
      ...changeLines(resource, frame, layout),
      ...doubtLines(resource, layout),
      ...deviationLines(resource, layout),
    ],
    texts: layout.diff
      ? (resource.diff?.changes ?? []).flatMap(change => textLines(change, resource, layout))
      : [],
    tail: [
      ...commandLines(resource, layout),
      ...(resource.error ? problemLines(resource.error, 6, layout) : []),
    ],
  };
}

function changeLines(resource: ResourceView, frame: Frame, layout: Layout): Line[] {
  const sign = signOf(resource);
  const start = 4 + frame.nameColumns + 2 + frame.moduleColumns + 2;
  // Beside the names if there is room for a sentence, otherwise below them.
  const beside = layout.columns - start >= 24;
  const words = flow(
    what(resource, frame, layout),
    beside ? layout.columns - start : Math.max(10, layout.columns - 6),
  );
  const label = labelOf(resource);
  const cut = label.includes('/') ? truncateMiddle : truncate;
  const name = beside && Number.isFinite(layout.columns) ? cut(label, frame.nameColumns) : label;
  const head: Line = [
    span('  '),
    span(sign.text, sign.style),
    span(` ${pad(name, frame.nameColumns)}  `),
    span(pad(resource.module, frame.moduleColumns), 'dim'),
  ];
  const first = beside ? [[...head, span('  '), ...(words.shift() ?? [])]] : [head];
  return [...first, ...words.map(line => [span(' '.repeat(beside ? start : 6)), ...line])];
}

/** Returns the change of a resource, in groups of words that no line break should split. */
function what(resource: ResourceView, { over, causes }: Frame, layout: Layout): Line[] {
  const { status, diff, skipped, unknown = '' } = resource;
  const words = diff === null ? [] : describe(diff, resource, mostOf(layout));
  if (status === 'failed') words.unshift([span(diff === null ? 'failed' : 'failed: ', 'red')]);
  if (status === 'would_change' && over) words.unshift([span('not done: ', 'yellow')]);
  if (status === 'skipped')
    words.unshift([span(`skipped: ${skipped === undefined ? '' : causes.labelOf(skipped)}`, 'dim')]);
  if (status === 'unknown')
    words.unshift(`unknown here: ${unknown}`.split(/(?<= )/).map(word => span(word, 'dim')));
  if (status === 'unchanged') words.unshift([span(settledText(resource), 'dim')]);
  if (status === 'would_change' && diff === null) words.push([span(open, 'dim')]);
  const after = causes.wordsOf(resource);
  return after.length === 0 ? words : [...words, [span('  '), ...after]];
}

function mostOf({ verbosity }: Layout): number {
  return verbosity > 0 ? Infinity : mostElements;
}

function doubtLines({ doubt, warning, status }: ResourceView, { columns }: Layout): Line[] {
  if (status !== 'would_change') return [];
  return [doubt && `may fail: ${doubt}`, warning && `note: ${warning}`]
    .flatMap(words => (words ? wrap([span(words, 'yellow')], Math.max(10, columns - 6)) : []))
    .map(line => [span('      '), ...line]);
}

function deviationLines(resource: ResourceView, layout: Layout): Line[] {
  const { deviation, status } = resource;
  if (deviation === null) return [];
  const { planned, suspect } = deviation;
  const before = status === 'failed' ? 'not what the plan showed' : 'done, but not what the plan showed';
  const shown = planned === null ? [[span('no change')]] : describe(planned, resource, mostOf(layout));
  const { text, style } = deviationSign;
  const words = [[span(`${text} ${status === 'unchanged' ? 'the plan showed' : before}: `, style)], ...shown];
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
export function problemLines(problem: Problem, indent: number, { columns }: Layout): Line[] {
  const place = problem.at && indent > 2 ? `${problem.at.file}:${problem.at.line}: ` : '';
  const message = problem.message.split('\n').flatMap((text, i, all) => {
    const end = i === all.length - 1 ? [span(` [${problem.code}]`, 'dim')] : [];
    const begin = i > 0 ? [] : indent === 2 ? [span('✗ ', ['red', 'bold'])] : [span(place, 'dim')];
    return wrap([...begin, span(text, 'red'), ...end], Math.max(10, columns - indent));
  });
  return [
    ...message.map(line => [span(' '.repeat(indent)), ...line]),
    ...(problem.cause ? indented(problem.cause, indent + 2) : []),
    ...(problem.hint ? paragraphs(problem.hint, indent + 2, columns, 'cyan') : []),
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
