import type { Play } from '../load/index.ts';
import { textView } from '../report/view.ts';
import { byName, meant, type Resource } from '../resource.ts';
import type { Io } from './io.ts';
import { load } from './load.ts';
import type { PlaybookSettings } from './options.ts';

/** What leads from one resource to another. */
interface Edge {
  from: Resource;
  to: Resource;
  label: string;
}

/** The resources of a playbook and what leads to what, as a Mermaid flowchart with a box a play. */
export async function graph(file: string, settings: PlaybookSettings, io: Io): Promise<number> {
  const { plays } = await load(file, settings, io, () => {});
  const lines = plays.flatMap((play, i) => [
    `  subgraph play${i + 1}["${label(play.name, io)}"]`,
    ...playLines(play, `p${i + 1}r`, io).map(line => `    ${line}`),
    '  end',
  ]);
  io.stdout.write(['flowchart TD', ...lines].join('\n') + '\n');
  return 0;
}

/** The resources are those of the play's first host; hosts that differ in `when` or loops would only repeat it. */
function playLines(play: Play, prefix: string, io: Io): string[] {
  const [host] = play.hosts;
  const resources = host === undefined ? [] : play.resolve(host);
  const id = new Map(resources.map((resource, i) => [resource, `${prefix}${i + 1}`]));
  const nodes = resources.map(resource => {
    const name = label(resource.name, io);
    return `${id.get(resource)}["${name}<br><small>${resource.module.name}</small>"]`;
  });
  const edges = edgesOf(resources).map(
    ({ from, to, label: words }) => `${id.get(from)} -->|${words}| ${id.get(to)}`,
  );
  // Written order, which is the order of work: kept by links that are not drawn.
  const order = resources.length < 2 ? [] : [resources.map(resource => id.get(resource)).join(' ~~~ ')];
  return [...nodes, ...order, ...edges];
}

function edgesOf(resources: readonly Resource[]): Edge[] {
  const all = byName(resources);
  const named = (name: string, by: Resource) => meant(name, by, all);
  return resources.flatMap(to => [
    ...to.needs.flatMap(need => named(need, to).map(from => ({ from, to, label: 'needed by' }))),
    ...(to.incomplete || to.when === false ? [] : (to.module.reacts?.(to.args, to.name) ?? [])).flatMap(
      ({ to: sources, action }) =>
        sources.flatMap(name => named(name, to).map(from => ({ from, to, label: action }))),
    ),
  ]);
}

function label(text: string, io: Io): string {
  return textView(text, io.redactor).replaceAll('"', '#quot;').replaceAll('\n', ' ');
}
