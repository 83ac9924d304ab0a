import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { edgesOf } from '../plan/edges.ts';
import { ProblemError } from '../problem.ts';
import { nameList } from '../report/columns.ts';
import { type GraphView, graphMermaid, type PlayGraph } from '../report/graph-output.ts';
import { graphSvg } from '../report/graph-svg.ts';
import { textView } from '../report/view.ts';
import type { Play } from '../validate/play.ts';
import type { Io } from './io.ts';
import { load } from './load-files.ts';
import type { PlaybookSettings } from './options.ts';

interface GraphSettings extends PlaybookSettings {
  format?: 'mermaid' | 'svg';
  output?: string;
}

const forms = { mermaid: graphMermaid, svg: graphSvg };
const endings: Readonly<Record<string, keyof typeof forms>> = {
  '.svg': 'svg',
  '.mmd': 'mermaid',
  '.mermaid': 'mermaid',
};

/** Writes the graph of a playbook's resources to stdout, or to a file whose ending sets the format. */
export async function graph(file: string, settings: GraphSettings, io: Io): Promise<number> {
  const { output } = settings;
  const form = settings.format ?? (output === undefined ? 'mermaid' : endings[extname(output)]);
  if (form === undefined) {
    const message = `-o ${output}: the ending of the file does not tell the format of the graph.`;
    const hint = 'Use a name that ends in .svg or .mmd, or --format svg.';
    throw new ProblemError({ code: 'usage', message, hint });
  }
  const { name, plays } = await load(file, settings, io, () => {});
  const shown = (text: string) => textView(text, io.redactor).replaceAll('\n', ' ');
  const view: GraphView = { name: shown(name), plays: plays.map(play => playGraph(play, shown)) };
  const text = forms[form](view);
  if (output === undefined) io.stdout.write(text);
  else write(output, text);
  return 0;
}

/** Returns the graph of a play's first host. Other hosts differ from it only by `when` and loops. */
function playGraph(play: Play, shown: (text: string) => string): PlayGraph {
  const [host] = play.hosts;
  const resources = host === undefined ? [] : play.resolve(host);
  const number = new Map(resources.map((resource, index) => [resource, index]));
  return {
    name: shown(play.name),
    hosts: shown(host === undefined ? 'no hosts' : nameList(play.hosts.map(each => each.name))),
    resources: resources.map(({ name, module, when }) => ({
      name: shown(name),
      module: module.name,
      check: module.check === true,
      skipped: when === false,
    })),
    edges: edgesOf(resources).map(({ from, to, kind }) => ({
      from: number.get(from)!,
      to: number.get(to)!,
      kind,
    })),
  };
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (thrown) {
    const message = `-o ${file} could not be written: ${(thrown as Error).message}.`;
    throw new ProblemError({ code: 'usage', message });
  }
}
