import type { Host } from '../host.ts';
import { type Place, type Problem, ProblemError, type Where } from '../problem.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { Problems } from '../util/problem-collector.ts';
import { localhost } from './build-inventory.ts';
import type { Inventory } from './inventory-model.ts';

/**
 * Returns the names of the hosts that a pattern selects, in the order of the inventory: `web,db`, `web:&prod` (in both),
 * `web:!web1` (without), `web*`, `~web[12]` (an expression of JavaScript), `web[0]`, `web[1:3]` (the second to the
 * fourth of the group), `all`. Throws a ProblemError for each unknown name.
 */
export function selectHosts(pattern: string, inventory: Inventory, where?: Where): string[] {
  const problems = new Problems();
  const included = new Set<string>();
  const required: Set<string>[] = [];
  const excluded = new Set<string>();
  const parts = terms(pattern, inventory);
  for (const { sign, name, offset } of parts) {
    const names = problems.attempt(() => namesOf(name, inventory, where?.(offset, name.length))) ?? [];
    if (sign === '&') required.push(new Set(names));
    else for (const host of names) (sign === '!' ? excluded : included).add(host);
  }
  problems.done();
  // A pattern of only exclusions and intersections starts from every host.
  const onlyNarrows = parts.every(({ sign }) => sign !== '');
  const selects = (host: string) =>
    (onlyNarrows || included.has(host)) && !excluded.has(host) && required.every(names => names.has(host));
  const others = [...included].filter(host => !inventory.hosts.has(host));
  return [...inventory.hosts.keys(), ...others].filter(selects);
}

/** Returns the hosts that a pattern selects, like `selectHosts`. Also throws the problems of unusable hosts. */
export function hostsOf(pattern: string, inventory: Inventory, where?: Where): Host[] {
  const names = selectHosts(pattern, inventory, where);
  const problems = names.flatMap(name => inventory.problemsOf(name).map(each => ({ ...each, host: name })));
  if (problems.length > 0) throw new ProblemError(...problems);
  return names.map(name => inventory.hosts.get(name) ?? localhost());
}

/** Returns the host of a name. Throws a ProblemError if there is none, or it is unusable. */
export function hostOf(name: string, inventory: Inventory, at?: Place): Host {
  const known = inventory.hosts.get(name) ?? (name === 'localhost' ? localhost() : undefined);
  if (known === undefined) {
    const hint = didYouMean(name, inventory.hosts.keys()) ?? 'Give the name of one host.';
    const message = `There is no host "${name}" in the inventory.`;
    throw new ProblemError({ code: 'unknown-host', message, hint, ...(at && { at }) });
  }
  const problems = inventory.problemsOf(name).map(each => ({ ...each, host: name }));
  if (problems.length > 0) throw new ProblemError(...problems);
  return known;
}

/** Returns the problem of an unknown host or group. */
function unknownHost(
  name: string,
  inventory: Pick<Inventory, 'hosts' | 'groups' | 'files'>,
  at?: Place,
): Problem {
  const known = [...inventory.hosts.keys(), ...inventory.groups.keys()];
  const suggestion = inventory.files.length === 0 ? undefined : didYouMean(name, known);
  const where =
    inventory.files.length === 0 ? 'there is no inventory' : `not in ${inventory.files.join(', ')}`;
  const message = isMatching(name)
    ? `No host or group matches "${name}".`
    : `There is no host or group "${name}"${suggestion === undefined ? `: ${where}.` : `. ${suggestion}`}`;
  return {
    code: 'unknown-host',
    message,
    ...(suggestion === undefined && { hint: inventory.files.length === 0 ? noInventory : someOf(known) }),
    ...(at === undefined ? {} : { at }),
  };
}

const noInventory =
  'Put an inventory.yml beside the playbook, or name hosts with -i host1,host2. A new project with an inventory:\n    reconcile init my-servers';

