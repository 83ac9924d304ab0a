import type { Effect } from '../effect.ts';
import { areRelated } from '../host-knowledge.ts';
import type { Candidate, PackageState } from '../probe.ts';
import { glob } from '../quote.ts';
import type { Laying, Predicted } from './forecast-types.ts';

/** Returns the name of a package without its architecture. */
export const plain = (name: string): string => name.replace(/:.*/, '');

/** Returns the name of a package from a word for apt, without its version. */
const unversioned = (word: string): string => word.replace(/=.*/, '');

type Arrival = Extract<Effect, { kind: 'packages' }> & { by: string; maybe: boolean };

/** The state of a package after the planned steps. With `gone`, at most its configuration is left. */
interface Known {
  state: PackageState | null;
  by: string;
  open: boolean;
  gone?: boolean;
}

/** The packages of a host after the planned steps. */
export class PackageForecast {
  readonly #known: Map<string, Known>;
  readonly #arrivals: Arrival[];
  readonly #marking: string[];
  /** The host's own architecture, once an effect tells it. */
  #own: string | undefined;

  constructor(from?: PackageForecast) {
    this.#known = new Map(from === undefined ? [] : from.#known);
    this.#arrivals = from === undefined ? [] : [...from.#arrivals];
    this.#marking = from === undefined ? [] : [...from.#marking];
    this.#own = from === undefined ? undefined : from.#own;
  }

  /** Names of the resources that install or remove packages. */
  get changing(): string[] {
    return this.#arrivals.map(({ by }) => by);
  }

  /** Names of the resources that install, remove or mark packages. */
  get touching(): string[] {
    return [...this.changing, ...this.#marking];
  }

  /** Returns the resources that install one of `tokens` such as `package:nginx`, or may, because their packages are not all known. */
  bringing(tokens: readonly string[]): string[] {
    const wanted = tokens.flatMap(token => /^package:(.*)/.exec(token)?.[1] ?? []);
    const patterns = wanted.map(glob);
    return this.#arrivals
      .filter(({ comes, whole }) =>
        [...comes.keys()].some(
          name =>
            patterns.some(pattern => pattern.test(name) || pattern.test(plain(name))) ||
            (!whole && wanted.some(one => areRelated(name, one.replace(/\*.*/, '')))),
        ),
      )
      .map(({ by }) => by);
  }

  /** Whether a new package has a name like the account. */
  hasNamesake(account: string): boolean {
    const name = account.replace(/^_/, '');
    return this.#arrivals.some(({ comes }) => [...comes.keys()].some(one => areRelated(name, one)));
  }

  /** Returns the resources that remove a package whose name `matches`. */
  removing(matches: (name: string) => boolean, purged = false): string[] {
    return this.#arrivals
      .filter(({ goes, purges }) => goes.some(matches) && (!purged || purges === true))
      .map(({ by }) => by);
  }

  /** Returns the resources that may install or remove a package; `*` in its name matches any characters. */
  changers(name: string): string[] {
    const pattern = glob(name);
    return [...this.bringing([`package:${name}`]), ...this.removing(one => pattern.test(one))];
  }

  /** Returns the resource that certainly removes a package. */
  remover(name: string): string | undefined {
    const known = this.#known.get(name);
    return known?.gone ? known.by : undefined;
  }

  /** Returns the certain installations and removals as words for `apt-get VERB`, and their resources. */
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

  /** Returns a simulation without what earlier resources install and remove anyway. */
  remaining(simulation: string): string {
    const isLeft = (line: string): boolean => {
      const [, verb, name = '', version] =
        /^(Inst|Remv|Purg) (\S+)(?: \[\S+\])?(?: \((\S+))?/.exec(line) ?? [];
      const known = this.#known.get(name);
      if (verb === undefined || known === undefined) return true;
      const isInstalled = known.state?.status === 'installed';
      return verb === 'Inst' ? !isInstalled || known.state?.version !== version : isInstalled;
    };
    return simulation.split('\n').filter(isLeft).join('\n');
  }

  /** Returns the predicted state of a package. `naming` are the resources whose commands name it. */
  package(
    name: string,
    read: PackageState | null,
    naming: readonly string[],
  ): Predicted<PackageState | null> & { expected?: boolean; otherwise?: null } {
    const known = this.#knownAs(name);
    if (known !== undefined) {
      // An upgrade keeps the mark of the package.
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

  /** Returns what is known of a package. One of an architecture that may be the host's own is open. */
  #knownAs(name: string): Known | undefined {
    const [bare = '', architecture] = name.split(':');
    const exact = this.#known.get(name);
    if (exact !== undefined || architecture === undefined || architecture === 'all')
      return exact ?? this.#known.get(bare);
    if (this.#own !== undefined) return architecture === this.#own ? this.#known.get(bare) : undefined;
    const same = this.#known.get(bare);
    return same && { ...same, open: true };
  }

  /** Returns the predicted versions of a package: the installed one as planned; `lists` may change the available ones. */
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

  /** Lays one effect. `stateOf` returns the present state of a package. */
  lay(
    effect: Effect,
    { by, maybe, unsure = false }: Laying,
    stateOf: (name: string) => PackageState | null | undefined,
  ): void {
    if (effect.kind === 'packages') {
      this.#own ??= effect.architecture;
      for (const [name, version = ''] of effect.comes) {
        const isNew = effect.dependencies?.includes(name);
        // The simulation did not know of the packages that an earlier resource installs.
        if (isNew && this.#known.get(name)?.state?.status === 'installed') continue;
        const isAsked = effect.asked?.some(word => unversioned(word) === name);
        const was = this.#known.get(name)?.state ?? (isAsked ? stateOf(name) : undefined);
        const automatic = isNew || was?.automatic;
        // An upgrade keeps the hold of the package.
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
