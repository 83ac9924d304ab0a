import { userInfo } from 'node:os';
import type { Host } from '../host.ts';
import type { Inventory } from '../load/index.ts';
import { ProblemError } from '../problem.ts';
import { nameList, pad } from '../report/columns.ts';
import { paint, span } from '../report/style.ts';
import { textView } from '../report/view.ts';
import { type Io, isColorful } from './io.ts';

/** The options of `inventory` as commander parses them. */
export interface InventorySettings {
  inventory?: string[];
  graph?: boolean;
  explain?: string;
  json?: boolean;
}

/** What the inventory resolves to: a line a host, the tree of groups, one host's variables, or JSON. */
export async function inventory(
  pattern: string | undefined,
  settings: InventorySettings,
  io: Io,
): Promise<number> {
  const { hostsOf, loadInventory } = await import('../load/index.ts');
  const known = loadInventory(settings.inventory ? { inventory: settings.inventory } : {});
  const hosts = hostsOf(pattern ?? 'all', known);
  const { targetOf } = await import('../transport/target.ts');
  const login = (host: Host) => {
    const { port, user } =
      host.transport === 'ssh' ? targetOf(host) : { port: 22, user: userInfo().username };
    return { ...host, port: host.port ?? port, user: host.user ?? user };
  };
  if (settings.json) io.stdout.write(JSON.stringify({ hosts: jsonOf(hosts.map(login)) }, null, 2) + '\n');
  else if (settings.explain !== undefined) io.stdout.write(await explanation(settings.explain, known, io));
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
  const login = ({ user, address, port }: Host) => `${user}@${address}${port === 22 ? '' : `:${port}`}`;
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

/** Each group with its hosts; a host that is in none stands under `all` alone. */
function graphOf({ groups }: Inventory, hosts: readonly Host[]): string {
  const names = hosts.map(({ name }) => name);
  return [...groups]
    .map(([group, members]) => [group, members.filter(name => names.includes(name))] as const)
    .filter(([, members]) => members.length > 0)
    .map(([group, members]) => `${group}\n  ${nameList(members)}`)
    .join('\n');
}

async function explanation(name: string, known: Inventory, io: Io): Promise<string> {
  if (!known.hosts.has(name)) {
    const { didYouMean } = await import('../did-you-mean.ts');
    const hint = didYouMean(name, known.hosts.keys());
    throw new ProblemError({
      code: 'unknown-host',
      message: `The inventory has no host "${name}".`,
      ...(hint && { hint }),
    });
  }
  const variables = known.variablesOf(name);
  if (variables.length === 0) return `${name} has no variables.\n`;
  const width = Math.max(0, ...variables.map(variable => variable.name.length)) + 2;
  const vars = known.hosts.get(name)!.vars;
  return variables
    .map((variable, i) => {
      const stronger = variables.findLast(other => other.name === variable.name) !== variables[i];
      const value = stronger ? 'set again below' : JSON.stringify(vars[variable.name]);
      const line = `${pad(variable.name, width)}${value}  (${variable.level}, ${variable.at.file}:${variable.at.line})`;
      return textView(line, io.redactor) + '\n';
    })
    .join('');
}
