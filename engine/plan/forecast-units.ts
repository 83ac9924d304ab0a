import type { Effect, PackagesEffect } from '../effect.ts';
import { areRelated, packageOf, stoppedUnit, unitAt } from '../host-knowledge.ts';
import { type Content, content, path as pathProbe, type UnitState } from '../probe.ts';
import { glob } from '../quote.ts';
import type { NewContent } from '../util/file-content.ts';
import { known, type Laying, type Predicted, type ReadProbe } from './forecast-types.ts';
import { fromWritten, isThere, maskedUnit, ofTheFile, type Sets, withoutDropIn } from './unit-text.ts';

/** A change of a unit by planned steps. The effect of a new file depends on the state before. */
interface Change {
  sequence: number;
  sets: Sets | ((was: UnitState, dropIns: string) => Sets);
  /** The written drop-in. */
  dropIn?: { path: string; content: string };
  from: readonly string[];
  /** Whether the change may be left out. */
  open: boolean;
  unlessActive?: boolean;
  /** Whether a stopped unit may stay stopped. */
  perhaps?: boolean;
  /** Whether a link gives the unit another name: then its UnitFileState is no longer known. */
  alias?: boolean;
}

/** An effect that may bring missing units, or take away existing ones. */
interface PossibleChange {
  sequence: number;
  by: string;
  /** Whether it may concern a unit, by its name and state, and by whether the unit exists and runs. */
  concerns(name: string, isThere: boolean, runs: boolean, state: UnitState): boolean;
  /** The most probable state of a new unit; undefined = not known. */
  guess?: Sets;
  /** Whether its name suggests that it brings a unit of this name. */
  names?(name: string): boolean;
  /** Whether its name suggests that it takes away a unit of this name. */
  takes?(name: string): boolean;
}

/** The predicted state of a unit; see ForecastReading. */
export interface PredictedUnit extends Predicted<UnitState> {
  expected?: boolean;
  unlikely?: boolean;
}

/** The units of a host after the planned steps, as systemd knows them. */
export class UnitForecast {
  readonly #changes: Map<string, Change[]>;
  readonly #possibleChanges: PossibleChange[];
  #sequence: number;

