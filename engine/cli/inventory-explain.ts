import { sourceOf } from '../expression/template-tree.ts';
import { bracketed, type Host } from '../host.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import { type Place, ProblemError, placeKey } from '../problem.ts';
import { columnsOf, nameList, pad, truncate } from '../report/columns.ts';
import { paint, type Span, span } from '../report/style.ts';
import { textView } from '../report/view.ts';
import type { Redactor } from '../secrets/redaction.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { Secret } from '../value.ts';

/** A value, and whether a stronger value hides it. */
interface Row {
  name: string;
  value: string;
  hidden: boolean;
  level: string;
  at: Place;
}

/** The layout of an explanation. */
interface Showing {
  color: boolean;
  /** The width of the terminal; Infinity without one. */
  columns: number;
  redactor: Redactor;
}

/** Returns the settings and variables of a host with their sources, the strongest first and then those that it hides. */
export function explainHost(host: Host, inventory: Inventory, showing: Showing): string {
  const { name, user, address, port, transport, groups } = host;
  const way =
    transport === 'ssh' || transport === 'openssh'
      ? `${user}@${bracketed(address)}:${port}`
      : `${transport} ${address}`;
  const head = [
    [span(name, 'bold'), span(`  ${way}`)],
    [span(groups.length === 0 ? 'in no group' : `in ${['all', ...groups].join(' < ')}`, 'dim')],
  ];
  const settings = inventory.settingsOf(name).map(({ key, value, level, at }) => ({
    name: key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
    value: shownValue(value instanceof Secret ? value.masked() : value),
    level,
    at,
  }));
  const variables = inventory
    .variablesOf(name)
    .map(variable => ({ ...variable, value: shownValue(sourceOf(variable.tree)) }));
  const parts = [head, ...[settings, variables].map(all => table(byName(all), showing))];
  if (variables.length === 0) parts.push([[span('It has no variables.')]]);
  return parts
    .filter(lines => lines.length > 0)
    .map(lines => text(lines, showing))
    .join('\n');
}

/** Returns the values of a variable on the hosts, with their sources. Hosts with equal values and sources are grouped. */
export function explainVariable(
  name: string,
  hosts: readonly string[],
  inventory: Inventory,
  showing: Showing,
): string {
  const alike = new Map<string, { hosts: string[]; rows: Row[] }>();
  for (const host of hosts) {
    const all = inventory.variablesOf(host).filter(variable => variable.name === name);
    const rows = byName(all.map(each => ({ ...each, value: shownValue(sourceOf(each.tree)) })));
    const key = JSON.stringify(rows.map(({ level, at }) => [level, placeKey(at)]));
    const known = alike.get(key) ?? { hosts: [], rows };
    known.hosts.push(host);
    alike.set(key, known);
  }
  return [...alike.values()]
    .map(({ hosts: of, rows }) => {
      const head = [
        span(nameList(of), 'bold'),
        ...(rows.length === 0 ? [span('  does not have it', 'dim')] : []),
      ];
      return text([head, ...table(rows, showing)], showing);
    })
    .join('\n');
}

/** Returns the problem of a name that is neither a host nor a variable. */
export function nothingCalled(name: string, inventory: Inventory): ProblemError {
  const hosts = [...inventory.hosts.keys()];
  const variables = hosts.flatMap(host => inventory.variablesOf(host).map(variable => variable.name));
  const hint = didYouMean(name, new Set([...hosts, ...variables]));
  const message = `The inventory has no host and no variable "${name}".`;
  return new ProblemError({ code: 'unknown-host', message, ...(hint !== undefined && { hint }) });
}

/** Returns the rows by name, the strongest first and then those that it hides. */
function byName(all: readonly Omit<Row, 'hidden'>[]): Row[] {
  const names = [...new Set(all.map(({ name }) => name))].toSorted();
  const groups = new Map(names.map(name => [name, [] as Omit<Row, 'hidden'>[]]));
  for (const row of all) groups.get(row.name)!.unshift(row);
  return [...groups.values()].flatMap(rows => rows.map((row, index) => ({ ...row, hidden: index > 0 })));
}

function table(rows: readonly Row[], { columns, redactor }: Showing): Span[][] {
  const cells = rows.map(({ name, value, hidden, level, at }) => [
    hidden ? '' : name,
    textView(hidden ? `over ${value}` : value, redactor),
    level,
    textView(`${at.file}:${at.line}`, redactor),
  ]);
  const [names = 0, wanted = 0, levels = 0, places = 0] = [0, 1, 2, 3].map(
    column => Math.max(0, ...cells.map(cell => columnsOf(cell[column]!))) + 2,
  );
  const values = Math.min(wanted, Math.max(14, columns - names - levels - places), 62);
  return cells.map(([name = '', value = '', level = '', place = ''], index) => [
    span(`  ${pad(name, names)}`),
    span(pad(truncate(value, values - 2), values), rows[index]!.hidden ? 'dim' : 'bold'),
    span(pad(level, levels) + place, 'dim'),
  ]);
}

function shownValue(value: unknown): string {
  return typeof value === 'string' && /^«.*»$/.test(value) ? value : JSON.stringify(value);
}

function text(lines: readonly (readonly Span[])[], { color }: Showing): string {
  return lines.map(line => paint(line, color) + '\n').join('');
}
