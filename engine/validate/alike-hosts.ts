import type { Variable } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { ansibleNames } from '../inventory/ansible-names.ts';
import { describeHost, type Surroundings } from '../resolve/scope.ts';
import { grouped } from '../util/grouped.ts';

/** Groups the hosts of a play by their values under the names that an expression reaches. */
export class AlikeHosts {
  readonly #hosts: readonly Host[];
  readonly #variables: readonly ReadonlyMap<string, Variable>[];
  /** By name: a number for each host, equal for equal values; undefined if all hosts have the same value. */
  readonly #numbers = new Map<string, readonly number[] | undefined>();
  readonly #parts = new Map<string, readonly (readonly Host[])[]>();

  constructor(hosts: readonly Host[], { inventory, variables }: Surroundings) {
    this.#hosts = hosts;
    this.#variables = hosts.map(
      ({ name }) =>
        new Map([...inventory.variablesOf(name), ...variables].map(variable => [variable.name, variable])),
    );
  }

  /** Returns the groups of hosts with the same values under all `reached` names, in the order of their first hosts. */
  partsBy(reached: Iterable<string>): readonly (readonly Host[])[] {
    const names = [...reached].filter(name => this.#numbersOf(name) !== undefined).sort();
    const key = names.join('\n');
    let parts = this.#parts.get(key);
    if (parts === undefined) {
      const lists = names.map(name => this.#numbersOf(name)!);
      const keys = new Map(this.#hosts.map((host, index) => [host, lists.map(list => list[index]).join()]));
      parts = [...grouped(this.#hosts, host => keys.get(host)).values()];
      this.#parts.set(key, parts);
    }
    return parts;
  }

  #numbersOf(name: string): readonly number[] | undefined {
    if (!this.#numbers.has(name)) {
      const numbers = numbered(this.#hosts.map((host, index) => this.#valueOf(name, host, index)));
      this.#numbers.set(name, numbers.some(number => number > 0) ? numbers : undefined);
    }
    return this.#numbers.get(name);
  }

  /** Returns a value that two hosts share if expressions find the same under a name. */
  #valueOf(path: string, host: Host, index: number): unknown {
    const [first, second] = path.split('.') as [string, string?];
    if (first === 'host') {
      const described = describeHost(host);
      return JSON.stringify(second === undefined ? described : [described[second]]);
    }
    if (first !== 'vars') return undefined;
    const name = path.slice('vars.'.length);
    const own = ansibleNames(host.name, host.groups)[name];
    if (own !== undefined) return JSON.stringify(own);
    const variable = this.#variables[index]!.get(name);
    return variable?.tree.kind === 'constant' ? JSON.stringify(variable.tree.value) : variable;
  }
}

/** Returns a number for each element, equal for equal elements, in the order of their first occurrence. */
function numbered(values: readonly unknown[]): number[] {
  const numbers = new Map<unknown, number>();
  return values.map(value => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  });
}
