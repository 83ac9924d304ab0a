import type { Plain, Value } from '../value.ts';
import type { Facts } from './fact-names.ts';

/** The facts that are maps of names, such as `facts.packages.nginx`, and that resources of a play can change. */
export const changingFacts = ['packages', 'services', 'users'] as const;

/** One use of such a fact. Without a name, an expression goes through all names. */
export interface FactUse {
  readonly of: (typeof changingFacts)[number];
  readonly name?: string;
  /** The fact as read before the play; undefined = there is no such name. */
  readonly value?: Plain | undefined;
}

/** Returns facts that tell `onUse` of each use of a map of names, before the expression gets the value. */
export function watchedFacts(
  facts: Facts | { [name: string]: Value },
  onUse: (use: FactUse) => void,
): { [name: string]: Value } {
  const watched: { [name: string]: Value } = { ...facts };
  for (const of of changingFacts) {
    const all = watched[of];
    if (typeof all === 'object' && all !== null)
      watched[of] = watchedMap(of, all as { [name: string]: Value }, onUse);
  }
  return watched;
}

function watchedMap(of: FactUse['of'], all: { [name: string]: Value }, onUse: (use: FactUse) => void) {
  const use = (key: string | symbol) => {
    if (typeof key === 'string')
      onUse({ of, name: key, value: Object.hasOwn(all, key) ? (all[key] as Plain) : undefined });
  };
  return new Proxy(all, {
    get(target, key) {
      use(key);
      return Reflect.get(target, key);
    },
    getOwnPropertyDescriptor(target, key) {
      use(key);
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
    ownKeys(target) {
      onUse({ of });
      return Reflect.ownKeys(target);
    },
  });
}

/** The uses of facts since the last call of `take`, for the resource that is being resolved. */
export class FactUses {
  #uses = new Map<string, FactUse>();

  readonly note = (use: FactUse): void => {
    this.#uses.set(JSON.stringify([use.of, use.name]), use);
  };

  take(): FactUse[] {
    const uses = [...this.#uses.values()];
    if (uses.length > 0) this.#uses = new Map();
    return uses;
  }
}
