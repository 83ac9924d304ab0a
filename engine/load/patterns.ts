import { didYouMean } from '../did-you-mean.ts';
import type { Host } from '../host.ts';
import { type Place, type Problem, ProblemError } from '../problem.ts';
import type { Where } from './expression/index.ts';
import { type Inventory, localhost } from './inventory.ts';

/**
 * The names of the hosts that a pattern selects, in the inventory's order: `web,db`, `web:&prod` (in both),
 * `web:!web1` (without), `web*`, `all`. Throws a ProblemError for each name that nothing has.
 */
export function selectHosts(pattern: string, inventory: Inventory, where?: Where): string[] {
  const problems: Problem[] = [];
  const included = new Set<string>();
  const required: Set<string>[] = [];
  const excluded = new Set<string>();
  for (const { sign, name, offset } of terms(pattern)) {
    const names = namesOf(name, inventory);
    if (names === undefined) problems.push(unknownHost(name, inventory, where?.(offset, name.length)));
    else if (sign === '&') required.push(new Set(names));
    else for (const host of names) (sign === '!' ? excluded : included).add(host);
  }
  if (problems.length > 0) throw new ProblemError(...problems);
  // A pattern of exclusions and intersections alone starts from every host.
  const onlyNarrows = terms(pattern).every(({ sign }) => sign !== '');
  const candidates = onlyNarrows ? inventory.groups.get('all')! : [...included];
  const order = [...inventory.hosts.keys()];
  return candidates
    .filter(host => !excluded.has(host) && required.every(names => names.has(host)))
    .toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
}

/** The hosts that a pattern selects, as `selectHosts` does. */
export function hostsOf(pattern: string, inventory: Inventory, where?: Where): Host[] {
  return selectHosts(pattern, inventory, where).map(name => inventory.hosts.get(name) ?? localhost());
}

/** The problem that no host or group is called `name`. */
function unknownHost(
  name: string,
  inventory: Pick<Inventory, 'hosts' | 'groups' | 'files'>,
  at?: Place,
): Problem {
  const known = [...inventory.hosts.keys(), ...inventory.groups.keys()];
  const suggestion = inventory.files.length === 0 ? undefined : didYouMean(name, known);
  const where =
    inventory.files.length === 0 ? 'there is no inventory' : `not in ${inventory.files.join(', ')}`;
  const message = /[*?]/.test(name)
    ? `No host or group matches "${name}".`
    : `There is no host or group "${name}"${suggestion === undefined ? `: ${where}.` : `. ${suggestion}`}`;
  return {
    code: 'unknown-host',
    message,
    ...(inventory.files.length > 0
      ? {}
      : { hint: 'Put an inventory.yml beside the playbook, or name hosts with -i host1,host2' }),
    ...(at === undefined ? {} : { at }),
  };
}

function terms(pattern: string): { sign: string; name: string; offset: number }[] {
  return [...pattern.matchAll(/([&!]?)([^,:\s]+)/g)].map(match => ({
    sign: match[1]!,
    name: match[2]!,
    offset: match.index + match[1]!.length,
  }));
}

function namesOf(name: string, inventory: Inventory): readonly string[] | undefined {
  if (name === 'all' && inventory.files.length === 0) return undefined;
  const group = inventory.groups.get(name);
  if (group !== undefined) return group;
  // The computer itself is there without an inventory.
  if (inventory.hosts.has(name) || name === 'localhost') return [name];
  if (!/[*?]/.test(name)) return undefined;
  const matches = globMatcher(name);
  const found = [
    ...[...inventory.groups].flatMap(([group, hosts]) => (group !== 'all' && matches(group) ? hosts : [])),
    ...[...inventory.hosts.keys()].filter(matches),
  ];
  return found.length === 0 ? undefined : found;
}

function globMatcher(glob: string): (name: string) => boolean {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`);
  return name => expression.test(name);
}
