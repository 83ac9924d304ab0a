import type { Edge } from '../plan/edges.ts';

/** The resources of a playbook and what leads to what, as they may be shown. */
export interface GraphView {
  name: string;
  plays: readonly PlayGraph[];
}

export interface PlayGraph {
  name: string;
  /** The hosts that it is for, as words. */
  hosts: string;
  /** In the order of work. */
  resources: readonly { name: string; module: string; check: boolean; skipped: boolean }[];
  /** By the resources' numbers from 0. */
  edges: readonly { from: number; to: number; kind: Edge['kind'] }[];
}

/** The graph as a Mermaid flowchart with a box a play. */
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

/** Mermaid writes characters by their codes: `#34;`. */
function quoted(text: string): string {
  return text.replace(/["#<>&\n]/g, character => `#${character.codePointAt(0)};`);
}
