import type { HostPool } from '../hosts/host-pool.ts';
import { hostOf } from '../inventory/host-patterns.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import type { FactName, Facts } from '../resolve/fact-names.ts';
import type { FactsByHost } from '../resolve/facts-of-other-hosts.ts';

/** Reads the facts of hosts that expressions for other hosts use. Each fact is read once in a play. */
export class FactReader {
  readonly #inventory: Inventory;
  readonly #pool: HostPool;
  readonly #add: (host: string, facts: Facts) => void;
  readonly #read = new Map<string, Promise<void>>();

  /** `add` receives the facts. */
  constructor(inventory: Inventory, pool: HostPool, add: (host: string, facts: Facts) => void) {
    this.#inventory = inventory;
    this.#pool = pool;
    this.#add = add;
  }

  /** Reads the facts. Throws a ProblemError with every host whose facts could not be read. */
  async read(asked: FactsByHost): Promise<void> {
    const problems: Problem[] = [];
    const work = [...asked].map(async ([host, names]) => {
      const fresh = new Set([...names].filter(name => !this.#read.has(key(host, name))));
      if (fresh.size > 0) {
        const reading = this.#readOf(host, fresh);
        for (const name of fresh) this.#read.set(key(host, name), reading);
      }
      const known = new Set([...names].map(name => this.#read.get(key(host, name))));
      for (const reading of known)
        await reading!.catch(thrown => problems.push(unread(host, [...names], problemsOf(thrown)[0]!)));
    });
    await Promise.all(work);
    if (problems.length > 0) throw new ProblemError(...problems);
  }

  async #readOf(name: string, names: ReadonlySet<FactName>): Promise<void> {
    const host = hostOf(name, this.#inventory);
    const connected = await this.#pool.enter(host, false);
    try {
      this.#add(name, await connected.exclusively(() => connected.read([], names)));
    } finally {
      await this.#pool.leave(host);
    }
  }
}

const key = (host: string, fact: string) => `${host} ${fact}`;

function unread(host: string, names: readonly FactName[], { message, cause, hint }: Problem): Problem {
  return {
    code: 'facts-unread',
    message: `Expressions use ${names.map(name => `hosts.${host}.facts.${name}`).join(', ')}, which could not be read: ${message}`,
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  };
}
