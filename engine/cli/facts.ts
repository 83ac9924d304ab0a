import type { Host } from '../host.ts';
import { type Problem, problemsOf } from '../problem.ts';
import { pad } from '../report/columns.ts';
import { renderProblems } from '../report/problems.ts';
import { paint, span } from '../report/style.ts';
import { lineView, problemView } from '../report/view.ts';
import { visibleJson } from '../report/visible.ts';
import type { ConnectOptions } from '../transport/index.ts';
import { credentials, type LoginSettings } from './credentials.ts';
import { type Io, isColorful } from './io.ts';

/** The options of `facts` as commander parses them. */
export interface FactsSettings extends LoginSettings {
  inventory?: string[];
  json?: boolean;
  parallel: number;
}

type Facts = Readonly<Record<string, unknown>>;

/** Reads the facts of hosts and shows them in the inventory's order. Exits with 4 if some could not be read. */
export async function facts(pattern: string | undefined, settings: FactsSettings, io: Io): Promise<number> {
  const { hostsOf, loadInventory } = await import('../load/index.ts');
  const known = loadInventory(settings.inventory ? { inventory: settings.inventory } : {});
  const hosts = hostsOf(pattern ?? 'all', known);
  const connect = await credentials(settings, io);
  const found = new Map<string, Facts>();
  const problems: Problem[] = [];
  const queue = [...hosts];
  const work = async () => {
    for (let host = queue.shift(); host !== undefined && !io.signal.aborted; host = queue.shift()) {
      try {
        found.set(host.name, await factsOf(host, connect));
      } catch (thrown) {
        for (const problem of problemsOf(thrown)) problems.push({ ...problem, host: host.name });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(settings.parallel, hosts.length) }, work));
  const shown = hosts.flatMap(({ name }) => (found.has(name) ? [[name, found.get(name)!] as const] : []));
  if (settings.json) io.stdout.write(visibleJson({ hosts: Object.fromEntries(shown) }, 2) + '\n');
  else for (const [name, values] of shown) io.stdout.write(factsText(name, values, io));
  if (problems.length === 0) return 0;
  const color = isColorful(io.stderr, io.env);
  io.stderr.write(
    renderProblems(
      problems.map(problem => problemView(problem, io.redactor)),
      { color },
    ),
  );
  return 4;
}

async function factsOf(host: Host, connect: ConnectOptions): Promise<Facts> {
  const [{ Visit }, { factNames }] = await Promise.all([import('../visit.ts'), import('../load/index.ts')]);
  const visit = await Visit.start(host, connect);
  try {
    await visit.read([], new Set(Object.keys(factNames)));
    return visit.facts;
  } finally {
    await visit.close();
  }
}

function factsText(host: string, values: Facts, io: Io): string {
  const rows = Object.entries(values)
    .flatMap(([name, value]) => flat(name, value))
    .map(row => row.map(text => lineView(text, io.redactor)));
  const width = Math.max(0, ...rows.map(([name]) => name!.length)) + 2;
  const color = isColorful(io.stdout, io.env);
  const lines = rows.map(([name, value]) =>
    paint([span(`  ${pad(name!, width)}`, 'cyan'), span(value!)], color),
  );
  return [paint([span(host, 'bold')], color), ...lines].join('\n') + '\n';
}

/** `os: { id }` as `os.id`. */
function flat(name: string, value: unknown): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => flat(`${name}.${key}`, inner));
  }
  if (!Array.isArray(value)) return [[name, String(value)]];
  const words = value.map(element =>
    typeof element === 'object' ? JSON.stringify(element) : String(element),
  );
  return [[name, words.join(', ')]];
}
