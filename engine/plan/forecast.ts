import type { Effect } from '../effect.ts';
import { areRelated, mayBeOfPackage, packageOf, programFolders } from '../host-knowledge.ts';
import type { State } from '../module.ts';
import type {
  Candidate,
  CommandResult,
  GroupState,
  Missing,
  Owed,
  PackageState,
  Probe,
  UnitState,
  UserState,
} from '../probe.ts';
import { regexQuote } from '../quote.ts';
import type { Resource } from '../resource.ts';
import { AccountForecast } from './forecast-accounts.ts';
import { FileForecast } from './forecast-files.ts';
import { NoteForecast } from './forecast-notes.ts';
import { PackageForecast, plain } from './forecast-packages.ts';
import { StateForecast } from './forecast-states.ts';
import {
  type ForecastReading,
  type Laying,
  noServer,
  openedBy,
  orAsRead,
  type ReadProbe,
} from './forecast-types.ts';
import { UnitForecast } from './forecast-units.ts';
import { serverUnit } from './unit-text.ts';

type Seen = Omit<ForecastReading, 'reading'> & { value: unknown };

/**
 * The readings of a host, overlaid with the effects of the steps planned so far. Each resource is compared with the forecast,
 * and lays the effects of its steps over it. A check carries one forecast from play to play.
 */
export class Forecast {
  #files = new FileForecast();
  #units = new UnitForecast();
  #packages = new PackageForecast();
  #notes = new NoteForecast();
  #accounts = new AccountForecast();
  #objects = new Map<string, string[]>();
  #lists: string[] = [];
  /** The commands that may change anything, with the text that names things. */
  #opaque: { by: string; text: string }[] = [];
  #states = new StateForecast();
  #changing: string[] = [];

  /** Returns an independent forecast with the same content. */
  copy(): Forecast {
    const copy = new Forecast();
    copy.#files = this.#files.copy();
    copy.#units = new UnitForecast(this.#units);
    copy.#packages = new PackageForecast(this.#packages);
    copy.#notes = new NoteForecast(this.#notes);
    copy.#accounts = new AccountForecast(this.#accounts);
    copy.#objects = new Map(this.#objects);
    copy.#lists = [...this.#lists];
    copy.#opaque = [...this.#opaque];
    copy.#states = new StateForecast(this.#states);
    copy.#changing = [...this.#changing];
    return copy;
  }

  /** The names of the resources with a planned change, in order. */
  get changedResources(): readonly string[] {
    return this.#changing;
  }

