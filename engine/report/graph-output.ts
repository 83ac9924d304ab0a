import type { Edge } from '../plan/edges.ts';

/** The resources of a play and the links between them, masked for output. */
export interface GraphView {
  name: string;
  plays: readonly PlayGraph[];
}

export interface PlayGraph {
  name: string;
  /** The hosts of the play, in words. */
  hosts: string;
  /** The resources in their order. */
  resources: readonly { name: string; module: string; check: boolean; skipped: boolean }[];
  /** The links, by the numbers of the resources from 0. */
  edges: readonly { from: number; to: number; kind: Edge['kind'] }[];
}

/** Returns the graph as a Mermaid flowchart, with a box for each play. */
export function graphMermaid({ plays }: GraphView): string {
  const lines = plays.flatMap((play, i) => [
    `  subgraph play${i + 1}["${quoted(play.name)}"]`,
    ...playLines(play, `p${i + 1}r`).map(line => `    ${line}`),
    '  end',
  ]);
  return ['flowchart LR', ...lines].join('\n') + '\n';
}

function playLines({ resources, edges }: PlayGraph, prefix: string): string[] {
  const id = (index: number) => `${prefix}${index + 1}`;
  return [
    ...resources.map(
      ({ name, module }, i) => `${id(i)}["${quoted(name)}<br><small>${quoted(module)}</small>"]`,
    ),
    ...edges.map(
      ({ from, to, kind }) => `${id(from)} ${kind === 'after' ? '-.->' : '-->'}|${kind}| ${id(to)}`,
    ),
  ];
}

/** Escapes characters for Mermaid by their codes: `#34;`. */
function quoted(text: string): string {
  return text.replace(/["#<>&\n]/g, character => `#${character.codePointAt(0)};`);
}
