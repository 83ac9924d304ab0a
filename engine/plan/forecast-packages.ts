import type { Effect } from '../effect.ts';
import type { PackageState } from '../probe.ts';
import type { Foreseen } from './forecast-paths.ts';

type Arrival = Extract<Effect, { on: 'packages' }> & { by: string };

/** The packages of a host as planned steps will leave them. */
export class PackageForecast {
  readonly #known: Map<string, { state: PackageState | null; by: string; open: boolean }>;
  readonly #arrivals: Arrival[];

  constructor(from?: PackageForecast) {
    this.#known = new Map(from === undefined ? [] : from.#known);
    this.#arrivals = from === undefined ? [] : [...from.#arrivals];
  }

  /** Names of the resources that install or remove packages. */
  get changing(): string[] {
    return this.#arrivals.map(({ by }) => by);
  }

  /** The resources that install a package of which `matches` holds, as far as that is known. */
  bringing(matches: (name: string) => boolean): string[] {
    return this.#arrivals.filter(({ comes }) => [...comes.keys()].some(matches)).map(({ by }) => by);
  }

  /** The resources that remove a package of which `matches` holds. */
  removing(matches: (name: string) => boolean): string[] {
    return this.#arrivals.filter(({ goes }) => goes.some(matches)).map(({ by }) => by);
  }

  /** A package as it will be. `naming` are the commands that name it. */
  package(name: string, read: PackageState | null, naming: readonly string[]): Foreseen<PackageState | null> {
    const known = this.#known.get(name);
    if (known !== undefined) return { value: known.state, from: [known.by], open: known.open };
    if (read?.status === 'installed') return { value: read, from: [], open: false };
    const unsure = this.#arrivals.filter(({ whole }) => !whole).map(({ by }) => by);
    const from = [...new Set([...unsure, ...naming])];
    return { value: read, from, open: from.length > 0 };
  }

  /** `stateOf` reads a package. */
  lay(
    effect: Effect,
    by: string,
    maybe: boolean,
    stateOf: (name: string) => PackageState | null | undefined,
  ): void {
    if (effect.on === 'packages') {
      for (const [name, version = ''] of effect.comes)
        this.#known.set(name, { state: { status: 'installed', version, held: false }, by, open: maybe });
      for (const name of effect.goes) {
        const state = effect.purges ? null : { status: 'config-files', version: '', held: false };
        // A package without configuration leaves nothing.
        this.#known.set(name, { state, by, open: maybe || !effect.purges });
      }
      this.#arrivals.push({ ...effect, by });
    } else if (effect.on === 'hold') {
      for (const name of effect.names) {
        const state = this.#known.get(name)?.state ?? stateOf(name);
        if (state) this.#known.set(name, { state: { ...state, held: effect.held }, by, open: maybe });
      }
    }
  }
}
