import type { Effect, PackagesEffect } from '../effect.ts';
import { areRelated, stoppedUnit, unitAt } from '../host-knowledge.ts';
import { type Content, content, path, type UnitState } from '../probe.ts';
import { glob } from '../quote.ts';
import type { Laying, Predicted, ReadProbe } from './forecast-types.ts';
import { fromDropIn, fromFile, isThere, ofTheFile, type Sets, withoutDropIn } from './unit-text.ts';

/** What planned steps make of a unit; what a file makes of it depends on what it was like. */
interface Change {
  sequence: number;
  sets: Sets | ((was: UnitState, dropIns: string) => Sets);
  /** The drop-in that is written. */
  dropIn?: { path: string; content: string };
  from: readonly string[];
  /** Whether it may also not be so. */
  open: boolean;
  unlessActive?: boolean;
  /** Whether one that does not run may also stay so. */
  perhaps?: boolean;
  /** Whether a link gives it another name from now on: what is said of its file then, nobody knows. */
  alias?: boolean;
}

/** Something that may bring units that are not there, or take away those that are. */
interface PossibleChange {
  sequence: number;
  by: string;
  /** Whether a unit may be concerned, which is there or not and runs or not. */
  concerns(name: string, isThere: boolean, runs: boolean): boolean;
  /** What such a unit is most probably like, where that is known. */
  guess?: Sets;
  /** Whether its name says that it brings such a unit. */
  names?(name: string): boolean;
}

/** A unit as foreseen; `expected` = its value is what Debian's packages leave, and that it is otherwise is rare. */
export interface PredictedUnit extends Predicted<UnitState> {
  expected?: boolean;
  /** That it comes is rare: nothing that may bring it is called like it. */
  unlikely?: boolean;
}

/** What systemd will know of units as planned steps will leave them. */
export class UnitForecast {
  readonly #changes: Map<string, Change[]>;
  readonly #marks: PossibleChange[];
  #clock: number;