  constructor(from?: UnitForecast) {
    this.#changes = new Map(
      [...(from === undefined ? [] : from.#changes)].map(([name, all]) => [name, [...all]]),
    );
    this.#possibleChanges = from === undefined ? [] : [...from.#possibleChanges];
    this.#sequence = from === undefined ? 0 : from.#sequence;
  }

  /** Returns the predicted state of a unit; `read` is its present state. */
  unit(name: string, read: UnitState): PredictedUnit {
    const prediction: UnitPrediction = {
      value: { ...read },
      from: new Set(),
      dropIns: new Map(),
      open: false,
      expected: false,
      unlikely: false,
      isAliased: false,
    };
    for (const event of this.#eventsOf(name, read))
      if ('sets' in event) applyChange(prediction, event, read);
      else applyPossibleChange(prediction, event, name);
    const { value, from, open, expected, unlikely } = prediction;
    return { value, from: [...from], open, ...(expected && { expected, unlikely }) };
  }

  /** Returns the changes that concern a unit, in order. An instance that does not exist shares those of its template. */
  #eventsOf(name: string, read: UnitState): (Change | PossibleChange)[] {
    const template = name.replace(/@[^.]+\./, '@.');
    const own = [...this.#changes].flatMap(([pattern, all]) => (stands(pattern, name) ? all : []));
    const shared = template === name || isThere(read) ? [] : (this.#changes.get(template) ?? []);
    return [...own, ...shared, ...this.#possibleChanges].toSorted((a, b) => a.sequence - b.sequence);
  }

  /** Returns the names of the changed units that match a pattern such as `postgresql*`. */
  changed(pattern: string): string[] {
    return [...this.#changes.keys()].filter(name => !name.includes('*') && glob(pattern).test(name));
  }

  /** The resources that change units, or may change them. */
  get changing(): string[] {
    const changes = [...this.#changes.values()].flatMap(all => all.flatMap(({ from }) => from));
    return [...new Set([...changes, ...this.#possibleChanges.map(({ by }) => by)])];
  }

  lay(effect: Effect, laying: Laying, raw: ReadProbe): void {
    this.#sequence++;
    const { by, unsure = false } = laying;
    switch (effect.kind) {
      case 'unit':
        this.#change(effect.name, laying, effect.sets, {
          unlessActive: effect.unlessActive === true,
          perhaps: unsure && effect.ifDue === true,
        });
        break;
      case 'daemon-reload':
        this.#add('*', { sets: { NeedDaemonReload: 'no', ReadAnew: 'yes' }, from: [], open: false });
        break;
      case 'file':
        this.#file(effect, laying);
        break;
      case 'link':
        this.#link(effect.path, effect.target, laying);
        break;
      case 'removal':
        this.#removal(effect.path, laying, raw);
        break;
      case 'packages':
        this.#packages(effect, by);
        break;
      case 'boot':
        this.#possibleChanges.push({ sequence: this.#sequence, by, concerns: changesAtBoot });
        break;
      case 'anything':
        this.#possibleChanges.push({
          sequence: this.#sequence,
          by,
          concerns: (_, there) => !there,
          guess: stoppedUnit,
          names: name => effect.text.includes(name.replace(/(@.*)?\.[a-z]+$/, '')),
        });
        break;
    }
  }

  #file({ path, content }: { path: string; content: NewContent }, laying: Laying): void {
    const unit = unitAt(path);
    if (unit === undefined) return;
    const text = String(content);
    const dropIn = unit.part === 'drop-in' ? { dropIn: { path, content: text } } : {};
    this.#change(unit.name, laying, fromWritten(unit, path, text), dropIn);
  }

  #link(path: string, target: string, laying: Laying): void {
    const unit = unitAt(path);
    if (unit?.part !== 'file') return;
    const isMask = target === '/dev/null';
    this.#change(unit.name, laying, isMask ? maskedUnit : { LoadState: 'loaded', UnitFileState: undefined });
    const named = unitAt(target)?.name;
    if (named !== undefined && named !== unit.name)
      this.#change(named, laying, { UnitFileState: undefined }, { alias: true });
  }

  #removal(path: string, laying: Laying, raw: ReadProbe): void {
    const unit = unitAt(path);
    if (unit !== undefined && unit.part !== 'drop-in') {
      const vendor = raw(pathProbe(`/usr/lib/systemd/system/${unit.name}`));
      const isGone = vendor !== undefined && 'value' in vendor && vendor.value === null;
      // A running unit goes on without its file.
      this.#change(
        unit.name,
        laying,
        isGone
          ? { LoadState: 'not-found', UnitFileState: '' }
          : { LoadState: undefined, UnitFileState: undefined },
      );
    } else if (unit !== undefined) {
      const had = known<Content | null>(raw(content(path)));
      this.#change(unit.name, laying, withoutDropIn(path, String(had?.bytes ?? '')));
    }
  }

  #packages({ comes, goes, whole }: PackagesEffect, by: string): void {
    const names = [...comes.keys()];
    if (comes.size > 0 || !whole)
      this.#possibleChanges.push({
        sequence: this.#sequence,
        by,
        // The packages also start a unit of theirs that could not run before.
        concerns: (name, there, runs) => !there || (!runs && names.some(one => areRelated(name, one))),
        guess: asPackagesLeave,
        names: name => names.some(one => areRelated(name, one) || one === packageOf(name)),
      });
    if (goes.length > 0)
      this.#possibleChanges.push({
        sequence: this.#sequence,
        by,
        concerns: (name, there) => there && goes.some(one => areRelated(name, one)),
        takes: name => goes.includes(packageOf(name) ?? name.replace(/\.service$/, '')),
      });
  }

  #change(
    name: string,
    { by, maybe }: Laying,
    sets: Change['sets'],
    more: Partial<Omit<Change, 'sequence' | 'sets'>> = {},
  ): void {
    this.#add(name, { sets, from: [by], open: maybe, ...more });
  }

  #add(name: string, change: Omit<Change, 'sequence'>): void {
    this.#changes.set(name, [...(this.#changes.get(name) ?? []), { sequence: this.#sequence, ...change }]);
  }
}

