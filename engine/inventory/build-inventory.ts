import { runtime } from '../expression/controller-values.ts';
import { sourceOf } from '../expression/template-tree.ts';
import type { Variable } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import type { Problem } from '../problem.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import type { Vault } from '../secrets/vaulted-values.ts';
import type { Problems } from '../util/problem-collector.ts';
import { connectionOf, setsConnection } from './connection-settings.ts';
import {
  type Groups,
  type Hosts,
  type Inventory,
  type InventorySource,
  newGroup,
  type Setting,
  type SourceHost,
} from './inventory-model.ts';
import { checkInventoryNames } from './inventory-names.ts';
import { addVariablesFolder } from './variables-folder.ts';

interface Resolved {
  host: Host;
  variables: () => readonly Variable[];
  settings: readonly Setting[];
  problems: readonly Problem[];
}

/** The context for reading inventories. */
export interface InventoryReading {
  vault: Vault;
  /** Learns the passwords and the vaulted settings of hosts. */
  secrets?: SecretSink | undefined;
}

/**
 * Merges inventories. Later ones override earlier ones. The files in group_vars/ and host_vars/ of `folders` override the
 * inventories for the same group or host.
 */
export function buildInventory(
  sources: readonly InventorySource[],
  folders: readonly string[],
  problems: Problems,
  { vault, secrets }: InventoryReading,
): Inventory {
  const reading = { runtime: { ...runtime, vaulted: vault.secret.bind(vault) }, secrets };
  const { hosts, groups } = merge(sources);
  checkInventoryNames(hosts, groups, sources, problems);
  const sealed = folders.map(folder => addVariablesFolder(folder, hosts, groups, problems, vault));
  const order = parentsFirst(groups, problems);
  const members = membersOf(hosts, groups);
  const groupsOf = new Map([...hosts.keys()].map(name => [name, [] as string[]]));
  for (const group of order) for (const host of members.get(group)!) groupsOf.get(host)!.push(group);
  const ofGroups = sharedVariables(groups);
  const known = new Map<string, Resolved>();
  for (const [name, { settings, vars }] of hosts) {
    const of = groupsOf.get(name)!;
    const shared = ofGroups(of);
    let all: readonly Variable[] | undefined;
    const variables = () => (all ??= [...shared.variables, ...vars]);
    const connecting = [...shared.connecting, ...vars.filter(setsConnection)];
    const connection = connectionOf(name, of, connecting, variables, reading);
    const resolved = [
      ...settings.filter(({ level }) => level === 'defaults'),
      ...connection.settings,
      ...settings.filter(({ level }) => level !== 'defaults'),
    ];
    known.set(name, {
      host: resolveHost(name, resolved, of, variables),
      variables,
      settings: resolved,
      problems: [...connection.problems, ...sealed.flatMap(find => find(name, of))],
    });
  }
  return {
    hosts: new Map([...known].map(([name, { host }]) => [name, host])),
    groups: members,
    children: childrenOf(groups),
    files: sources.map(({ file }) => file),
    runtime: reading.runtime,
    variablesOf: name => known.get(name)?.variables() ?? [],
    settingsOf: name => known.get(name)?.settings ?? [],
    problemsOf: name => known.get(name)?.problems ?? [],
  };
}

/** Merges the variables of groups, once for all hosts in the same groups. */
function sharedVariables(groups: Groups) {
  const made = new Map<string, { variables: Variable[]; connecting: Variable[] }>();
  return (of: readonly string[]) => {
    const key = of.join(' ');
    let shared = made.get(key);
    if (shared === undefined) {
      const variables = ['all', ...of].flatMap(group => groups.get(group)!.vars);
      made.set(key, (shared = { variables, connecting: variables.filter(setsConnection) }));
    }
    return shared;
  };
}

/** Returns the host `localhost`, which needs no inventory. */
export function localhost(): Host {
  const host = resolveHost('localhost', [], [], () => []);
  return { ...host, address: '127.0.0.1', transport: 'local' };
}

