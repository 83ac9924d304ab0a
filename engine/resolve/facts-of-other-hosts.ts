import { ProblemError } from '../problem.ts';
import { Unknown, type Value } from '../value.ts';
import { type FactName, type Facts, factNames } from './fact-names.ts';

/** Facts by the host that they are of. */
export type FactsByHost = ReadonlyMap<string, ReadonlySet<FactName>>;

/**
 * The facts of other hosts that the expressions of a play use, as far as they were read. One that was not is unknown,
 * and noted as asked for: so only what is used is read, whatever way an expression comes to it.
 */
export class FactsOfOtherHosts {
  readonly #known = new Map<string, Facts>();
  #asked = new Map<string, Set<FactName>>();
  #isAside = false;

  /** The map `facts` of a host, of which each is looked up when an expression comes to it. */
  of(host: string): { [name: string]: Value } {
    const facts: { [name: string]: Value } = {};
    for (const name of Object.keys(factNames) as FactName[]) {
      const [top, inner] = name.split('.') as [string, string?];
      const map = inner === undefined ? facts : ((facts[top] ??= {}) as { [name: string]: Value });
      const get = () => this.#get(host, name, top, inner);
      Object.defineProperty(map, inner ?? top, { get, enumerable: true });
    }
    return facts;
  }

  /** Adds what was read of a host. */
  add(host: string, facts: Facts): void {
    const known = this.#known.get(host) ?? {};
    const os = { ...(known['os'] as object), ...(facts['os'] as object) };
    this.#known.set(host, { ...known, ...facts, ...(Object.keys(os).length > 0 && { os }) });
  }

  /** Before a play is run: what was read is read anew. */
  forget(): void {
    this.#known.clear();
  }

  /** What was asked for since `begin` and is not known. The same object as long as what came of it holds. */
  get asked(): FactsByHost {
    return this.#asked;
  }

  /** Before expressions are evaluated anew. */
  begin(): void {
    if (this.#asked.size > 0) this.#asked = new Map();
  }

  /** What `work` gives, of which nothing is done: it throws a ProblemError when it comes to a fact that was not read. */
  aside<T>(work: () => T): T {
    this.#isAside = true;
    try {
      return work();
    } finally {
      this.#isAside = false;
    }
  }

  #get(host: string, name: FactName, top: string, inner: string | undefined): Value {
    const known = this.#known.get(host);
    const value =
      inner === undefined ? known?.[top] : (known?.[top] as { [key: string]: Value } | undefined)?.[inner];
    if (value !== undefined) return value;
    const path = `hosts.${host}.facts.${name}`;
    // No variable keeps what was thrown, so that others still ask for it.
    if (this.#isAside) throw new ProblemError({ code: 'facts-unread', message: `${path} was not read.` });
    this.#asked.set(host, (this.#asked.get(host) ?? new Set()).add(name));
    return new Unknown(path);
  }
}
