import { leaseText } from '../lease.ts';
import { grouped } from '../util/grouped.ts';
import { batchLines } from './batch-text.ts';
import { Causes } from './causes.ts';
import { deviationSign, labelOf, type Sign, signOf } from './changes.ts';
import { columnsOf, hostList } from './columns.ts';
import type { HostRecord, PlayRecord, RunRecord } from './record.ts';
import {
  type Frame,
  type Layout,
  type Line,
  problemLines,
  type ResourceLines,
  resourceLines,
} from './resource-lines.ts';
import { paint, span, wrap } from './style.ts';
import type { ResourceView } from './view.ts';

/** Sections of a play to show. Without -v, the others are only counted. */
const mostSections = 12;
/** Different texts of one change to show. Of more, only the first is shown, without -v. */
const mostVariants = 3;

/** Lines that some hosts share: those of a resource, or what concerns the host as a whole. */
interface Block {
  hosts: string[];
  lines: ResourceLines;
  isProblem: boolean;
  /** Whether it is only there for -v. */
  isQuiet: boolean;
}

/**
 * Returns the diffs, play by play and resource by resource. Lines that hosts share are shown once, in a section for exactly
 * these hosts; larger sections come first. Hosts without any lines share one line.
 */
export function planText(record: RunRecord, layout: Layout): string {
  const plays = [...record.plays.values()];
  return plays
    .flatMap((play, i) => {
      const heading = plays.length === 1 ? [] : [[span(play.name, 'bold')], []];
      return [
        ...heading,
        ...batchLines(play, layout.columns),
        ...playLines(record, play, plays.slice(i + 1), layout),
      ];
    })
    .concat(legendLines(plays, layout))
    .map(line => paint(line, layout.color) + '\n')
    .join('');
}

function playLines(record: RunRecord, play: PlayRecord, later: PlayRecord[], layout: Layout): Line[] {
  const frame = frameOf(record, play, layout);
  const all = [...play.hosts.keys()];
  const title = (hosts: readonly string[]) =>
    span(hostList(hosts, all, layout.verbosity > 0 ? Infinity : undefined), 'bold');
  const { blocks, quiet } = blocksOf(record, play, later, frame, layout);
  const merged = layout.verbosity > 0 ? blocks : withoutVariants(blocks, all);
  const sections = [...grouped(merged.values(), ({ hosts }) => hosts.join())]
    .map(([, own]) => own)
    .sort((a, b) => Number(isQuiet(a)) - Number(isQuiet(b)) || b[0]!.hosts.length - a[0]!.hosts.length);
  const shown = layout.verbosity > 0 ? sections : firstOf(sections);
  const words = record.check ? 'nothing would change' : 'nothing to change';
  return [
    ...shown.flatMap(own => [
      ...wrap([title(own[0]!.hosts)], layout.columns),
      ...own.flatMap(({ lines: { head, texts, tail } }) => [...head, ...texts, ...tail]),
      [],
    ]),
    ...hiddenLines(sections.filter(each => !shown.includes(each)).flat(), title, layout),
    ...(quiet.length === 0
      ? []
      : [...wrap([title(quiet), span('  '), span(words, 'dim')], layout.columns), []]),
    ...frame.causes.footnotes(layout.columns),
  ];
}

function isQuiet(section: readonly Block[]): boolean {
  return section.every(({ isQuiet }) => isQuiet);
}

/** The columns for all hosts of a play, so that the same changes have the same lines and all lines are aligned. */
function frameOf(record: RunRecord, play: PlayRecord, layout: Layout): Frame {
  const most = Number.isFinite(layout.columns) ? Math.max(16, Math.floor(layout.columns * 0.35)) : 48;
  const resources = [...play.hosts.values()].flatMap(host => [...host.resources.values()]);
  const frame = { nameColumns: 0, moduleColumns: 0 };
  for (const resource of resources) {
    if (!isShown(resource, layout)) continue;
    frame.nameColumns = Math.max(frame.nameColumns, Math.min(most, columnsOf(labelOf(resource))));
    frame.moduleColumns = Math.max(frame.moduleColumns, columnsOf(resource.module));
  }
  const causes = new Causes(resources, layout.verbosity > 0);
  return { ...frame, causes, over: record.finished && !record.check };
}

