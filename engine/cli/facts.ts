import type { Host } from '../host.ts';
import { pad } from '../report/columns.ts';
import { paint, span } from '../report/style.ts';
import { lineView } from '../report/view.ts';
import { visibleJson } from '../report/visible.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { askHosts, type FleetSettings } from './fleet.ts';
import { type Io, isColorful } from './io.ts';

/** The options of `facts` as commander parses them. */
export interface FactsSettings extends FleetSettings {
  json?: boolean;
}

type Facts = Readonly<Record<string, unknown>>;

/** Reads the facts of hosts and shows them in the order of the inventory. */
export async function facts(pattern: string | undefined, settings: FactsSettings, io: Io): Promise<number> {
  const { answers, exitCode } = await askHosts(pattern ?? 'all', settings, io, factsOf);
  if (settings.json) io.stdout.write(visibleJson({ hosts: Object.fromEntries(answers) }, 2) + '\n');
  else for (const [name, values] of answers) io.stdout.write(factsText(name, values, io));
  return exitCode;
}

async function factsOf(host: Host, connect: ConnectOptions): Promise<Facts> {
  const [{ ConnectedHost }, { changingFacts, factNames }] = await Promise.all([
    import('../hosts/connected-host.ts'),
    import('../resolve/fact-names.ts'),
  ]);
  const connected = await ConnectedHost.start(host, connect);
  try {
    // Hundreds of packages, services and accounts would hide the others.
    const short = Object.keys(factNames).filter(name => !(changingFacts as readonly string[]).includes(name));
    return await connected.read([], new Set(short));
  } finally {
    await connected.close();
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

/** Returns `os: { id }` as `os.id`. */
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
