import { userInfo } from 'node:os';
import type { Host } from '../host.ts';
import { type Plain, Secret, type Unknown, type Value } from '../value.ts';
import type { Runtime } from './expression/index.ts';
import { type Facts, unknownFacts } from './facts.ts';
import { ansibleNames } from './inventory/ansible-names.ts';
import type { Inventory } from './inventory/model.ts';
import { type Variable, VariableScope } from './variables.ts';

/** What the expressions of a play can use, besides what differs between its hosts. */
export interface Surroundings {
  inventory: Inventory;
  /** Variables of the play and of the command line, weakest first. */
  variables: readonly Variable[];
  /** Unknown when a file of them is not there. */
  secrets: { [key: string]: Value } | Unknown;
}

/** Variables of the environment that are no secret to anybody. */
const publicEnv = new Set([
  'HOME',
  'USER',
  'LOGNAME',
  'PWD',
  'PATH',
  'SHELL',
  'LANG',
  'HOSTNAME',
  'TERM',
  'CI',
]);

/** `hosts` is the same for all hosts of a play. */
const hostsByName = new WeakMap<Surroundings, { [name: string]: Value }>();

/** What expressions may ask of the controller: its environment, of which almost all counts as secret. */
export const runtime: Runtime = {
  env: name => {
    const value = process.env[name];
    return value === undefined || publicEnv.has(name) ? value : new Secret(value, `env.${name}`);
  },
};

/** The names that expressions can use for one host. Without facts each of them is an Unknown. */
export function scopeOf(host: Host, facts: Facts | undefined, surroundings: Surroundings): VariableScope {
  const { inventory, variables, secrets } = surroundings;
  const fixed = new Map<string, Value>([
    ['facts', facts === undefined ? unknownFacts() : (facts as { [key: string]: Plain })],
    ['host', describeHost(host)],
    ['groups', Object.fromEntries([...inventory.groups].map(([name, hosts]) => [name, [...hosts]]))],
    ['secrets', secrets],
    ...Object.entries(ansibleNames(host.name, host.groups)),
  ]);
  const all = [...inventory.variablesOf(host.name), ...variables];
  const scope = VariableScope.of(fixed, all, inventory.runtime);
  let hosts = hostsByName.get(surroundings);
  if (hosts === undefined) hostsByName.set(surroundings, (hosts = hostsOf(surroundings)));
  return scope.set('hosts', hosts);
}

/** What is left to ssh_config is here what is usual: it differs from one controller to the next. */
function describeHost({ name, address, port, user, transport, groups }: Host): { [key: string]: Value } {
  const login = { port: port ?? 22, user: user ?? userInfo().username };
  return { name, address, ...login, transport, groups: [...groups] };
}

/** Every host by name; its variables are evaluated in its own scope, and only when they are asked for. */
function hostsOf(surroundings: Surroundings): { [name: string]: Value } {
  const hosts: { [name: string]: Value } = {};
  for (const host of surroundings.inventory.hosts.values()) {
    const description = describeHost(host);
    let vars: Value | undefined;
    const get = () => (vars ??= scopeOf(host, undefined, surroundings).get('vars')!);
    Object.defineProperty(description, 'vars', { get, enumerable: true });
    hosts[host.name] = description;
  }
  return hosts;
}
