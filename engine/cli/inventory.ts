import { bracketed, type Host } from '../host.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import { nameList, pad } from '../report/columns.ts';
import { paint, span } from '../report/style.ts';
import { textView } from '../report/view.ts';
import { columnsOfOutput, type Io, isColorful, tellNoHost } from './io.ts';
import { loadInventory } from './load-files.ts';

/** The options of `inventory` as commander parses them. */
export interface InventorySettings {
  inventory?: string[];
  askSecretsPass?: boolean;
  graph?: boolean;
  explain?: string;
  json?: boolean;
}

/** Shows the inventory: one line for each host, the tree of groups, the source of a value, or JSON. */
export async function inventory(
  pattern: string | undefined,
  settings: InventorySettings,
  io: Io,
): Promise<number> {
  const { hostsOf, selectHosts } = await import('../inventory/host-patterns.ts');
  const known = await loadInventory(settings, io);
  const names = selectHosts(pattern ?? 'all', known);
  if (names.length === 0) tellNoHost(pattern ?? 'all', io);
  const hosts = names.map(name => known.hosts.get(name) ?? hostsOf(name, known)[0]!);
  const { loginOf: login } = await import('../transport/target.ts');
  if (settings.json) io.stdout.write(JSON.stringify({ hosts: jsonOf(hosts.map(login)) }, null, 2) + '\n');
  else if (settings.explain !== undefined)
    io.stdout.write(await explanation(settings.explain, names, known, login, io));
  else if (settings.graph) io.stdout.write(textView(graphOf(known, hosts), io.redactor) + '\n');
  else io.stdout.write(listOf(hosts.map(login), isColorful(io.stdout, io.env)));
  return 0;
}

function jsonOf(hosts: readonly Host[]): Record<string, unknown> {
  return Object.fromEntries(
    hosts.map(({ name, address, port, user, groups, vars }) => [name, { address, port, user, groups, vars }]),
  );
}

function listOf(hosts: readonly Host[], color: boolean): string {
  const login = ({ user, address, port }: Host) =>
    `${user}@${port === 22 ? address : `${bracketed(address)}:${port}`}`;
  const columns = (of: (host: Host) => string) => Math.max(0, ...hosts.map(host => of(host).length)) + 2;
  const [nameColumns, loginColumns] = [columns(({ name }) => name), columns(login)];
  return hosts
    .map(host => {
      const via = host.transport === 'ssh' ? login(host) : host.transport;
      return (
        paint(
          [
            span(pad(host.name, nameColumns), 'bold'),
            span(pad(via, loginColumns)),
            span(host.groups.join(', '), 'dim'),
          ],
          color,
        ) + '\n'
      );
    })
    .join('');
}

/** Returns the tree of groups, each with its own hosts. A group with several parents appears under each of them. */
function graphOf({ children, groups }: Inventory, hosts: readonly Host[]): string {
  const shown = new Set(hosts.map(({ name }) => name));
  const within = (group: string) => (groups.get(group) ?? []).filter(name => shown.has(name));
  const branches = (group: string): string[] => {
    const inner = (children.get(group) ?? []).filter(child => within(child).length > 0);
    const elsewhere = new Set(inner.flatMap(within));
    const own = within(group).filter(name => !elsewhere.has(name));
    const parts = [
      ...(own.length > 0 ? [[nameList(own)]] : []),
      ...inner.map(child => {
        const lines = branches(child);
        return lines.length === 1 ? [`${child}: ${lines[0]!.slice(3)}`] : [child, ...lines];
      }),
    ];
    return parts.flatMap(([first, ...rest], index) => {
      const last = index === parts.length - 1;
      return [`${last ? '└─' : '├─'} ${first}`, ...rest.map(line => `${last ? '  ' : '│ '} ${line}`)];
    });
  };
  return ['all', ...branches('all')].join('\n');
}

async function explanation(
  name: string,
  hosts: readonly string[],
  known: Inventory,
  login: (host: Host) => Host,
  { stdout, env, redactor }: Io,
): Promise<string> {
  const { explainHost, explainVariable, nothingCalled } = await import('./inventory-explain.ts');
  const showing = { color: isColorful(stdout, env), columns: columnsOfOutput(stdout), redactor };
  const host = known.hosts.get(name);
  if (host !== undefined) return explainHost(login(host), known, showing);
  if (hosts.some(host => known.variablesOf(host).some(variable => variable.name === name)))
    return explainVariable(name, hosts, known, showing);
  throw nothingCalled(name, known);
}
