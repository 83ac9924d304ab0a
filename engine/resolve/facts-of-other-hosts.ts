import { ProblemError } from '../problem.ts';
import { PossiblyMissing, Unknown, type Value } from '../value.ts';
import { changingFacts, type FactName, type Facts, factNames } from './fact-names.ts';

/** Names of facts, by host. */
export type FactsByHost = ReadonlyMap<string, ReadonlySet<FactName>>;

/**
 * The facts of other hosts that the expressions of a play use. An unread fact is unknown and is recorded as asked for, so the
 * run reads only the facts that an expression uses.
 */
export class FactsOfOtherHosts {
  readonly #known = new Map<string, Facts>();
  #asked = new Map<string, Set<FactName>>();
  #isAside = false;

  /** Returns the map `facts` of a host. Each fact is looked up when an expression reads it. */
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

  /** Adds the facts that were read of a host. */
  add(host: string, facts: Facts): void {
    const known = this.#known.get(host) ?? {};
    const os = { ...(known['os'] as object), ...(facts['os'] as object) };
    this.#known.set(host, { ...known, ...facts, ...(Object.keys(os).length > 0 && { os }) });
  }

  /** Forgets all facts before a play is run, so that they are read again. */
  forget(): void {
    this.#known.clear();
  }

  /** The unknown facts that were asked for since `begin`. The object stays the same while results with them are valid. */
  get asked(): FactsByHost {
    return this.#asked;
  }

  /** Begins a new evaluation of expressions. */
  begin(): void {
    if (this.#asked.size > 0) this.#asked = new Map();
  }

  /** Returns the result of `work`, which is not applied. An unread fact throws a ProblemError and is not recorded. */
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
    // No variable keeps a thrown error, so a later evaluation still asks for the fact.
    if (this.#isAside) throw new ProblemError({ code: 'facts-unread', message: `${path} was not read.` });
    this.#asked.set(host, (this.#asked.get(host) ?? new Set()).add(name));
    const isMap = (changingFacts as readonly string[]).includes(name);
    return isMap ? new PossiblyMissing(path) : new Unknown(path);
  }
}
