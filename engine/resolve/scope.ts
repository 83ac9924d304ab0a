import { userInfo } from 'node:os';
import { type Variable, VariableScope } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { ansibleNames } from '../inventory/ansible-names.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import type { Unknown, Value } from '../value.ts';
import { type Facts, unknownFacts } from './fact-names.ts';
import type { FactsByHost, FactsOfOtherHosts } from './facts-of-other-hosts.ts';

/** The sources of the expressions of a play that are the same for all of its hosts. */
export interface Surroundings {
  inventory: Inventory;
  /** Variables of the play and of the command line, weakest first. */
  variables: readonly Variable[];
  /** Unknown if a file of secrets is missing. */
  secrets: { [key: string]: Value } | Unknown;
  otherFacts: FactsOfOtherHosts;
}

/** `hosts` and `groups` are the same for all hosts of a play. */
const shared = new WeakMap<Surroundings, { hosts: Value; groups: Value }>();

/** Returns the scope of expressions for one host. Without `facts`, facts are unknown. */
export function scopeOf(
  host: Host,
  facts: Facts | { [name: string]: Value } | undefined,
  surroundings: Surroundings,
): VariableScope {
  const { inventory, variables, secrets } = surroundings;
  let same = shared.get(surroundings);
  if (same === undefined) {
    const groups = Object.fromEntries([...inventory.groups].map(([name, hosts]) => [name, [...hosts]]));
    shared.set(surroundings, (same = { hosts: hostsOf(surroundings), groups }));
  }
  const fixed = new Map<string, Value>([
    ['facts', facts === undefined ? unknownFacts() : (facts as { [key: string]: Value })],
    ['host', describeHost(host)],
    ['groups', same.groups],
    ['secrets', secrets],
    ...Object.entries(ansibleNames(host.name, host.groups)),
  ]);
  const all = [...inventory.variablesOf(host.name), ...variables];
  return VariableScope.of(fixed, all, inventory.runtime).set('hosts', same.hosts);
}

/** The account of this process, asked for once. */
let ownName: string | undefined;

/** Returns a host as expressions see it. Values of ssh_config differ between controllers, so their usual defaults stand here. */
export function describeHost({ name, address, port, user, transport, groups }: Host): {
  [key: string]: Value;
} {
  const login = { port: port ?? 22, user: user ?? (ownName ??= userInfo().username) };
  return { name, address, ...login, transport, groups: [...groups] };
}

/** Returns all hosts by name. The variables of each are evaluated in its own scope, on demand. */
function hostsOf(surroundings: Surroundings): { [name: string]: Value } {
  const { inventory, otherFacts } = surroundings;
  const hosts: { [name: string]: Value } = {};
  for (const host of inventory.hosts.values()) {
    const description: { [key: string]: Value } = { ...describeHost(host), host_key: host.hostKey ?? null };
    let facts: { [name: string]: Value } | undefined;
    const factsOf = () => (facts ??= otherFacts.of(host.name));
    let vars: { value: Value; asked: FactsByHost } | undefined;
    const varsOf = () => {
      const { asked } = otherFacts;
      if (vars?.asked !== asked) vars = { value: scopeOf(host, factsOf(), surroundings).get('vars')!, asked };
      return vars.value;
    };
    Object.defineProperty(description, 'facts', { get: factsOf, enumerable: true });
    Object.defineProperty(description, 'vars', { get: varsOf, enumerable: true });
    hosts[host.name] = description;
  }
  return hosts;
}
