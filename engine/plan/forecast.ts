import type { Effect } from '../effect.ts';
import { areRelated, packageOf, programFolders } from '../host-knowledge.ts';
import type { State } from '../module.ts';
import {
  type Candidate,
  Missing,
  type Owed,
  type PackageState,
  type Probe,
  type UnitState,
} from '../probe.ts';
import { regexQuote } from '../quote.ts';
import { type Resource, thingOf } from '../resource.ts';
import { FileForecast } from './forecast-files.ts';
import { NoteForecast } from './forecast-notes.ts';
import { PackageForecast, plain } from './forecast-packages.ts';
import type { ForecastReading, Laying, ReadProbe } from './forecast-types.ts';
import { UnitForecast } from './forecast-units.ts';

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
  #objects = new Map<string, string[]>();
  #lists: string[] = [];
  /** The commands that may change anything, with the text that names things. */
  #opaque: { by: string; text: string }[] = [];
  #states = new Map<string, { state: State | null; by: string; spelled: Readonly<Record<string, string>> }>();
  #changing: string[] = [];

  /** Returns an independent forecast with the same content. */
  copy(): Forecast {
    const copy = new Forecast();
    copy.#files = this.#files.copy();
    copy.#units = new UnitForecast(this.#units);
    copy.#packages = new PackageForecast(this.#packages);
    copy.#notes = new NoteForecast(this.#notes);
    copy.#objects = new Map(this.#objects);
    copy.#lists = [...this.#lists];
    copy.#opaque = [...this.#opaque];
    copy.#states = new Map(this.#states);
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
    const known = this.#states.get(thingOf(resource));
    if (known === undefined) return undefined;
    const later = this.#changing.slice(this.#changing.lastIndexOf(known.by) + 1);
    if (from.some(by => later.includes(by))) return undefined;
    if (known.state === null) return null;
    // Another spelling of the same value is no difference.
    const now = resource.module.spelled?.(resource.args) ?? {};
    const same = Object.keys(now).filter(key => now[key] === known.spelled[key]);
    const declared = same.length === 0 ? null : resource.module.desired(resource.args, undefined);
    return { ...known.state, ...Object.fromEntries(same.map(key => [key, declared?.[key] ?? null])) };
  }

  /** Whether certainly no resource so far creates a thing. */
  lacks(thing: string): boolean {
    return this.#opaque.length === 0 && (this.#states.get(thing)?.state ?? null) === null;
  }

  /** Returns the resources that may bring a missing thing, by its tokens (see Missing). */
  bringers(tokens: readonly string[]): string[] {
    const named = (text: string) =>
      tokens.some(token => {
        const name = token.slice(token.indexOf(':') + 1).replace(/\*.*|(\.service)$/, '');
        return name !== '' && text.includes(name);
      });
    return [...new Set([...this.#packages.bringing(tokens), ...this.#saying(named)])];
  }

  /** Records the planned change of a resource and its state afterwards; `desired` is undefined if that is not known. */
  recordChange(resource: Resource, desired: State | null | undefined): void {
    this.#changing.push(resource.name);
    if (desired !== undefined && !resource.incomplete && resource.when === true)
      this.#states.set(thingOf(resource), {
        state: desired,
        by: resource.name,
        spelled: resource.module.spelled?.({ ...desired, ...resource.args }) ?? {},
      });
  }

  /** Lays the effects of a resource's steps over the forecast, in order. */
  lay(effects: readonly Effect[], laying: Laying, raw: ReadProbe): void {
    const { by } = laying;
    for (const effect of effects) {
      this.#files.lay(effect, laying, raw);
      this.#units.lay(effect, laying, raw);
      this.#notes.lay(effect, laying);
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
    const units = broughtBy.filter(token => token.startsWith('running:')).map(token => token.slice(8));
    const clusters = probe.kind === 'sql' ? this.#saying(text => /\bpg_ctlcluster\b/.test(text)) : [];
    const starters = [...units.flatMap(pattern => this.#starting(pattern)), ...clusters];
    const makers = broughtBy.flatMap(token => this.#objects.get(token) ?? []);
    const from = [...new Set([...this.bringers(broughtBy), ...starters, ...makers])];
    return { reading, from, open: from.length > 0 || (probe.kind === 'sql' && this.#opaque.length > 0) };
  }

  #starting(pattern: string): readonly string[] {
    const stopped = { LoadState: 'loaded', ActiveState: 'inactive' };
    return [serverUnit(pattern), ...this.#units.changed(pattern)].flatMap(name => {
      const { value, from } = this.#units.unit(name, stopped);
      return value['ActiveState'] === 'active' ? from : [];
    });
  }

  #over(probe: Probe, value: unknown, raw: ReadProbe): ForecastReading {
    const as = ({ value, ...rest }: Seen): ForecastReading => ({ reading: { value }, ...rest });
    const opened = (from: readonly string[]) =>
      as({ value, from: [...new Set(from)], open: from.length > 0 });
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
        const takers = value === null ? [] : this.#takers(probe.name);
        if (takers.length > 0) return { ...opened(takers), unlikely: true, otherwise: null };
        if (value !== null) return opened([]);
        const makers = [...naming(), ...this.#files.concerning(`/etc/${probe.database}`)];
        const unlikely = makers.length === 0 && !this.#packages.hasNamesake(probe.name);
        return { ...opened([...this.#packages.changing, ...makers]), unlikely };
      }
      case 'program':
        return this.#program(probe.name, value as string | null, raw);
      case 'owed':
        return as(this.#notes.owed(probe.unit, value as Owed[]));
      case 'sql':
        return this.#sql(probe, value, opened);
      case 'command':
        return probe.simulates ? this.#simulation(probe, raw) : opened(this.#doubtsOf(probe.about));
    }
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

  #sql(
    { about, parts }: Extract<Probe, { kind: 'sql' }>,
    value: unknown,
    opened: (from: readonly string[]) => ForecastReading,
  ): ForecastReading {
    const server = this.#units.unit(serverUnit('postgresql*'), {
      LoadState: 'loaded',
      ActiveState: 'active',
    });
    const removers = this.#packages.removing(name => /^postgresql-\d+$/.test(name));
    if ((server.value['ActiveState'] === 'inactive' && !server.open) || removers.length > 0) {
      return { reading: { missing: noServer }, from: [...server.from, ...removers], open: false };
    }
    const changersOf = (objects: readonly string[]) => objects.flatMap(name => this.#objects.get(name) ?? []);
    const from = changersOf(about ?? [...this.#objects.keys()]);
    const seen = opened([...from, ...this.#saying(() => true)]);
    const troubles = parts && (value as { troubles: readonly (string | null)[] }[])[0]?.troubles;
    if (troubles === undefined) return seen;
    const left = troubles.map((one, i) => (changersOf(parts![i] ?? []).length > 0 ? null : one));
    return { ...seen, reading: { value: [{ troubles: left }] } };
  }

  /** Returns the simulation of apt with the planned packages of earlier resources. Another round reads it. */
  #simulation(probe: Extract<Probe, { kind: 'command' }>, raw: ReadProbe): ForecastReading {
    const { words, by } = this.#packages.planned(probe.simulates!);
    const doubts = this.#doubtsOf(['packages']).filter(one => !by.includes(one));
    const value = this.#read({ ...probe, ...(words.length > 0 && { planned: words }) }, raw);
    return { reading: { value }, from: [...by, ...doubts], open: doubts.length > 0 || value === undefined };
  }

  /** Returns the resources that may change the answer of a command. */
  #doubtsOf(about: readonly string[] | undefined): string[] {
    if (about === undefined) return [...this.#changing];
    const opaque = (word: RegExp) => this.#saying(text => word.test(text));
    return about.flatMap(what => {
      if (what === 'packages')
        return [...this.#packages.touching, ...opaque(/\b(apt|apt-get|dpkg|aptitude)\b/)];
      if (what.startsWith('package:')) {
        const name = what.slice('package:'.length);
        return [...this.#packages.bringing([what]), ...this.#packages.removing(one => one === name)];
      }
      if (what === 'package-lists') return [...this.#lists, ...opaque(/\b(apt|apt-get)\b/)];
      if (what === 'units') return this.#units.changing;
      const objects = this.#objects.get(what) ?? [];
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

const orAsRead = (seen: ForecastReading, otherwise: unknown): ForecastReading =>
  seen.expected ? { ...seen, otherwise } : seen;

const noServer = new Missing('a running PostgreSQL server', ['package:postgresql', 'running:postgresql*']);

/** Returns the unit of a pattern such as `postgresql*`. */
const serverUnit = (pattern: string): string => `${pattern.replace(/\*.*|\.service$/, '')}.service`;