  /** Returns the predicted reading of a probe, or undefined if the host was not read for it yet. */
  predict(probe: Probe, raw: ReadProbe): ForecastReading | undefined {
    const reading = raw(probe);
    if (reading === undefined) return undefined;
    if (this.#changing.length === 0 || 'problem' in reading) return { reading, from: [], open: false };
    if ('missing' in reading) return this.#missing(probe, reading);
    return this.#over(probe, reading.value, raw);
  }

  /** Returns the state in which an earlier resource leaves the same thing, unless a resource of `from` comes after it. */
  stateLeft(resource: Resource, from: readonly string[]): State | null | undefined {
    const known = this.#states.of(resource);
    if (known === undefined) return undefined;
    const later = this.#changing.slice(this.#changing.lastIndexOf(known.by) + 1);
    return from.some(by => later.includes(by)) ? undefined : known.state;
  }

  /** Whether certainly no resource so far creates a thing. */
  lacks(thing: string): boolean {
    return this.#opaque.length === 0 && this.#states.lacks(thing);
  }

  /** Returns the resources that may bring a missing thing, by its tokens (see Missing). */
  bringers(tokens: readonly string[]): string[] {
    const named = (text: string) =>
      tokens.some(token => {
        const name = token.slice(token.indexOf(':') + 1).replace(/\*.*|(\.service)$/, '');
        return name !== '' && text.includes(name);
      });
    const makers = tokens.flatMap(token => this.#accounts.changing(token));
    return [...new Set([...this.#packages.bringing(tokens), ...makers, ...this.#saying(named)])];
  }

  /** Records the planned change of a resource and its state afterwards; `desired` is undefined if that is not known. */
  recordChange(resource: Resource, desired: State | null | undefined): void {
    this.#changing.push(resource.name);
    if (desired !== undefined && !resource.incomplete && resource.when === true)
      this.#states.record(resource, desired);
  }

  /** Lays the effects of a resource's steps over the forecast, in order. */
  lay(effects: readonly Effect[], laying: Laying, raw: ReadProbe): void {
    const { by } = laying;
    for (const effect of effects) {
      this.#files.lay(effect, laying, raw);
      this.#units.lay(effect, laying, raw);
      this.#notes.lay(effect, laying);
      this.#accounts.lay(effect, laying);
      this.#packages.lay(effect, laying, name => this.#read<PackageState>({ kind: 'package', name }, raw));
      switch (effect.kind) {
        case 'package-lists':
          this.#lists.push(by);
          break;
        case 'objects':
          for (const name of effect.names) this.#objects.set(name, [...(this.#objects.get(name) ?? []), by]);
          break;
        case 'anything':
          this.#opaque.push({ by, text: effect.text });
          break;
      }
    }
  }

  #read<T>(probe: Probe, raw: ReadProbe): T | undefined {
    const reading = raw(probe);
    return reading !== undefined && 'value' in reading ? ((reading.value ?? undefined) as T) : undefined;
  }

  /** Returns the prediction of a missing thing, such as a stopped server, with the resources that may bring it. */
  #missing(probe: Probe, reading: { missing: Missing }): ForecastReading {
    const { broughtBy } = reading.missing;
    const clusters = probe.kind === 'sql' ? this.#saying(text => /\bpg_ctlcluster\b/.test(text)) : [];
    const starters = [...broughtBy.flatMap(token => this.#starting(token)), ...clusters];
    const makers = broughtBy.flatMap(token => this.#objects.get(token) ?? []);
    const from = [...new Set([...this.bringers(broughtBy), ...starters, ...makers])];
    return { reading, from, open: from.length > 0 || (probe.kind === 'sql' && this.#opaque.length > 0) };
  }

  #starting(token: string): readonly string[] {
    if (!token.startsWith('running:')) return [];
    const pattern = token.slice('running:'.length);
    const stopped = { LoadState: 'loaded', ActiveState: 'inactive' };
    const units = [serverUnit(pattern), ...this.#units.changed(pattern)];
    const seen = units.map(name => this.#units.unit(name, stopped));
    return seen.flatMap(({ value, from }) => (value['ActiveState'] === 'active' ? from : []));
  }

  #over(probe: Probe, value: unknown, raw: ReadProbe): ForecastReading {
    const as = ({ value, ...rest }: Seen): ForecastReading => ({ reading: { value }, ...rest });
    const opened = (from: readonly string[]) => openedBy(from, value);
    const naming = () => ('name' in probe ? this.#naming(plain(probe.name)) : []);
    switch (probe.kind) {
      case 'path':
        return as(this.#files.path(probe.path, raw));
      case 'content':
        return as(this.#files.content(probe.path, raw));
      case 'entries':
        return as(this.#files.entries(probe, raw));
      case 'flags':
        return opened(this.#files.concerning(probe.path));
      case 'unit':
        return orAsRead(as(this.#units.unit(probe.name, value as UnitState)), value);
      case 'package':
        return as(this.#packages.package(probe.name, value as PackageState | null, naming()));
      case 'candidate': {
        const lists = [...this.#lists, ...this.#files.concerning('/etc/apt')];
        return as(this.#packages.candidate(probe.name, value as Candidate | null, naming(), lists));
      }
      case 'account': {
        const own = this.#accounts.line(probe.database, probe.name, value as string[] | null);
        const seen = this.#account(probe, own);
        return { ...seen, from: [...own.from, ...seen.from], open: own.open || seen.open };
      }
      case 'user':
        return this.#besides(this.#accounts.user(probe.name, value as UserState | null), probe);
      case 'group':
        return this.#besides(this.#accounts.group(probe.name, value as GroupState | null), probe);
      case 'program':
        return this.#program(probe.name, value as string | null, raw);
      case 'owed':
        return as(this.#notes.owed(probe.unit, value as Owed[]));
      case 'sql':
        return this.#sql(probe, value);
      case 'command':
        return probe.simulates ? this.#simulation(probe, raw) : opened(this.#doubtsOf(probe.about));
    }
  }

  /** Adds what may change an account or a group besides the resources that manage it: packages, commands and files. */
  #besides({ value, from, open }: Seen, { kind, name }: { kind: 'user' | 'group'; name: string }) {
    const database = kind === 'user' ? 'passwd' : 'group';
    const namesakes = this.#packages.hasNamesake(name) ? this.#packages.changing : [];
    const others = [...namesakes, ...this.#naming(name), ...this.#files.concerning(`/etc/${database}`)];
    return { reading: { value }, from: [...from, ...others], open: open || others.length > 0 };
  }

  /** Returns the prediction of an account besides the resources that manage it: packages, commands and files. */
  #account({ database, name }: { database: string; name: string }, own: Seen): ForecastReading {
    const { value, from, open } = own;
    const takers = value === null ? [] : this.#takers(name);
    if (takers.length > 0) return { ...openedBy(takers, value), unlikely: true, otherwise: null };
    if (value !== null) return openedBy([], value);
    // The resource that certainly removes the account does not bring it.
    const isRemover = (by: string) => !open && from.includes(by);
    const others = [...this.#naming(name), ...this.#files.concerning(`/etc/${database}`)];
    const makers = others.filter(by => !isRemover(by));
    const packages = mayBeOfPackage(name) ? this.#packages.changing : [];
    const unlikely = makers.length === 0 && !this.#packages.hasNamesake(name);
    return { ...openedBy([...packages, ...makers], value), unlikely };
  }

  /** Returns the resources that may remove an account: purges of packages, and commands. */
  #takers(account: string): string[] {
    const commands = this.#naming(account).filter(by =>
      this.#saying(text => /\b(user|group)del\b|\bdel(user|group)\b/.test(text)).includes(by),
    );
    return [...this.#packages.removing(name => areRelated(account, name), true), ...commands];
  }

  #program(name: string, read: string | null, raw: ReadProbe): ForecastReading {
    for (const folder of programFolders) {
      const at = `${folder}/${name}`;
      const own = this.#files.concerning(at).length > 0 ? this.#files.path(at, raw) : undefined;
      if (own === undefined || own.open) continue;
      if (own.value !== null && own.from.length > 0)
        return { reading: { value: read ?? at }, from: own.from, open: false };
      if (own.value === null && read === at) return { reading: { value: null }, from: own.from, open: false };
    }
    const remover = packageOf(name) === name ? this.#packages.remover(name) : undefined;
    if (read?.startsWith('/usr/') && !read.startsWith('/usr/local/') && remover !== undefined)
      return { reading: { value: null }, from: [remover], open: false };
    const from =
      read === null
        ? [...new Set([...this.#packages.changing, ...this.#naming(name)])]
        : this.#packages.removing(one => areRelated(name, one));
    return { reading: { value: read }, from, open: from.length > 0 };
  }

  #sql({ about, parts }: Extract<Probe, { kind: 'sql' }>, value: unknown): ForecastReading {
    const running = { LoadState: 'loaded', ActiveState: 'active' };
    const server = this.#units.unit(serverUnit('postgresql*'), running);
    const removers = this.#packages.removing(name => /^postgresql-\d+$/.test(name));
    if ((server.value['ActiveState'] === 'inactive' && !server.open) || removers.length > 0) {
      return { reading: { missing: noServer }, from: [...server.from, ...removers], open: false };
    }
    const changersOf = (objects: readonly string[]) => objects.flatMap(name => this.#objects.get(name) ?? []);
    const from = changersOf(about ?? [...this.#objects.keys()]);
    const seen = openedBy([...from, ...this.#saying(() => true)], value);
    const troubles = parts && (value as { troubles: readonly (string | null)[] }[])[0]?.troubles;
    if (troubles === undefined) return seen;
    const left = troubles.map((one, i) => (changersOf(parts![i] ?? []).length > 0 ? null : one));
    return { ...seen, reading: { value: [{ troubles: left }] } };
  }

  /** Returns the simulation of apt behind the planned packages of earlier resources. Another round reads it. */
  #simulation(probe: Extract<Probe, { kind: 'command' }>, raw: ReadProbe): ForecastReading {
    const { words, by } = this.#packages.planned(probe.simulates!);
    const doubts = this.#doubtsOf(['packages', ...(probe.about ?? [])]).filter(one => !by.includes(one));
    const read = this.#read<CommandResult>(words.length > 0 ? { ...probe, planned: words } : probe, raw);
    const value = read && { ...read, stdout: this.#packages.remaining(read.stdout) };
    return { reading: { value }, from: [...by, ...doubts], open: doubts.length > 0 || value === undefined };
  }

  /** Returns the resources that may change the answer of a command. */
  #doubtsOf(about: readonly string[] | undefined): string[] {
    if (about === undefined) return [...this.#changing];
    const opaque = (word: RegExp) => this.#saying(text => word.test(text));
    return about.flatMap(what => {
      if (what === 'packages')
        return [...this.#packages.touching, ...opaque(/\b(apt(-get)?|dpkg|aptitude)\b/)];
      if (what.startsWith('package:')) return this.#packages.changers(what.slice('package:'.length));
      if (what === 'package-lists') return [...this.#lists, ...opaque(/\b(apt|apt-get)\b/)];
      if (what === 'units') return this.#units.changing;
      const objects = [...(this.#objects.get(what) ?? []), ...this.#accounts.changing(what)];
      return [...objects, ...this.#files.concerning(what), ...opaque(new RegExp(regexQuote(what)))];
    });
  }

  /** Returns the resources whose commands contain a name as a word. */
  #naming(name: string): string[] {
    const word = new RegExp(`(^|[^\\w-])${regexQuote(name)}($|[^\\w-])`);
    return this.#saying(text => word.test(text));
  }

  #saying(isMeant: (text: string) => boolean): string[] {
    return this.#opaque.filter(({ text }) => isMeant(text)).map(({ by }) => by);
  }
}
