/** A name and the keys that are taken from it. */
export interface Referring {
  path: readonly string[];
}

/** What expressions lead to by way of variables: whatever is not in it cannot change what they come to. */
export class ReachableNames {
  readonly #references = new Map<string, Referring[]>();

  /** Of every variable that some host may have; what it refers to counts, whichever host sets it. */
  constructor(variables: Iterable<readonly [name: string, references: readonly Referring[]]>) {
    for (const [name, references] of variables) {
      const known = this.#references.get(name);
      if (known === undefined) this.#references.set(name, [...references]);
      else known.push(...references);
    }
  }

  /**
   * Variables and other names as `vars.NAME`, what is asked of a host as `host.FIELD`, and of its facts as
   * `facts.FIELD`; `host` or `facts` alone is all of them.
   */
  of(references: Iterable<Referring>): ReadonlySet<string> {
    const found = new Set<string>();
    const follow = (name: string) => {
      if (found.has(`vars.${name}`)) return;
      found.add(`vars.${name}`);
      this.#references.get(name)?.forEach(visit);
    };
    const visit = ({ path }: Referring) => {
      const [first, second] = path as [string, string?];
      if (first === 'facts') found.add(path.join('.'));
      else if (first === 'host') found.add(path.slice(0, 2).join('.'));
      else if (first !== 'vars') follow(first);
      else if (second !== undefined) follow(second);
      else [...this.#references.keys()].forEach(follow);
    };
    for (const reference of references) visit(reference);
    return found;
  }
}
