import { describe, expect, it } from 'vitest';
import { box, layoutOf } from '../../../engine/report/graph-layout.ts';
import { type GraphView, graphMermaid, type PlayGraph } from '../../../engine/report/graph-output.ts';
import { graphSvg } from '../../../engine/report/graph-svg.ts';
import fc, { runs } from '../../random.ts';

const kinds = ['needs', 'restart_on', 'reload_on', 'run_on', 'after'] as const;

/** Links in both directions between `count` boxes. */
const links = (count: number) => {
  const index = fc.nat({ max: count - 1 });
  const link = fc.record({ from: index, to: index, kind: fc.constantFrom(...kinds) });
  return fc.array(
    link.filter(({ from, to }) => from !== to),
    { maxLength: 2 * count },
  );
};
const graphs = fc.oneof(
  ...[2, 5, 12, 40].map(count => fc.record({ count: fc.constant(count), edges: links(count) })),
);
const text = fc.string({ unit: 'binary', maxLength: 8 });
const plays: fc.Arbitrary<PlayGraph> = fc.record({
  name: text,
  hosts: text,
  resources: fc.array(
    fc.record({
      name: text,
      module: fc.constantFrom('file', 'service'),
      check: fc.boolean(),
      skipped: fc.boolean(),
    }),
    { minLength: 4, maxLength: 4 },
  ),
  edges: links(4),
});

/** Returns the first malformed part of an XML text of elements, quoted attributes and text, or undefined. */
function malformed(xml: string): string | undefined {
  const pieces = /<(\/?)([a-zA-Z]+)(?: [a-zA-Z-]+="[^"<&]*(?:&#?\w+;[^"<&]*)*")*(\/?)>|[^<&]+|&#?\w+;/y;
  const open: string[] = [];
  while (pieces.lastIndex < xml.length) {
    const at = pieces.lastIndex;
    const piece = pieces.exec(xml);
    if (piece === null) return xml.slice(at, at + 40);
    const [, closes, name, empty] = piece;
    if (name === undefined || empty) continue;
    if (!closes) open.push(name);
    else if (open.pop() !== name) return piece[0];
  }
  return open[0];
}

describe('a graph laid out', () => {
  it('keeps the order of the linked boxes in each column', () => {
    fc.assert(
      fc.property(graphs, ({ count, edges }) => {
        const { boxes } = layoutOf(count, edges);
        const linked = boxes.filter((_, i) => edges.some(({ from, to }) => i === from || i === to));
        return linked.every((a, i) => linked.every((b, j) => i >= j || a.x !== b.x || a.y < b.y));
      }),
    );
  });

  it('has all boxes inside, no overlapping boxes, and no line behind a box', () => {
    fc.assert(
      fc.property(graphs, ({ count, edges }) => {
        const { boxes, ways, width, height } = layoutOf(count, edges);
        const outside = boxes.filter(
          ({ x, y }) => x < 0 || y < 0 || x + box.width > width || y + box.height > height,
        );
        const onAnother = boxes.filter((a, i) =>
          boxes.some(
            (b, j) => i < j && Math.abs(a.x - b.x) < box.width && Math.abs(a.y - b.y) < box.height - 0.01,
          ),
        );
        // Their first and last points are at the sides of boxes.
        const behind = ways
          .flatMap(way => way.slice(1, -1))
          .filter(
            ({ x, y }) =>
              y < 0 ||
              y > height ||
              boxes.some(
                each => each.y < y && y < each.y + box.height && each.x <= x && x <= each.x + box.width,
              ),
          );
        return outside.length + onAnother.length + behind.length === 0;
      }),
    );
  });

  it('goes from left to right, even with a link back to an earlier box', () => {
    const { boxes } = layoutOf(3, [
      { from: 0, to: 1, kind: 'after' },
      { from: 2, to: 1, kind: 'restart_on' },
    ]);
    expect(boxes.map(({ x }) => x)).toEqual(
      [boxes[0]!.x, boxes[1]!.x, boxes[2]!.x].toSorted((a, b) => a - b),
    );
  });

  it('has about the shape of a page, even with 300 resources', () => {
    const fan = Array.from({ length: 299 }, (_, i) => ({ from: 0, to: i + 1, kind: 'after' }));
    const chains = Array.from({ length: 250 }, (_, i) => ({ from: i, to: i + 50, kind: 'needs' }));
    for (const edges of [[], fan, chains, [...fan, ...chains]]) {
      const { width, height } = layoutOf(300, edges);
      expect(Math.min(width, height)).toBeGreaterThan(500);
      expect(width * height).toBeLessThan(60 * 300 * box.width * box.height);
    }
  });
});

describe('a graph as SVG', () => {
  it('is well-formed and without scripts, whatever the names are', () => {
    fc.assert(
      fc.property(fc.array(plays, { maxLength: 2 }), text, (all, name) => {
        const svg = graphSvg({ name, plays: all });
        expect(malformed(svg)).toBeUndefined();
        expect(svg).not.toMatch(/<script|javascript:|href|\son\w+=|[\ufffe\uffff]/);
      }),
      { numRuns: runs(40) },
    );
    expect(malformed('<a><b></a>')).toBe('</a>');
    expect(malformed('<a b="<"/>')).toBe('<a b="<"/>');
  });

  const view: GraphView = {
    name: 'Site',
    plays: [
      {
        name: 'Web <1>',
        hosts: 'web1, web2',
        resources: [
          { name: 'Settings', module: 'file', check: false, skipped: false },
          { name: 'Unit', module: 'systemd_unit', check: false, skipped: false },
          { name: 'App "a" & more', module: 'service', check: false, skipped: false },
        ],
        edges: [
          { from: 0, to: 2, kind: 'restart_on' },
          { from: 1, to: 2, kind: 'restart_on' },
          { from: 1, to: 2, kind: 'after' },
        ],
      },
    ],
  };

  it('names each kind once at the ends of its arrows, and both ends of an arrow under the pointer', () => {
    const svg = graphSvg(view);
    expect(svg.match(/>restart_on</g)).toHaveLength(1);
    expect(svg.match(/>after</g)).toHaveLength(1);
    expect(svg).toContain('<title>Settings → App &quot;a&quot; &amp; more: restart_on</title>');
    expect(svg).toContain('Web &lt;1&gt;');
  });

  it('shows the same as Mermaid', () => {
    expect(graphMermaid(view)).toBe(`flowchart LR
  subgraph play1["Web #60;1#62;"]
    p1r1["Settings<br><small>file</small>"]
    p1r2["Unit<br><small>systemd_unit</small>"]
    p1r3["App #34;a#34; #38; more<br><small>service</small>"]
    p1r1 -->|restart_on| p1r3
    p1r2 -->|restart_on| p1r3
    p1r2 -.->|after| p1r3
  end
`);
  });
});