/** Returns a hint with a few of the known names. */
function someOf(known: readonly string[]): string {
  const most = 8;
  const more = known.length > most ? ` and ${known.length - most} more` : '';
  return `The inventory has ${known.slice(0, most).join(', ')}${more}.`;
}

interface Term {
  sign: string;
  name: string;
  offset: number;
}

/** Splits a pattern into terms at commas, and at colons outside of brackets and names. */
function terms(pattern: string, { hosts }: Inventory): Term[] {
  return [...pattern.matchAll(/[^,\s](?:\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|[^,\s])*/g)].flatMap(
    ({ 0: part, index }) => {
      const whole = termOf(part, index);
      if (hosts.has(whole.name)) return [whole];
      const inner = part.matchAll(/(?:\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|[^:])+/g);
      return [...inner].map(match => termOf(match[0], index + match.index));
    },
  );
}

function termOf(text: string, offset: number): Term {
  const sign = /^[&!]/.exec(text)?.[0] ?? '';
  return { sign, name: text.slice(sign.length), offset: offset + sign.length };
}

function namesOf(name: string, inventory: Inventory, at: Place | undefined): readonly string[] {
  const [, part = name, range] = name.startsWith('~')
    ? []
    : (/^(.+)\[(-?\d+|\d+[:-]\d*)\]$/.exec(name) ?? []);
  const found = plainNames(part, inventory, at);
  if (found === undefined) throw new ProblemError(unknownHost(part, inventory, at));
  if (range === undefined) return found;
  const [from, to] = range.split(/(?<=\d)[:-]/).map(each => (each === '' ? undefined : Number(each)));
  const last = range.length === String(from).length ? from! : (to ?? found.length - 1);
  const chosen = found.slice(from, last === -1 ? undefined : last + 1);
  if (chosen.length > 0) return chosen;
  const message = `"${name}" selects nothing: "${part}" has ${found.length === 1 ? '1 host, number 0' : `${found.length} hosts, numbers 0 to ${found.length - 1}`}.`;
  throw new ProblemError({ code: 'unknown-host', message, ...(at && { at }) });
}

function plainNames(
  name: string,
  inventory: Inventory,
  at: Place | undefined,
): readonly string[] | undefined {
  if (name === 'all' && inventory.files.length === 0) return undefined;
  if (inventory.hosts.has(name)) return [name];
  const group = inventory.groups.get(name);
  // localhost needs no inventory, unless the inventory gives that name to other hosts.
  if (group === undefined && name === 'localhost') return [name];
  if (group !== undefined || !isMatching(name)) return group;
  const matches = matcher(name, at);
  const found = new Set([
    ...[...inventory.groups].flatMap(([each, hosts]) => (each !== 'all' && matches(each) ? hosts : [])),
    ...[...inventory.hosts.keys()].filter(matches),
  ]);
  return found.size === 0 ? undefined : [...found];
}

/** Whether a term is a pattern that matches names. */
function isMatching(name: string): boolean {
  return name.startsWith('~') || /[*?[]/.test(name);
}

function matcher(name: string, at: Place | undefined): (name: string) => boolean {
  if (!name.startsWith('~')) return globMatcher(name);
  try {
    const expression = new RegExp(`^(?:${name.slice(1)})`, 'u');
    return each => expression.test(each);
  } catch (thrown) {
    const why = (thrown as Error).message.replace(/^.*\/u?: /, '');
    const message = `"${name}" is not a regular expression: ${why}.`;
    throw new ProblemError({ code: 'invalid-value', message, ...(at && { at }) });
  }
}

function globMatcher(glob: string): (name: string) => boolean {
  const source = glob
    .replace(/\[!?[^\]]+\]|[.+^${}()|[\]\\]/g, found =>
      found.length > 1 ? found.replace('[!', '[^').replaceAll('\\', '\\\\') : `\\${found}`,
    )
    .replaceAll(/\*+/g, '.*')
    .replaceAll(/(?<!\\)\?/g, '.');
  const expression = new RegExp(`^${source}$`);
  return name => expression.test(name);
}
