import { importedRooms, rooms } from './rooms.ts';

/** The place of a room in the picture, and its purpose in a few words. */
const places: Readonly<Record<string, readonly [row: number, column: number, purpose: string]>> = {
  cli: [0, 2, 'commands and terminal'],
  run: [1, 2, 'plays, hosts, exit code'],
  report: [1, 1, 'output of a run'],
  validate: [2, 0, 'checks without a host'],
  apply: [2, 3, 'one resource at a time'],
  resolve: [3, 0, 'values for one host'],
  hosts: [3, 3, 'accounts and lease'],
  playbook: [4, 0, 'keys of playbooks'],
  plan: [4, 3, 'forecast and differences'],
  inventory: [5, 0, 'hosts and groups'],
  schema: [6, 0, 'checks of arguments'],
  secrets: [6, 1, 'decryption, masking'],
  expression: [7, 0, 'values and templates'],
  'module-kit': [7, 2, 'definition of a module'],
  probes: [7, 3, 'one script reads a host'],
  steps: [7, 4, 'steps as shell'],
  transport: [7, 5, 'SSH and sessions'],
  yaml: [8, 0.5, 'YAML with places'],
  'host-shell': [8, 4.5, 'shell functions'],
  util: [9, 2, 'small helpers'],
};

const box = { width: 146, height: 44 };
const pitch = { x: 166, y: 68 };
const margin = 16;

const css = `text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 13px; fill: #1d2430; text-anchor: middle; }
.soft { fill: #667085; font-size: 10.5px; }
.name { font-weight: 600; }
.ground { fill: #f6f7f9; }
.box { fill: #fff; stroke: #cfd6df; }
.line { stroke: #7b8aa0; stroke-width: 1.3; }
.head { fill: #7b8aa0; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e8ee; } .soft { fill: #98a2b3; } .ground { fill: #14171c; }
  .box { fill: #20262f; stroke: #3a424f; } .line { stroke: #98a2b3; } .head { fill: #98a2b3; }
}`;

/**
 * Returns the picture of the rooms. An arrow leads from a room to a room that it imports from. An import that a chain of other
 * arrows implies has no arrow of its own.
 */
export function roomsSvg(): string {
  const arrows = directImports(importedRooms());
  const upward = arrows.filter(([from, to]) => place(from).row >= place(to).row);
  if (upward.length > 0) throw new Error(`Move the rooms in scripts/rooms-svg.ts: ${upward.join(' ')}`);
  const width = 5 * pitch.x + box.width + 2 * margin;
  const height = 9 * pitch.y + box.height + 2 * margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '<title>The rooms of the engine and their imports</title>',
    `<style>${css}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="10"/>`,
    ...arrows.map(arrowSvg),
    ...rooms.map(boxSvg),
    '</svg>\n',
  ].join('\n');
}

/** Returns the imports without those that a chain of other imports implies. */
export function directImports(imported: ReadonlyMap<string, ReadonlySet<string>>): [string, string][] {
  const reaches = (from: string, to: string): boolean =>
    [...(imported.get(from) ?? [])].some(next => next === to || reaches(next, to));
  return [...imported].flatMap(([from, all]) =>
    [...all]
      .toSorted()
      .filter(to => ![...all].some(other => other !== to && reaches(other, to)))
      .map((to): [string, string] => [from, to]),
  );
}

function place(room: string) {
  const found = places[room];
  if (found === undefined) throw new Error(`scripts/rooms-svg.ts has no place for the room ${room}`);
  const [row, column, purpose] = found;
  return { row, purpose, x: margin + box.width / 2 + column * pitch.x, y: margin + row * pitch.y };
}

function boxSvg(room: string): string {
  const { x, y, purpose } = place(room);
  return [
    `<rect class="box" x="${x - box.width / 2}" y="${y}" width="${box.width}" height="${box.height}" rx="7"/>`,
    `<text class="name" x="${x}" y="${y + 19}">${room}</text>`,
    `<text class="soft" x="${x}" y="${y + 35}">${purpose}</text>`,
  ].join('');
}

/** Returns an arrow from the lower edge of a box to the upper edge of another, towards its neighbour's side. */
function arrowSvg([from, to]: readonly [string, string]): string {
  const [start, end] = [place(from), place(to)];
  const shift = (side: number) => Math.sign(side) * Math.min(box.width / 3, Math.abs(side) / 6);
  const [x1, y1] = [start.x + shift(end.x - start.x), start.y + box.height];
  const [x2, y2] = [end.x + shift(start.x - end.x), end.y];
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - 8 * ux, y2 - 8 * uy];
  const corner = (side: number) => `${round(bx - side * 4 * uy)} ${round(by + side * 4 * ux)}`;
  return `<g><title>${from} → ${to}</title><line class="line" x1="${round(x1)}" y1="${y1}" x2="${round(bx)}" y2="${round(by)}"/><path class="head" d="M${round(x2)} ${round(y2)}L${corner(1)}L${corner(-1)}z"/></g>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
