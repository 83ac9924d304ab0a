/** A line between two boxes, by their numbers from 0. Lines of one kind from one box share their path. */
export interface Link {
  from: number;
  to: number;
  kind: string;
}

export interface Point {
  x: number;
  y: number;
}

/** Sizes in pixels. */
export const box = { width: 240, height: 48 };
const gap = { x: 132, y: 16 };
const laneHeight = 14;

/** The layout in pixels: the upper left corner of each box, and the points of each link. */
export interface Layout {
  boxes: Point[];
  /** The points of each link, from the side of one box to the side of another. */
  ways: Point[][];
  width: number;
  height: number;
}

/** A cell of a column: a box, or a lane in which a line passes between boxes. */
interface Cell {
  column: number;
  /** Its place in the column: the number of a box, or for a lane that of the box at which its line begins. */
  rank: number;
  height: number;
  /** The position of its middle. */
  y: number;
  /** The linked cells of the neighbouring columns. */
  left: Cell[];
  right: Cell[];
}

/**
 * Places the boxes in columns, from left to right in the direction of the links (longest path), so few in each that the
 * whole has the shape of a page. Within a column they keep their order, and move towards their neighbours. Boxes without
 * links are below, row by row.
 */
export function layoutOf(count: number, links: readonly Link[]): Layout {
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  const perColumn = Math.max(8, Math.ceil(Math.sqrt(linked.size * 3)));
  const cells = columnsOf(count, links, linked, perColumn);
  const { columns, lanesOf } = withLanes(cells, links);
  for (const column of columns) column.sort((a, b) => a.rank - b.rank);
  for (const side of ['left', 'right', 'left'] as const) align(columns, side);

  const all = columns.flat();
  const top = Math.min(0, ...all.map(({ y, height }) => y - height / 2));
  for (const cell of all) cell.y -= top;
  const bottom = Math.max(0, ...all.map(({ y, height }) => y + height / 2));
  const place = ({ column, y }: Cell): Point => ({ x: column * (box.width + gap.x), y: y - box.height / 2 });
  const alone = Array.from({ length: count }, (_, index) => index).filter(index => !linked.has(index));
  const rowLength = Math.max(
    columns.length,
    Math.ceil(Math.sqrt(alone.length / 3)),
    Math.min(alone.length, 2),
  );
  const boxes = Array.from({ length: count }, (_, index): Point => {
    const cell = cells.get(index);
    if (cell !== undefined) return place(cell);
    const position = alone.indexOf(index);
    return {
      x: (position % rowLength) * (box.width + gap.x),
      y: (bottom > 0 ? bottom + 2 * gap.y : 0) + Math.floor(position / rowLength) * (box.height + gap.y),
    };
  });
  return {
    boxes,
    ways: links.map(link => wayOf(link, boxes, lanesOf(link), links)),
    width: Math.max(0, ...boxes.map(({ x }) => x + box.width)),
    height: Math.max(0, bottom, ...boxes.map(({ y }) => y + box.height)),
  };
}

/** A link from left to right: from the box with the lower number. */
function ends({ from, to }: Link): [low: number, high: number] {
  return [Math.min(from, to), Math.max(from, to)];
}

function columnsOf(
  count: number,
  links: readonly Link[],
  linked: ReadonlySet<number>,
  perColumn: number,
): Map<number, Cell> {
  const cells = new Map<number, Cell>();
  const filled: number[] = [];
  for (let index = 0; index < count; index++) {
    if (!linked.has(index)) continue;
    const before = links
      .filter(link => ends(link)[1] === index)
      .map(link => cells.get(ends(link)[0])!.column);
    let column = Math.max(-1, ...before) + 1;
    while ((filled[column] ?? 0) >= perColumn) column++;
    filled[column] = (filled[column] ?? 0) + 1;
    cells.set(index, { column, rank: index, height: box.height + gap.y, y: 0, left: [], right: [] });
  }
  return cells;
}

/** Returns the columns with a lane for each passing line, and the lanes of each link. */
function withLanes(cells: ReadonlyMap<number, Cell>, links: readonly Link[]) {
  const columns: Cell[][] = [];
  const put = (cell: Cell) => {
    while (columns.length <= cell.column) columns.push([]);
    columns[cell.column]!.push(cell);
    return cell;
  };
  const chains = new Map<string, Cell[]>();
  const keyOf = (link: Link) => `${ends(link)[0]} ${link.kind} ${link.from < link.to}`;
  for (const cell of cells.values()) put(cell);
  for (const link of links) {
    const [low, high] = ends(link).map(index => cells.get(index)!) as [Cell, Cell];
    const chain = chains.get(keyOf(link)) ?? [];
    chains.set(keyOf(link), chain);
    for (let column = low.column + 1 + chain.length; column < high.column; column++) {
      const before = chain.at(-1) ?? low;
      chain.push(put({ column, rank: low.rank, height: laneHeight, y: 0, left: [before], right: [] }));
      before.right.push(chain.at(-1)!);
    }
    const last = chain[high.column - low.column - 2] ?? low;
    last.right.push(high);
    high.left.push(last);
  }
  const lanesOf = (link: Link) => {
    const [low, high] = ends(link).map(index => cells.get(index)!.column) as [number, number];
    const lanes = (chains.get(keyOf(link)) ?? []).slice(0, high - low - 1);
    return link.from < link.to ? lanes : lanes.toReversed();
  };
  return { columns, lanesOf };
}

/** Moves each cell as near to the middle of its neighbours as the other cells of its column allow. */
function align(columns: readonly (readonly Cell[])[], side: 'left' | 'right'): void {
  for (const column of side === 'left' ? columns : columns.toReversed()) {
    let above = 0;
    const offsets = column.map(({ height }) => (above += height) - height / 2);
    const wanted = column.map((cell, i) => (mean(cell[side].map(({ y }) => y)) ?? cell.y) - offsets[i]!);
    const middle = rising(wanted);
    column.forEach((cell, i) => {
      cell.y = middle[i]! + offsets[i]!;
    });
  }
}

/** Returns the nearest non-decreasing values, by least squares (isotonic regression by pooling adjacent violators). */
function rising(values: readonly number[]): number[] {
  const pools: { sum: number; size: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.size > pool.sum / pool.size; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: pool.sum + last.sum, size: pool.size + last.size };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, size }) => Array.from({ length: size }, () => sum / size));
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Each kind arrives at a box at its own height, so that it is named only once. */
function wayOf(link: Link, boxes: readonly Point[], lanes: readonly Cell[], links: readonly Link[]): Point[] {
  const forward = link.from < link.to;
  const [from, to] = [boxes[link.from]!, boxes[link.to]!];
  const arriving = links.filter(each => each.to === link.to && each.from < each.to === forward);
  const kinds = [...new Set(arriving.map(({ kind }) => kind))].toSorted();
  const share = (kinds.indexOf(link.kind) + 1) / (kinds.length + 1);
  const across = lanes.flatMap(({ column, y }) => {
    const x = column * (box.width + gap.x);
    const points = [
      { x, y },
      { x: x + box.width, y },
    ];
    return forward ? points : points.toReversed();
  });
  return [
    { x: from.x + (forward ? box.width : 0), y: from.y + box.height / 2 },
    ...across,
    { x: to.x + (forward ? 0 : box.width), y: to.y + box.height * share },
  ];
}
