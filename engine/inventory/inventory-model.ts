import type { Runtime } from '../expression/expression.ts';
import type { Variable } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import type { Place, Problem } from '../problem.ts';

export type Hosts = ReadonlyMap<string, SourceHost>;
export type Groups = ReadonlyMap<string, SourceGroup>;

/** What is known of the hosts. */
export interface Inventory {
  /** By name, in the order of the files. */
  hosts: ReadonlyMap<string, Host>;
  /**
   * The hosts of each group as they are written, then those of its groups; `all` is one of them, in the order of
   * `hosts`.
   */
  groups: ReadonlyMap<string, readonly string[]>;
  /** The groups directly in each group. Those that are in no other are in `all`. */
  children: ReadonlyMap<string, readonly string[]>;
  files: readonly string[];
  /** What expressions in its variables may ask for. */
  runtime: Runtime;
  /** Every variable that is set for a host, weakest first; a name may be there several times. */
  variablesOf(host: string): readonly Variable[];
  /** What was said of how to reach a host, weakest first. */
  settingsOf(host: string): readonly Setting[];
  /** Why a host cannot be used although the inventory is sound, such as a way to reach it that is not known here. */
  problemsOf(host: string): readonly Problem[];
}

/** One setting of a host and where it comes from. */
export interface Setting {
  key: Exclude<keyof Host, 'name' | 'groups' | 'vars'>;
  value: Host[Setting['key']];
  /** In words: `defaults`, `host web1`, or the level of the variable that sets it. */
  level: string;
  at: Place;
}

/** A name and where it is written. */
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
  /** False when it only has variables so far: those are for a group that something else declares. */
  declared: boolean;
  /** Of two groups as deep as each other the one with the higher number is stronger; 1. */
  priority: number;
  hosts: Named[];
  groups: Named[];
  vars: Variable[];
}

/** What one file, program or list says. Groups may name hosts and groups of other sources. */
export class InventorySource {
  readonly file: string;
  /** Whether it is in a format of Ansible, where a host may be called as a group is. */
  readonly ansible: boolean;
  readonly hosts = new Map<string, SourceHost>();
  readonly groups = new Map<string, SourceGroup>();

  constructor(file: string, ansible: boolean) {
    this.file = file;
    this.ansible = ansible;
  }

  /** The host of this name, which is there from now on. */
  host(name: string, at: Place): SourceHost {
    return entry(this.hosts, name, () => ({ at, settings: [], vars: [] }));
  }

  /** The group of this name, which is there from now on. */
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
 * Adds hosts that one pattern of Ansible stands for to a group. A port that stands with the name counts when the
 * host is named first.
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

/** Adds a variable to a group of Ansible, where one of them is no variable but says how strong the others are. */
export function setGroupVariable(group: SourceGroup, variable: Variable): void {
  const { name, tree } = variable;
  const value = tree.kind === 'constant' ? tree.value : undefined;
  const priority = ['number', 'string'].includes(typeof value) ? Number(value) : Number.NaN;
  if (name === 'ansible_group_priority' && Number.isInteger(priority)) group.priority = priority;
  else group.vars.push(variable);
}