function resolveHost(
  name: string,
  settings: readonly Setting[],
  groups: string[],
  variables: () => readonly Variable[],
): Host {
  const host: Omit<Host, 'vars'> = {
    name,
    address: name,
    transport: 'ssh',
    ...Object.fromEntries(settings.map(({ key, value }) => [key, value])),
    groups,
  };
  let vars: Host['vars'] | undefined;
  // A getter, because few callers need all of them and there may be many.
  const get = () =>
    (vars ??= Object.fromEntries(variables().map(({ name, tree }) => [name, sourceOf(tree)])));
  return Object.defineProperty(host, 'vars', { get, enumerable: true }) as Host;
}

function merge(sources: readonly InventorySource[]) {
  const hosts = new Map<string, SourceHost>();
  // The group `all` needs no declaration, for the variables in group_vars/all.
  const groups = new Map([['all', newGroup({ file: '', line: 1, column: 1 })]]);
  for (const source of sources) {
    for (const [name, host] of source.hosts) {
      const known = hosts.get(name);
      hosts.set(name, {
        at: host.at,
        settings: [...(known?.settings ?? []), ...host.settings],
        vars: [...(known?.vars ?? []), ...host.vars],
      });
    }
    for (const [name, group] of source.groups) {
      const known = groups.get(name) ?? newGroup(group.at, false);
      groups.set(name, {
        at: group.declared ? group.at : known.at,
        declared: known.declared || group.declared,
        priority: group.priority === 1 ? known.priority : group.priority,
        hosts: [...known.hosts, ...group.hosts],
        groups: [...known.groups, ...group.groups],
        vars: [...known.vars, ...group.vars],
      });
    }
  }
  const ungrouped = groups.get('ungrouped');
  if (ungrouped !== undefined) {
    const others = [...groups].filter(([name]) => name !== 'all' && name !== 'ungrouped');
    const grouped = new Set(others.flatMap(([, group]) => group.hosts.map(({ name }) => name)));
    ungrouped.hosts = [...hosts]
      .filter(([name]) => !grouped.has(name))
      .map(([name, { at }]) => ({ name, at }));
  }
  return { hosts, groups };
}

/** Returns the groups except `all`, each after its parents, so that the variables of a child override theirs. */
function parentsFirst(groups: Groups, problems: Problems): string[] {
  const parents = new Map([...groups.keys()].map(name => [name, [] as string[]]));
  for (const [name, group] of groups)
    if (name !== 'all') for (const child of group.groups) parents.get(child.name)?.push(name);
  const depths = new Map<string, number>();
  const open: string[] = [];
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    if (open.includes(name)) {
      const circle = [name, ...open.slice(open.indexOf(name)).toReversed()].join(' → ');
      const [message, hint] =
        circle === `${name} → ${name}`
          ? [`The group ${name} holds itself.`, 'Take it out of its own groups:']
          : [
              `These groups hold one another: ${circle}.`,
              'Take one of them out of the groups: of the other.',
            ];
      problems.report('conflict', message, groups.get(name)!.at, hint);
      return 0;
    }
    open.push(name);
    const depth = 1 + Math.max(0, ...parents.get(name)!.map(depthOf));
    open.pop();
    depths.set(name, depth);
    return depth;
  };
  const rank = (name: string) => [depthOf(name), groups.get(name)!.priority] as const;
  return [...groups.keys()]
    .filter(name => name !== 'all')
    .map(name => ({ name, rank: rank(name) }))
    .toSorted((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

function membersOf(hosts: Hosts, groups: Groups): Map<string, readonly string[]> {
  const members = new Map<string, readonly string[]>([['all', [...hosts.keys()]]]);
  for (const name of groups.keys()) {
    if (name === 'all') continue;
    // The iteration of a set includes the items that are added meanwhile.
    const within = new Set([name]);
    const found = new Set<string>();
    for (const each of within) {
      for (const { name: host } of groups.get(each)?.hosts ?? []) if (hosts.has(host)) found.add(host);
      for (const child of groups.get(each)?.groups ?? []) within.add(child.name);
    }
    members.set(name, [...found]);
  }
  return members;
}

function childrenOf(groups: Groups): Map<string, readonly string[]> {
  const children = new Map<string, readonly string[]>();
  const held = new Set<string>();
  for (const [name, group] of groups) {
    if (name === 'all') continue;
    children.set(name, [...new Set(group.groups.map(child => child.name))]);
    for (const child of group.groups) held.add(child.name);
  }
  return children.set(
    'all',
    [...children.keys()].filter(name => !held.has(name)),
  );
}