  constructor(from?: UnitForecast) {
    this.#changes = new Map(
      [...(from === undefined ? [] : from.#changes)].map(([name, all]) => [name, [...all]]),
    );
    this.#marks = from === undefined ? [] : [...from.#marks];
    this.#clock = from === undefined ? 0 : from.#clock;
  }

  /** A unit as it will be; `read` is as the host knows it now. */
  unit(name: string, read: UnitState): PredictedUnit {
    let value: Record<string, string> = { ...read };
    let [open, expected, unlikely, isAliased] = [false, false, false, false];
    const from = new Set<string>();
    const dropIns = new Map<string, string>();
    const template = name.replace(/@[^.]+\./, '@.');
    const own = [...this.#changes].flatMap(([pattern, all]) => (stands(pattern, name) ? all : []));
    const shared = template === name || isThere(read) ? [] : (this.#changes.get(template) ?? []);
    const events = [...own, ...shared, ...this.#marks].toSorted((a, b) => a.sequence - b.sequence);
    for (const event of events) {
      if ('sets' in event) {
        if (event.unlessActive === true && value['ActiveState'] === 'active') continue;
        // What is made is no longer what a package may have brought.
        if (typeof event.sets === 'function' && expected && event.dropIn === undefined) {
          value = { ...read };
          [open, expected] = [false, false];
          from.clear();
        }
        if (event.dropIn !== undefined) dropIns.set(event.dropIn.path, event.dropIn.content);
        const given =
          typeof event.sets === 'function' ? event.sets(value, [...dropIns.values()].join('\n')) : event.sets;
        // One that ends with its work is not known to run when another has started it.
        const isOver = event.unlessActive === true && value['Type'] === 'oneshot';
        const mayRest = event.perhaps === true && value['ActiveState'] !== 'active';
        isAliased ||= event.alias === true;
        const sets: Sets = {
          ...given,
          ...((isOver || mayRest) && { ActiveState: undefined }),
          ...(isAliased && 'UnitFileState' in given && { UnitFileState: undefined }),
        };
        if (!isThere(value) && sets['LoadState'] === 'loaded') value = newUnit(value);
        for (const [property, set] of Object.entries(sets)) {
          if (set !== undefined) value[property] = set;
          else {
            delete value[property];
            open ||= decisive.includes(property);
          }
        }
        for (const each of event.from) from.add(each);
        if (event.open) [open, expected] = [true, false];
        continue;
      }
      const there = isThere(value);
      if (event.names?.(name) === true) unlikely = false;
      // A mask stays whatever comes: it is a link of the administrator's.
      if (there && value['LoadState'] === 'masked') continue;
      if (!event.concerns(name, there, value['ActiveState'] === 'active')) continue;
      from.add(event.by);
      if (!there && event.guess !== undefined) {
        value = { ...newUnit(value), ...event.guess } as Record<string, string>;
        [open, expected] = [true, true];
        unlikely = event.names?.(name) === false;
      } else {
        if (!there) value = newUnit(value);
        [open, expected] = [true, false];
      }
    }
    return { value, from: [...from], open, ...(expected && { expected, unlikely }) };
  }

  /** Names of the units that planned steps change, by a pattern such as `postgresql*`. */
  changed(pattern: string): string[] {
    return [...this.#changes.keys()].filter(name => !name.includes('*') && glob(pattern).test(name));
  }

  /** The resources that change units, or may. */
  get changing(): string[] {
    const changes = [...this.#changes.values()].flatMap(all => all.flatMap(({ from }) => from));
    return [...new Set([...changes, ...this.#marks.map(({ by }) => by)])];
  }

  lay(effect: Effect, { by, maybe, unsure = false }: Laying, raw: ReadProbe): void {
    this.#clock++;
    const change = (name: string, sets: Change['sets']) =>
      this.#change(name, { sets, from: [by], open: maybe });
    switch (effect.kind) {
      case 'unit':
        this.#change(effect.name, {
          sets: effect.sets,
          from: [by],
          open: maybe,
          unlessActive: effect.unlessActive === true,
          perhaps: unsure && effect.ifDue === true,
        });
        break;
      case 'daemon-reload':
        this.#change('*', { sets: { NeedDaemonReload: 'no' }, from: [], open: false });
        break;
      case 'file': {
        const unit = unitAt(effect.path);
        const text = String(effect.content);
        if (unit?.part === 'file') change(unit.name, fromFile(unit.name, text));
        else if (unit !== undefined)
          this.#change(unit.name, {
            sets: fromDropIn(unit.name, text),
            from: [by],
            open: maybe,
            dropIn: { path: effect.path, content: text },
          });
        break;
      }
      case 'link': {
        const unit = unitAt(effect.path);
        if (unit?.part !== 'file') break;
        if (effect.target === '/dev/null')
          change(unit.name, { LoadState: 'masked', UnitFileState: 'masked' });
        else change(unit.name, { LoadState: 'loaded', UnitFileState: undefined });
        const named = unitAt(effect.target)?.name;
        if (named !== undefined && named !== unit.name)
          this.#change(named, { sets: { UnitFileState: undefined }, from: [by], open: maybe, alias: true });
        break;
      }
      case 'removal': {
        const unit = unitAt(effect.path);
        // One that runs is known until it stops.
        if (unit?.part === 'file') {
          const vendor = raw(path(`/usr/lib/systemd/system/${unit.name}`));
          const isGone = vendor !== undefined && 'value' in vendor && vendor.value === null;
          change(unit.name, ({ ActiveState }) =>
            isGone && ActiveState !== 'active'
              ? { LoadState: 'not-found', UnitFileState: '' }
              : { LoadState: undefined, UnitFileState: undefined },
          );
        } else if (unit !== undefined) {
          const read = raw(content(effect.path));
          const had = (read !== undefined && 'value' in read ? read.value : null) as Content | null;
          change(unit.name, withoutDropIn(String(had?.bytes ?? '')));
        }
        break;
      }
      case 'packages':
        this.#packages(effect, by);
        break;
      case 'anything':
        this.#marks.push({
          sequence: this.#clock,
          by,
          concerns: (_, there) => !there,
          guess: stoppedUnit,
          names: name => effect.text.includes(name.replace(/(@.*)?\.[a-z]+$/, '')),
        });
        break;
    }
  }

  #packages({ comes, goes, whole }: PackagesEffect, by: string): void {
    const names = [...comes.keys()];
    if (comes.size > 0 || !whole)
      this.#marks.push({
        sequence: this.#clock,
        by,
        // A unit of theirs that could not run until now is started, too.
        concerns: (name, there, runs) => !there || (!runs && names.some(one => areRelated(name, one))),
        guess: asPackagesLeave,
        names: name => names.some(one => areRelated(name, one)),
      });
    if (goes.length > 0)
      this.#marks.push({
        sequence: this.#clock,
        by,
        concerns: (name, there) => there && goes.some(one => areRelated(name, one)),
      });
  }

  #change(name: string, change: Omit<Change, 'sequence'>): void {
    this.#changes.set(name, [...(this.#changes.get(name) ?? []), { sequence: this.#clock, ...change }]);
  }
}

/** Properties that decide what a resource does. */
const decisive = ['LoadState', 'ActiveState', 'UnitFileState'];

/** Whether a name is that of a unit, or a pattern with `*` for it. */
const stands = (pattern: string, name: string): boolean => pattern === name || glob(pattern).test(name);

/** A unit that was not there, once it is: what its file decides is not known. */
const newUnit = (was: UnitState): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(was).filter(([property]) => !(property in ofTheFile))),
  ...stoppedUnit,
});

/** Debian's packages enable and start what they bring (policy 9.3.3, deb-systemd-invoke(1)). */
const asPackagesLeave: Sets = {
  ...stoppedUnit,
  ActiveState: 'active',
  SubState: 'running',
  UnitFileState: 'enabled',
};
