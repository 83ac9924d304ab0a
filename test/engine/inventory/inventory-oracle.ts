import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Inventory } from '../../../engine/inventory/inventory-model.ts';
import { loadInventory } from '../../../engine/inventory/read-inventory.ts';
import type { Plain } from '../../../engine/value.ts';

/** The result of an inventory: the hosts of each group, in any order, and the variables of each host. */
export interface Resolved {
  groups: { [name: string]: string[] };
  vars: { [host: string]: { [name: string]: Plain } };
}

/** The output of the oracle: groups with their direct members, and variables by host. */
type Listing = { _meta: { hostvars: Resolved['vars'] } } & {
  [group: string]: { hosts?: string[]; children?: string[] };
};

const program = '/usr/bin/ansible-inventory';

/** Why the oracle cannot be asked here; undefined when it can. */
export function missingInventoryOracle(): string | undefined {
  if (existsSync(program)) return undefined;
  if (process.env['RECONCILE_LAB'] === 'required')
    throw new Error(`${program} is not there: install ansible-core`);
  return `${program} is not there`;
}

/** The inventory at a path, with the variables beside a playbook in `folder`, as Ansible has it. */
export function theirs(path: string, folder: string = dirname(path)): Resolved {
  const args = ['-i', path, '--list', '--playbook-dir', folder];
  return resolvedOf(JSON.parse(ask(program, args), plainly) as Listing);
}

/** The same for many inventories at once; nothing for one that Ansible cannot read. */
export function theirsOfAll(paths: readonly string[]): (Resolved | undefined)[] {
  const script = new URL('inventory-oracle.py', import.meta.url).pathname;
  const listings = JSON.parse(ask('/usr/bin/python3', [script, ...paths]), plainly) as (Listing | null)[];
  return listings.map(listing => (listing === null ? undefined : resolvedOf(listing)));
}

/** The inventory as it is here. Throws its problems. */
export function ours(path: string, folder: string = dirname(path)): Resolved {
  const inventory = loadInventory({ inventory: [path], beside: `${folder}/playbook.yml` });
  return {
    groups: Object.fromEntries(groupsOf(inventory).map(([name, hosts]) => [name, [...hosts].toSorted()])),
    vars: Object.fromEntries([...inventory.hosts.values()].map(({ name, vars }) => [name, { ...vars }])),
  };
}

function groupsOf({ groups }: Inventory) {
  return [...groups].filter(([, hosts]) => hosts.length > 0);
}

function ask(file: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(file, args, {
    encoding: 'utf8',
    maxBuffer: 1e8,
    // Away from any ansible.cfg of the working directory.
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8' },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** A text that Ansible does not look for templates in is a text. */
function plainly(_key: string, value: Plain): Plain {
  return typeof value === 'object' && value !== null && '__ansible_unsafe' in value
    ? value['__ansible_unsafe']!
    : value;
}

function resolvedOf({ _meta: { hostvars }, ...groups }: Listing): Resolved {
  const membersOf = (name: string): string[] => {
    const { hosts = [], children = [] } = groups[name] ?? {};
    return [...hosts, ...children.flatMap(membersOf)];
  };
  const members = Object.keys(groups).map(name => [name, [...new Set(membersOf(name))].toSorted()] as const);
  const all = members.find(([name]) => name === 'all')?.[1] ?? [];
  return {
    groups: Object.fromEntries(members.filter(([, hosts]) => hosts.length > 0)),
    vars: Object.fromEntries(all.map(host => [host, hostvars[host] ?? {}])),
  };
}
