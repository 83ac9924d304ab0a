import { NotYet } from '../expression/evaluation.ts';
import type { FactUse } from '../resource.ts';
import { type Plain, PossiblyMissing, type Value } from '../value.ts';
import { changingFacts, type Facts } from './fact-names.ts';

/**
 * Returns facts that tell `onUse` of each use of a map of names, before the expression gets the value. If it returns the name of
 * a resource that changes the fact, the value is unknown.
 */
export function watchedFacts(
  facts: Facts | { [name: string]: Value },
  onUse: (use: FactUse) => string | undefined,
): { [name: string]: Value } {
  const tell = (use: FactUse) => {
    const changer = onUse(use);
    if (changer !== undefined) throw new NotYet(new PossiblyMissing(changer));
  };
  const watched: { [name: string]: Value } = { ...facts };
  for (const of of changingFacts) {
    const all = watched[of];
    if (typeof all === 'object' && all !== null)
      watched[of] = watchedMap(of, all as { [name: string]: Value }, tell);
  }
  return watched;
}

function watchedMap(of: FactUse['of'], all: { [name: string]: Value }, onUse: (use: FactUse) => void) {
  const use = (key: string | symbol) => {
    if (typeof key !== 'string') return;
    let value: Plain | undefined;
    try {
      value = Object.hasOwn(all, key) ? (all[key] as Plain) : undefined;
    } catch (thrown) {
      if (thrown instanceof NotYet) onUse({ of, name: key, changer: thrown.unknown.from });
      throw thrown;
    }
    onUse({ of, name: key, value });
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

  readonly note = (use: FactUse): undefined => {
    this.#uses.set(JSON.stringify([use.of, use.name]), use);
  };

  take(): FactUse[] {
    const uses = [...this.#uses.values()];
    if (uses.length > 0) this.#uses = new Map();
    return uses;
  }
}
