import type { CaseResource, Layer } from './case.ts';
import { Made } from './made.ts';
import { pools } from './pools.ts';
import type { Random } from './random.ts';
import { foldersOfPackages, type Theme } from './themes.ts';

/** The choices of one case, which draws from few values of each pool, so that its resources meet. */
export class Draw {
  readonly random: Random;
  readonly theme: Theme;
  readonly layer: Layer;
  /** The things that exist so far. */
  readonly made: Made;
  /** The resources of the play until now, which others can refer to by name. */
  earlier: readonly CaseResource[] = [];
  readonly #few = new Map<string, readonly unknown[]>();

  constructor(random: Random, theme: Theme, layer: Layer) {
    this.random = random;
    this.theme = theme;
    this.layer = layer;
    this.made = new Made(layer);
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

  /** A path of this case, mostly one with a folder to lie in, where nothing else than a `type` is. */
  path(type = 'file'): string {
    const all = this.pool('file', 'path') as string[];
    // dpkg makes its folders in the place of files, and nothing on a host says before which these are.
    const paths = all.filter(path => type === 'directory' || !foldersOfPackages.has(path));
    if (paths.length === 0) return '/srv/a';
    const placed = paths.filter(path => this.made.hasFolderOf(path));
    const fitting = placed.filter(path => !this.made.isOther(path, type));
    const chosen = fitting.length > 0 && this.random.chance(0.96) ? fitting : placed;
    return this.random.pick(chosen.length > 0 && this.random.chance(0.97) ? chosen : paths);
  }

  /** The name of an account, mostly of one that is there by now. */
  account(): string {
    return this.#mostly([...this.made.accounts], 'file', 'owner');
  }

  /** The name of a unit, mostly of one that is there by now. */
  service(): string {
    return this.#mostly([...this.made.services], 'service', 'name');
  }

  /** The name of a role, mostly of one that is there by now. */
  role(): string {
    return this.#mostly([...this.made.roles], 'pg_role', 'name');
  }

  /** The name of a database, mostly of one that is there by now. */
  database(): string {
    return this.#mostly([...this.made.databases], 'pg_database', 'name');
  }

  #mostly(there: readonly string[], module: string, argument: string): string {
    return there.length > 0 && this.random.chance(0.85)
      ? this.random.pick(there)
      : this.from(module, argument);
  }

  /** `args` in a share of the cases, nothing in the others. */
  maybe(share: number, args: () => Record<string, unknown>): Record<string, unknown> {
    return this.random.chance(share) ? args() : {};
  }

  /** The name of an earlier resource of the play, seldom of the next one, or undefined for the first. */
  reference(): string | undefined {
    const last = this.earlier.at(-1);
    if (last === undefined) return undefined;
    // The resource that this one is about to be comes in between.
    return this.random.chance(0.04)
      ? `r${Number(last.name.slice(1)) + 2}`
      : this.random.pick(this.earlier).name;
  }
}
