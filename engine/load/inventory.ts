import { didYouMean } from '../did-you-mean.ts';
import type { Host } from '../host.ts';
import type { Place } from '../problem.ts';
import type { Problems } from './problems.ts';
import { sourceOf } from './tree.ts';
import type { Variable } from './variables.ts';

/** What is known of the hosts. */
export interface Inventory {
  /** By name, in the order of the files. */
  hosts: ReadonlyMap<string, Host>;
  /** The hosts of each group, also by way of other groups; `all` is one of them. */
  groups: ReadonlyMap<string, readonly string[]>;
  files: readonly string[];
  /** Every variable that is set for a host, weakest first; a name may be there several times. */
  variablesOf(host: string): readonly Variable[];
}

/** A name and where it is written. */
export interface Named {
  name: string;
  at: Place;
}

/** What a reader of one inventory format gives; see inventory-file.ts. */
export interface InventorySource {
  file: string;
  hosts: Map<string, { at: Place; settings: Partial<Host>; vars: Variable[] }>;
  groups: Map<string, { at: Place; hosts: Named[]; groups: Named[]; vars: Variable[] }>;
}

type Group = InventorySource['groups'] extends Map<string, infer G> ? G : never;

/** Puts inventories together; in what several set, later ones are stronger. */
export function buildInventory(sources: readonly InventorySource[], problems: Problems): Inventory {
  const { hosts, groups } = merge(sources);
  checkNames(hosts, groups, problems);
  const order = parentsFirst(groups, problems);
  const members = membersOf(hosts, groups, order);
  const levels = new Map<string, Variable[]>();
  const resolved = new Map<string, Host>();
  for (const [name, { settings, vars }] of hosts) {
    const of = order.filter(group => group !== 'all' && members.get(group)!.includes(name));
    const variables = [
      ...(groups.get('all')?.vars ?? []),
      ...of.flatMap(group => groups.get(group)!.vars),
      ...vars,
    ];
    levels.set(name, variables);
    resolved.set(name, resolveHost(name, settings, of, variables));
  }
  return {
    hosts: resolved,
    groups: members,
    files: sources.map(({ file }) => file),
    variablesOf: name => levels.get(name) ?? [],
  };
}

/** The computer this runs on, which is there without an inventory. */
export function localhost(): Host {
  return resolveHost('localhost', { address: '127.0.0.1', transport: 'local' }, [], []);
}

function resolveHost(
  name: string,
  settings: Partial<Host>,
  groups: string[],
  variables: readonly Variable[],
): Host {
  return {
    name,
    address: name,
    transport: 'ssh',
    ...settings,
    groups,
    vars: Object.fromEntries(variables.map(({ name, tree }) => [name, sourceOf(tree)])),
  };
}

function merge(sources: readonly InventorySource[]) {
  const hosts: InventorySource['hosts'] = new Map();
  const groups: InventorySource['groups'] = new Map();
  for (const source of sources) {
    for (const [name, host] of source.hosts) {
      const known = hosts.get(name);
      hosts.set(
        name,
        known === undefined
          ? host
          : {
              at: host.at,
              settings: { ...known.settings, ...host.settings },
              vars: [...known.vars, ...host.vars],
            },
      );
    }
    for (const [name, group] of source.groups) {
      const known = groups.get(name);
      const both = (key: 'hosts' | 'groups') => [...(known?.[key] ?? []), ...group[key]];
      groups.set(name, {
        at: group.at,
        hosts: both('hosts'),
        groups: both('groups'),
        vars: [...(known?.vars ?? []), ...group.vars],
      });
    }
  }
  return { hosts, groups };
}

function checkNames(
  hosts: InventorySource['hosts'],
  groups: InventorySource['groups'],
  problems: Problems,
): void {
  for (const [name, { at }] of [...hosts, ...groups]) {
    if (!/^\w[\w.-]*$/.test(name)) {
      problems.report(
        'invalid-value',
        `"${name}" cannot be a name: patterns could not select it.`,
        at,
        'Use letters, digits, "_", "." and "-".',
      );
    }
  }
  if (hosts.has('all'))
    problems.report(
      'invalid-value',
      '"all" is the group of all hosts; a host needs another name.',
      hosts.get('all')!.at,
    );
  for (const [name, group] of groups) {
    if (hosts.has(name) && name !== 'all')
      problems.report('invalid-value', `"${name}" is the name of both a host and a group.`, group.at);
    const report = (kind: 'host' | 'group', members: readonly Named[]) => {
      const [right, wrong, other] = kind === 'host' ? [hosts, groups, 'group'] : [groups, hosts, 'host'];
      for (const member of members) {
        if (right.has(member.name)) continue;
        const hint = wrong.has(member.name)
          ? `"${member.name}" is a ${other}: list it under ${other}s:`
          : didYouMean(member.name, right.keys());
        const message = `The group ${name} names a ${kind} "${member.name}", which is not under ${kind}s.`;
        problems.report('unknown-host', message, member.at, hint);
      }
    };
    report('host', group.hosts);
    report('group', group.groups);
  }
}

/** Every group after all groups that hold it, so that variables of a child are stronger. */
function parentsFirst(groups: ReadonlyMap<string, Group>, problems: Problems): string[] {
  const done: string[] = [];
  const open: string[] = [];
  const visit = (name: string): void => {
    if (open.includes(name)) {
      const circle = [...open.slice(open.indexOf(name)), name].join(' → ');
      problems.report('conflict', `These groups hold one another: ${circle}.`, groups.get(name)!.at);
      return;
    }
    if (done.includes(name)) return;
    open.push(name);
    for (const child of groups.get(name)!.groups) if (groups.has(child.name)) visit(child.name);
    open.pop();
    done.unshift(name);
  };
  for (const name of [...groups.keys()].toSorted().toReversed()) visit(name);
  return done;
}

function membersOf(
  hosts: InventorySource['hosts'],
  groups: ReadonlyMap<string, Group>,
  order: readonly string[],
) {
  const members = new Map<string, readonly string[]>([['all', [...hosts.keys()]]]);
  for (const name of order.toReversed()) {
    if (name === 'all') continue;
    const group = groups.get(name)!;
    const all = new Set([
      ...group.hosts.map(member => member.name),
      ...group.groups.flatMap(child => members.get(child.name) ?? []),
    ]);
    members.set(
      name,
      [...hosts.keys()].filter(host => all.has(host)),
    );
  }
  return members;
}
