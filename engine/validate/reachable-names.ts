/** A reference: a name and the keys behind it. */
export interface Referring {
  path: readonly string[];
}

/** The names that expressions reach through variables. No other name can change their values. */
export class ReachableNames {
  readonly #references = new Map<string, Referring[]>();

  /** `variables` holds the references of each variable, whichever host sets it. */
  constructor(variables: Iterable<readonly [name: string, references: readonly Referring[]]>) {
    for (const [name, references] of variables) {
      const known = this.#references.get(name);
      if (known === undefined) this.#references.set(name, [...references]);
      else known.push(...references);
    }
  }

  /**
   * Returns the reached names: variables and other names as `vars.NAME`, fields of the host as `host.FIELD`, and facts as
   * `facts.FIELD`. `host` or `facts` alone means all fields.
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
