import type { CaseResource } from './case.ts';
import { pools } from './pools.ts';
import type { Random } from './random.ts';
import type { Theme } from './themes.ts';

/** The choices of one case, which draws from few values of each pool, so that its resources meet. */
export class Draw {
  readonly random: Random;
  readonly theme: Theme;
  /** The resources of the play until now, which others can refer to by name. */
  earlier: readonly CaseResource[] = [];
  readonly #few = new Map<string, readonly unknown[]>();

  constructor(random: Random, theme: Theme) {
    this.random = random;
    this.theme = theme;
  }

  /** The values of this case for `module.argument` or `argument`; undefined when no pool has them. */
  pool(module: string, argument: string): readonly unknown[] | undefined {
    const key = [`${module}.${argument}`, argument].find(each => Object.hasOwn(pools, each));
    if (key === undefined) return undefined;
    const all = key === 'path' ? this.theme.paths : pools[key]!;
    if (!this.#few.has(key)) this.#few.set(key, this.random.some(all, 4));
    return this.#few.get(key)!;
  }

  /** One value of a pool that exists. */
  from<T = string>(module: string, argument: string): T {
    return this.random.pick(this.pool(module, argument)!) as T;
  }

  /** A path of this case. */
  path(): string {
    return this.from('file', 'path');
  }

  /** `args` in a share of the cases, nothing in the others. */
  maybe(share: number, args: () => Record<string, unknown>): Record<string, unknown> {
    return this.random.chance(share) ? args() : {};
  }

  /** The name of an earlier resource of the play, or undefined for the first. */
  reference(): string | undefined {
    return this.earlier.length === 0 ? undefined : this.random.pick(this.earlier).name;
  }
}
