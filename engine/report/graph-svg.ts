import { columnsOf, truncate } from './columns.ts';
import { box, type Layout, layoutOf, type Point } from './graph-layout.ts';
import type { GraphView, PlayGraph } from './graph-output.ts';
import { escapeMarkup } from './markup.ts';

const margin = 24;
const titleHeight = 44;

/** Length of the straight end of an arrow, below the name of its kind. */
const straight = 64;

const css = `text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1d2430; }
.ground { fill: #f6f7f9; }
.play { fill: #eef1f5; stroke: #dde2e9; }
.title { font-size: 15px; font-weight: 600; }
.soft, .hosts { fill: #667085; font-size: 11px; font-weight: 400; }
.box { fill: #fff; stroke: #cfd6df; }
.bar { fill: #7b8aa0; }
.check .bar { fill: #2f9e63; }
.skipped { opacity: .55; } .skipped .box { stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 1.4; } .word { font-size: 10px; text-anchor: middle; }
.needs { stroke: #3b6fd4; } .needs-fill { fill: #3b6fd4; }
.restart_on, .run_on { stroke: #c2570c; } .restart_on-fill, .run_on-fill { fill: #c2570c; }
.reload_on { stroke: #9a6b00; } .reload_on-fill { fill: #9a6b00; }
.after { stroke: #98a2b3; stroke-dasharray: 5 4; } .after-fill { fill: #7b8794; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e8ee; } .soft, .hosts { fill: #98a2b3; }
  .ground { fill: #14171c; } .play { fill: #191d24; stroke: #2a303a; } .box { fill: #20262f; stroke: #3a424f; }
  .check .bar { fill: #5ad18f; }
  .needs { stroke: #7aa5ff; } .needs-fill { fill: #7aa5ff; }
  .restart_on, .run_on { stroke: #ff9c5a; } .restart_on-fill, .run_on-fill { fill: #ff9c5a; }
  .reload_on { stroke: #e9bd5c; } .reload_on-fill { fill: #e9bd5c; }
  .after { stroke: #5d6776; } .after-fill { fill: #98a2b3; }
}`;

/** Returns the graph as one SVG file, without scripts and other files, light or dark like the reader's screen. */
export function graphSvg({ name, plays }: GraphView): string {
  const laid = plays.map(play => ({ play, layout: layoutOf(play.resources.length, play.edges) }));
  const inner = Math.max(320, ...laid.map(({ layout }) => layout.width), ...plays.map(titleWidth));
  let y = margin;
  const groups = laid.map(({ play, layout }) => {
    const height = titleHeight + layout.height + margin;
    const text = `<g transform="translate(${margin} ${y})">\n${playSvg(play, layout, inner + 2 * margin, height)}\n</g>`;
    y += height + margin;
    return text;
  });
  const [width, height] = [inner + 4 * margin, y].map(Math.ceil);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeMarkup(name)}</title>`,
    `<style>${css}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...groups,
    '</svg>\n',
  ].join('\n');
}

function titleWidth({ name, hosts }: PlayGraph): number {
  return columnsOf(name) * 9 + columnsOf(hosts) * 7 + 16;
}

function playSvg(play: PlayGraph, layout: Layout, width: number, height: number): string {
  const { resources, edges } = play;
  const moved = ({ x, y }: Point): Point => ({ x: x + margin, y: y + titleHeight });
  const words = new Map<string, string>();
  const lines = edges.map((edge, i) => {
    const way = layout.ways[i]!.map(moved);
    const { x, y } = way.at(-1)!;
    const forward = edge.from < edge.to;
    words.set(
      `${edge.to} ${edge.kind} ${forward}`,
      `<text class="word ${edge.kind}-fill" x="${x + (forward ? -1 : 1) * (straight / 2 + 2)}" y="${round(y - 4)}">${edge.kind}</text>`,
    );
    const title = `${resources[edge.from]!.name} → ${resources[edge.to]!.name}: ${edge.kind}`;
    return `<g><title>${escapeMarkup(title)}</title><path class="line ${edge.kind}" d="${curve(way)}"/><path class="${edge.kind}-fill" d="M${x} ${round(y)}l${forward ? -8 : 8} -4v8z"/></g>`;
  });
  return [
    `<rect class="play" width="${width}" height="${height}" rx="12"/>`,
    `<text class="title" x="${margin}" y="28">${escapeMarkup(play.name)} <tspan class="hosts" dx="6">${escapeMarkup(play.hosts)}</tspan></text>`,
    ...lines,
    ...words.values(),
    ...resources.map((resource, i) => boxSvg(resource, i + 1, moved(layout.boxes[i]!))),
  ].join('\n');
}

function boxSvg(resource: PlayGraph['resources'][number], number: number, { x, y }: Point): string {
  const { name, module, check, skipped } = resource;
  const classes = ['resource', check ? 'check' : '', skipped ? 'skipped' : ''].filter(Boolean).join(' ');
  return [
    `<g class="${classes}" transform="translate(${round(x)} ${round(y)})"><title>${escapeMarkup(`${name} (${module})`)}</title>`,
    `<rect class="box" width="${box.width}" height="${box.height}" rx="7"/>`,
    `<rect class="bar" x="0" y="8" width="3" height="${box.height - 16}" rx="1.5"/>`,
    `<text class="soft" x="14" y="18">${escapeMarkup(truncate(module, 32))}</text>`,
    `<text class="soft" x="${box.width - 10}" y="18" text-anchor="end">${number}</text>`,
    `<text x="14" y="36">${escapeMarkup(truncate(name, 30))}</text></g>`,
  ].join('');
}

/** Returns the path through points that are level in pairs: curves between the pairs, and a straight end for the arrow. */
function curve(points: readonly Point[]): string {
  const [start, ...rest] = points;
  let { x, y } = start!;
  let path = `M${round(x)} ${round(y)}`;
  rest.forEach((point, i) => {
    if (i % 2 === 1) path += `H${round(point.x)}`;
    else {
      const last = i === rest.length - 1;
      const end = last ? point.x + Math.sign(x - point.x) * straight : point.x;
      const middle = round((x + end) / 2);
      path += `C${middle} ${round(y)} ${middle} ${round(point.y)} ${round(end)} ${round(point.y)}`;
      if (last) path += `H${round(point.x)}`;
    }
    ({ x, y } = point);
  });
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
