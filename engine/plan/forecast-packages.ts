import type { Effect } from '../effect.ts';
import { areRelated } from '../host-knowledge.ts';
import type { Candidate, PackageState } from '../probe.ts';
import { glob } from '../quote.ts';
import type { Laying, Predicted } from './forecast-types.ts';

/** A package's name without its architecture. */
export const plain = (name: string): string => name.replace(/:.*/, '');

/** A package's name as apt is asked for it, without a version. */
const unversioned = (word: string): string => word.replace(/=.*/, '');

type Arrival = Extract<Effect, { kind: 'packages' }> & { by: string; maybe: boolean };

/** `gone` = it is not installed, and only its configuration may be left. */
interface Known {
  state: PackageState | null;
  by: string;
  open: boolean;
  gone?: boolean;
}

/** The packages of a host as planned steps will leave them. */
export class PackageForecast {
  readonly #known: Map<string, Known>;
  readonly #arrivals: Arrival[];
  readonly #marking: string[];

  constructor(from?: PackageForecast) {
    this.#known = new Map(from === undefined ? [] : from.#known);
    this.#arrivals = from === undefined ? [] : [...from.#arrivals];
    this.#marking = from === undefined ? [] : [...from.#marking];
  }

  /** Names of the resources that install or remove packages. */
  get changing(): string[] {
    return this.#arrivals.map(({ by }) => by);
  }

  /** Names of the resources that install, remove or mark packages. */
  get touching(): string[] {
    return [...this.changing, ...this.#marking];
  }

  /** The resources that install one of `tokens` such as `package:nginx`, or may, where its dependencies are not known. */
  bringing(tokens: readonly string[]): string[] {
    const wanted = tokens.flatMap(token => /^package:(.*)/.exec(token)?.[1] ?? []);
    const patterns = wanted.map(glob);
    return this.#arrivals
      .filter(({ comes, whole }) =>
        [...comes.keys()].some(
          name =>
            patterns.some(pattern => pattern.test(name)) ||
            (!whole && wanted.some(one => areRelated(name, one.replace(/\*.*/, '')))),
        ),
      )
      .map(({ by }) => by);
  }

  /** Whether a package comes that is called like an account. */
  hasNamesake(account: string): boolean {
    const name = account.replace(/^_/, '');
    return this.#arrivals.some(({ comes }) => [...comes.keys()].some(one => areRelated(name, one)));
  }

  /** The resources that remove a package of which `matches` holds. */
  removing(matches: (name: string) => boolean, purged = false): string[] {
    return this.#arrivals
      .filter(({ goes, purges }) => goes.some(matches) && (!purged || purges === true))
      .map(({ by }) => by);
  }

  /** The resource that is certain to remove a package. */
  remover(name: string): string | undefined {
    const known = this.#known.get(name);
    return known?.gone ? known.by : undefined;
  }

  /** The packages that are certain to be installed and removed, as words for `apt-get VERB`, and by which resources. */
  planned(verb: 'install' | 'remove'): { words: string[]; by: string[] } {
    const words = new Map<string, string>();
    const certain = this.#arrivals.filter(({ maybe, whole }) => whole && !maybe);
    for (const { asked = [], goes, orphans = [] } of certain) {
      for (const word of asked) {
        const name = unversioned(word);
        words.set(name, verb === 'install' ? word : `${name}+`);
      }
      for (const name of goes)
        if (!orphans.includes(name)) words.set(name, verb === 'install' ? `${name}-` : name);
    }
    return { words: [...words.values()], by: certain.map(({ by }) => by) };
  }

  /** A package as it will be. `naming` are the commands that name it. */
  package(
    name: string,
    read: PackageState | null,
    naming: readonly string[],
  ): Predicted<PackageState | null> & { expected?: boolean; otherwise?: null } {
    const known = this.#known.get(plain(name));
    if (known !== undefined) {
      // An upgrade leaves it marked as it was.
      const marked = read?.automatic === true && known.state?.automatic === undefined && { automatic: true };
      const value = known.state && { ...known.state, ...marked };
      const orNothing = known.gone && known.open ? { expected: true, otherwise: null } : {};
      return { value, from: [known.by], open: known.open, ...orNothing };
    }
    if (read?.status === 'installed') return { value: read, from: [], open: false };
    const unsure = this.#arrivals.filter(({ whole }) => !whole).map(({ by }) => by);
    const from = [...new Set([...unsure, ...naming])];
    return { value: read, from, open: from.length > 0 };
  }

  /** What apt knows of a package: the version that is there is as planned, which ones there are may change with `lists`. */
  candidate(
    name: string,
    read: Candidate | null,
    naming: readonly string[],
    lists: readonly string[],
  ): Predicted<Candidate | null> {
    const was = read?.installed ? { status: 'installed', version: read.installed, held: false } : null;
    const { value, from, open } = this.package(name, was, naming);
    const installed = value?.status === 'installed' ? value.version : null;
    return {
      value: read && { ...read, installed },
      from: [...new Set([...from, ...lists])],
      open: open || lists.length > 0 || installed === '',
    };
  }

  /** `stateOf` reads a package. */
  lay(
    effect: Effect,
    { by, maybe, unsure = false }: Laying,
    stateOf: (name: string) => PackageState | null | undefined,
  ): void {
    if (effect.kind === 'packages') {
      for (const [name, version = ''] of effect.comes) {
        const isNew = effect.dependencies?.includes(name);
        // Apt was asked before what an earlier resource installs.
        if (isNew && this.#known.get(name)?.state?.status === 'installed') continue;
        const isAsked = effect.asked?.some(word => unversioned(word) === name);
        const was = this.#known.get(name)?.state ?? (isAsked ? stateOf(name) : undefined);
        const automatic = isNew || was?.automatic;
        // One that was there stays held.
        const held = was?.status === 'installed' && was.held;
        const state = { status: 'installed', version, held, ...(automatic && { automatic }) };
        this.#known.set(name, { state, by, open: maybe });
      }
      for (const name of effect.goes) {
        const state = effect.purges ? null : { status: 'config-files', version: '', held: false };
        // A package without configuration leaves nothing.
        const isUnsure = maybe || (unsure && effect.orphans?.includes(name) === true);
        this.#known.set(name, { state, by, open: isUnsure || !effect.purges, gone: !isUnsure });
      }
      this.#arrivals.push({ ...effect, by, maybe });
    } else if (effect.kind === 'mark') {
      this.#marking.push(by);
      for (const name of effect.names) {
        const state = this.#known.get(name)?.state ?? stateOf(name);
        if (state) this.#known.set(name, { state: { ...state, ...effect.sets }, by, open: maybe });
      }
    }
  }
}
