import type { Runtime } from '../expression/expression.ts';
import type { Variable } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import type { Place, Problem } from '../problem.ts';

export type Hosts = ReadonlyMap<string, SourceHost>;
export type Groups = ReadonlyMap<string, SourceGroup>;

/** The hosts and groups of all inventories of a run. */
export interface Inventory {
  /** The hosts by name, in the order of the files. */
  hosts: ReadonlyMap<string, Host>;
  /**
   * The hosts of each group in their written order, then those of its child groups. `all` has all hosts, in the order of
   * `hosts`.
   */
  groups: ReadonlyMap<string, readonly string[]>;
  /** The child groups of each group. A group without a parent is in `all`. */
  children: ReadonlyMap<string, readonly string[]>;
  files: readonly string[];
  /** The lookups that expressions in variables may use. */
  runtime: Runtime;
  /** Every variable of a host, weakest first. A name may occur several times. */
  variablesOf(host: string): readonly Variable[];
  /** The connection settings of a host, weakest first. */
  settingsOf(host: string): readonly Setting[];
  /** The problems of an unusable host in a valid inventory, such as an unsupported connection. */
  problemsOf(host: string): readonly Problem[];
}

/** One setting of a host with its source. */
export interface Setting {
  key: Exclude<keyof Host, 'name' | 'groups' | 'vars'>;
  value: Host[Setting['key']];
  /** The source in words: `defaults`, `host web1`, or the level of the variable that sets it. */
  level: string;
  at: Place;
}

/** A name with its place. */
export interface Named {
  name: string;
  at: Place;
}

export interface SourceHost {
  at: Place;
  settings: Setting[];
  vars: Variable[];
}

export interface SourceGroup {
  at: Place;
  /** False if the group only has variables so far, and another source must declare it. */
  declared: boolean;
  /** Priority among groups of the same depth: the higher number overrides; default 1. */
  priority: number;
  hosts: Named[];
  groups: Named[];
  vars: Variable[];
}

/** The content of one file, program or list. Groups may name hosts and groups of other sources. */
export class InventorySource {
  readonly file: string;
  /** Whether the format is one of Ansible, in which a host may have the name of a group. */
  readonly ansible: boolean;
  readonly hosts = new Map<string, SourceHost>();
  readonly groups = new Map<string, SourceGroup>();

  constructor(file: string, ansible: boolean) {
    this.file = file;
    this.ansible = ansible;
  }

  /** Returns the host of a name, which is added if necessary. */
  host(name: string, at: Place): SourceHost {
    return entry(this.hosts, name, () => ({ at, settings: [], vars: [] }));
  }

  /** Returns the group of a name, which is added if necessary. */
  group(name: string, at: Place, declared = true): SourceGroup {
    const group = entry(this.groups, name, () => newGroup(at, declared));
    if (declared && !group.declared) Object.assign(group, { at, declared });
    return group;
  }
}

export function newGroup(at: Place, declared = true): SourceGroup {
  return { at, declared, priority: 1, hosts: [], groups: [], vars: [] };
}

function entry<T>(map: Map<string, T>, name: string, make: () => T): T {
  let known = map.get(name);
  if (known === undefined) map.set(name, (known = make()));
  return known;
}

/**
 * Adds the hosts of one pattern of Ansible to a group. The port in the pattern counts only at the first occurrence of a
 * host.
 */
export function addHosts(
  source: InventorySource,
  group: string,
  { names, port }: { names: readonly string[]; port?: number },
  at: Place,
  variables: (host: string) => Variable[],
): void {
  const members = source.group(group, at).hosts;
  for (const name of names) {
    const isNew = !source.hosts.has(name);
    const host = source.host(name, at);
    members.push({ name, at });
    if (isNew && port !== undefined)
      host.vars.push({
        name: 'ansible_port',
        level: `host ${name}`,
        at,
        tree: { kind: 'constant', value: port },
      });
    host.vars.push(...variables(name));
  }
}

/** Adds a variable to a group of Ansible. One name is no variable, but the priority of the group. */
export function setGroupVariable(group: SourceGroup, variable: Variable): void {
  const { name, tree } = variable;
  const value = tree.kind === 'constant' ? tree.value : undefined;
  const priority = ['number', 'string'].includes(typeof value) ? Number(value) : Number.NaN;
  if (name === 'ansible_group_priority' && Number.isInteger(priority)) group.priority = priority;
  else group.vars.push(variable);
}