/** A prediction in the making. */
interface UnitPrediction {
  value: Record<string, string>;
  from: Set<string>;
  /** The texts of the written drop-ins, by path. */
  dropIns: Map<string, string>;
  open: boolean;
  expected: boolean;
  unlikely: boolean;
  isAliased: boolean;
}

/** Applies a change of the unit to its prediction. */
function applyChange(unit: UnitPrediction, change: Change, read: UnitState): void {
  if (change.unlessActive === true && unit.value['ActiveState'] === 'active') return;
  // A declared unit takes the place of one that a package may have brought.
  if (typeof change.sets === 'function' && unit.expected && change.dropIn === undefined) {
    Object.assign(unit, { value: { ...read }, open: false, expected: false });
    unit.from.clear();
  }
  if (change.dropIn !== undefined) unit.dropIns.set(change.dropIn.path, change.dropIn.content);
  const given =
    typeof change.sets === 'function'
      ? change.sets(unit.value, [...unit.dropIns.values()].join('\n'))
      : change.sets;
  // A oneshot unit that another unit starts may be over already.
  const isOver = change.unlessActive === true && unit.value['Type'] === 'oneshot';
  const mayRest = change.perhaps === true && unit.value['ActiveState'] !== 'active';
  unit.isAliased ||= change.alias === true;
  const sets: Sets = {
    // Whoever enables or disables a unit changes its links.
    ...('UnitFileState' in given && { Links: undefined }),
    ...given,
    ...((isOver || mayRest) && { ActiveState: undefined }),
    ...(unit.isAliased && 'UnitFileState' in given && { UnitFileState: undefined }),
  };
  if (!isThere(unit.value) && sets['LoadState'] === 'loaded') unit.value = newUnit(unit.value);
  for (const [property, set] of Object.entries(sets)) {
    if (set !== undefined) unit.value[property] = set;
    else {
      delete unit.value[property];
      unit.open ||= decisive.includes(property);
    }
  }
  for (const each of change.from) unit.from.add(each);
  if (change.open) Object.assign(unit, { open: true, expected: false });
}

/** Applies an effect to the prediction of a unit that it may bring or take away. */
function applyPossibleChange(unit: UnitPrediction, change: PossibleChange, name: string): void {
  const there = isThere(unit.value);
  if (change.names?.(name) === true) unit.unlikely = false;
  // A mask is a link of the administrator and always stays.
  if (there && unit.value['LoadState'] === 'masked') return;
  if (!change.concerns(name, there, unit.value['ActiveState'] === 'active', unit.value)) return;
  unit.from.add(change.by);
  unit.open = true;
  unit.expected = !there && change.guess !== undefined;
  if (!there) unit.value = { ...newUnit(unit.value), ...change.guess } as Record<string, string>;
  if (unit.expected) unit.unlikely = change.names?.(name) === false;
  // A unit in /etc is the administrator's, and stays.
  if (there && change.takes?.(name) && !unit.value['FragmentPath']?.startsWith('/etc/'))
    Object.assign(unit, { value: { ...unit.value, ...removedUnit }, expected: true, unlikely: false });
}

/** Whether a unit may run after a boot and not before, or the other way round. */
const changesAtBoot = (_: string, there: boolean, runs: boolean, { UnitFileState }: UnitState) =>
  there && (UnitFileState === 'enabled' ? !runs : UnitFileState === 'disabled' && runs);

const removedUnit: Sets = { LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '' };

/** Properties that decide about the work of a resource. */
const decisive = ['LoadState', 'ActiveState', 'UnitFileState'];

/** Whether `pattern` is the name of a unit, or a pattern with `*` that matches it. */
const stands = (pattern: string, name: string): boolean => pattern === name || glob(pattern).test(name);

/** Returns the state of a new unit. The properties that its file decides are unknown. A unit that failed before stays so. */
const newUnit = (was: UnitState): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(was).filter(([property]) => !(property in ofTheFile))),
  ...{ ...stoppedUnit, ...(was['ActiveState'] === 'failed' && { ActiveState: 'failed' }) },
});

/** Debian's packages enable and start what they bring (policy 9.3.3, deb-systemd-invoke(1)). */
const asPackagesLeave: Sets = {
  ...stoppedUnit,
  ActiveState: 'active',
  SubState: 'running',
  UnitFileState: 'enabled',
};