/** Returns the blocks by their resource and lines, in the order of their first host, and the hosts without any. */
function blocksOf(
  record: RunRecord,
  play: PlayRecord,
  later: readonly PlayRecord[],
  frame: Frame,
  layout: Layout,
): { blocks: Map<string, Block>; quiet: string[] } {
  const blocks = new Map<string, Block>();
  const quiet: string[] = [];
  const rendered = new Map<string, { key: string; lines: ResourceLines }>();
  const add = (host: string, key: string, lines: ResourceLines, isProblem: boolean, isQuiet = false) => {
    const block = blocks.get(key);
    if (block === undefined) blocks.set(key, { hosts: [host], lines, isProblem, isQuiet });
    else block.hosts.push(host);
  };
  /** Lays out each resource once for all hosts on which it is the same. */
  const render = (resource: ResourceView) => {
    const view = JSON.stringify({ ...resource, duration_ms: 0 });
    let known = rendered.get(view);
    if (known === undefined) {
      const lines = resourceLines(resource, frame, layout);
      rendered.set(view, (known = { key: JSON.stringify([resource.name, lines]), lines }));
    }
    return known;
  };
  for (const host of play.hosts.values()) {
    const shown = [...host.resources.values()].filter(each => isShown(each, layout));
    // The problems of a host as a whole are shown in the last of its plays.
    const isLast = !later.some(({ hosts }) => hosts.has(host.host));
    const problems = isLast ? record.hostProblems(host.host) : [];
    const before = [...clockLines(host, layout), ...leaseLines(host, frame, layout)];
    const after = [
      ...(layout.verbosity > 0 ? [] : notRunLines(host, frame)),
      ...problems.flatMap(each => problemLines(each, 2, layout)),
    ];
    const own = (head: Line[], isProblem: boolean) => {
      if (head.length > 0) add(host.host, JSON.stringify(head), { head, texts: [], tail: [] }, isProblem);
    };
    own(before, false);
    for (const resource of shown) {
      const { key, lines } = render(resource);
      add(host.host, key, lines, resource.status === 'failed', !isLoud(resource));
    }
    own(after, problems.length > 0);
    const isReached = record.results.get(host.host)?.status !== 'not_reached';
    if (before.length + shown.length + after.length === 0 && isReached) quiet.push(host.host);
  }
  return { blocks, quiet };
}

function isShown(resource: ResourceView, { verbosity }: Layout): boolean {
  return verbosity > 0 || isLoud(resource);
}

function isLoud({ status, deviation }: ResourceView): boolean {
  return (status !== 'unchanged' && status !== 'skipped') || deviation !== null;
}

/** Merges the blocks of a change whose texts differ on many hosts. Only the texts of the first host stay. */
function withoutVariants(blocks: ReadonlyMap<string, Block>, all: readonly string[]): Map<string, Block> {
  const places = new Map(all.map((host, i) => [host, i]));
  const variants = grouped(blocks, ([key, { lines }]) =>
    lines.texts.length === 0 ? key : JSON.stringify([lines.head, lines.tail]),
  );
  return new Map(
    [...variants].flatMap(([key, own]) => {
      if (own.length <= mostVariants) return own;
      const first = own[0]![1];
      const hosts = own.flatMap(([, block]) => block.hosts).sort((a, b) => places.get(a)! - places.get(b)!);
      const note = `        … on ${first.hosts[0]}; ${hosts.length} hosts have ${own.length} variants (-v shows all)`;
      const texts = [...first.lines.texts, [span(note, 'dim')]];
      return [[key, { ...first, hosts, lines: { ...first.lines, texts } }] as const];
    }),
  );
}

/** Returns the sections to show in their order; those with problems are shown first of all. */
function firstOf(sections: Block[][]): Block[][] {
  if (sections.length <= mostSections) return sections;
  const hasProblem = (own: Block[]) => own.some(({ isProblem }) => isProblem);
  const urgent = [...sections.filter(hasProblem), ...sections.filter(own => !hasProblem(own))];
  const chosen = new Set(urgent.slice(0, mostSections));
  return sections.filter(own => chosen.has(own));
}

function hiddenLines(
  hidden: readonly Block[],
  title: (hosts: readonly string[]) => Line[number],
  { columns }: Layout,
): Line[] {
  if (hidden.length === 0) return [];
  const count = (blocks: readonly Block[]) => new Set(blocks.flatMap(({ hosts }) => hosts)).size;
  const failed = count(hidden.filter(({ isProblem }) => isProblem));
  const hosts = [...new Set(hidden.flatMap(block => block.hosts))];
  const end = failed === 0 ? '' : `, with problems on ${failed}`;
  const words = ` differ in other ways (${hosts.length === 1 ? '1 host' : `${hosts.length} hosts`}${end}); -v shows all`;
  return [...wrap([span('… '), title(hosts), span(words)], columns), []];
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

/** Reasons for a skipped resource that are no failure. */
const wanted: readonly string[] = ['when', 'tags', 'run_once'];

/** Returns the number of resources that were not reached because of a failure. */
function notRunLines({ resources }: HostRecord, { causes }: Frame): Line[] {
  const counts = new Map<string, number>();
  for (const { status, skipped } of resources.values()) {
    if (status !== 'skipped' || skipped === undefined || wanted.includes(skipped)) continue;
    counts.set(skipped, (counts.get(skipped) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => {
    const what = count === 1 ? '1 resource' : `${count} resources`;
    return [span(`  · ${what} not reached, because of ${causes.labelOf(reason)}`, 'dim')];
  });
}

/** Returns the meaning of the signs of a plan that are not obvious; nothing without any. */
function legendLines(plays: readonly PlayRecord[], layout: Layout): Line[] {
  if (layout.explained) return [];
  const used = new Set<Sign>();
  for (const { hosts } of plays)
    for (const { resources } of hosts.values())
      for (const resource of resources.values()) {
        if (isShown(resource, layout)) used.add(signOf(resource));
        if (resource.deviation !== null) used.add(deviationSign);
      }
  const words = [...used].flatMap(({ text, legend }) => (legend === undefined ? [] : [`${text} ${legend}`]));
  if (words.length === 0) return [];
  return [...wrap([span(words.sort().join(' · '), 'dim')], layout.columns), []];
}
