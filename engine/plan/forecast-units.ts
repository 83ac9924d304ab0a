import { type Effect, type PackagesEffect, stoppedUnit } from '../effect.ts';
import { areRelated, unitAt } from '../host-knowledge.ts';
import { path, type UnitState } from '../probe.ts';
import { glob } from '../quote.ts';
import type { Foreseen, Laying, Raw } from './forecast-paths.ts';

type Sets = Extract<Effect, { on: 'unit' }>['sets'];

/** What planned steps make of a unit; what a file makes of it depends on what it was like. */
interface Change {
  at: number;
  sets: Sets | ((was: UnitState) => Sets);
  from: readonly string[];
  /** Whether it may also not be so. */
  open: boolean;
  unlessActive?: boolean;
}

/** Something that may bring units that are not there, or take away those that are. */
interface Mark {
  at: number;
  by: string;
  /** Whether a unit may be concerned, which is there or not and runs or not. */
  concerns(name: string, isThere: boolean, runs: boolean): boolean;
  /** What such a unit is most probably like, where that is known. */
  guess?: Sets;
}

/** A unit as foreseen; `expected` = its value is what Debian's packages leave, and that it is otherwise is rare. */
export interface ForeseenUnit extends Foreseen<UnitState> {
  expected?: boolean;
}

/** What systemd will know of units as planned steps will leave them. */
export class UnitForecast {
  readonly #changes: Map<string, Change[]>;
  readonly #marks: Mark[];
  #clock: number;

  constructor(from?: UnitForecast) {
    this.#changes = new Map(
      [...(from === undefined ? [] : from.#changes)].map(([name, all]) => [name, [...all]]),
    );
    this.#marks = from === undefined ? [] : [...from.#marks];
    this.#clock = from === undefined ? 0 : from.#clock;
  }

  /** A unit as it will be; `read` is as the host knows it now. */
  unit(name: string, read: UnitState): ForeseenUnit {
    let value: Record<string, string> = { ...read };
    let [open, expected] = [false, false];
    const from = new Set<string>();
    const template = name.replace(/@[^.]+\./, '@.');
    const own = [...this.#changes].flatMap(([pattern, all]) => (stands(pattern, name) ? all : []));
    const shared = template === name || isThere(read) ? [] : (this.#changes.get(template) ?? []);
    const events = [...own, ...shared, ...this.#marks].toSorted((a, b) => a.at - b.at);
    for (const event of events) {
      if ('sets' in event) {
        if (event.unlessActive === true && value['ActiveState'] === 'active') continue;
        // What is made is no longer what a package may have brought.
        if (typeof event.sets === 'function' && expected) {
          value = { ...read };
          [open, expected] = [false, false];
          from.clear();
        }
        const sets = typeof event.sets === 'function' ? event.sets(value) : event.sets;
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
      if (!event.concerns(name, there, value['ActiveState'] === 'active')) continue;
      from.add(event.by);
      if (!there && event.guess !== undefined) {
        value = { ...newUnit(value), ...event.guess } as Record<string, string>;
        [open, expected] = [true, true];
      } else {
        if (!there) value = newUnit(value);
        [open, expected] = [true, false];
      }
    }
    return { value, from: [...from], open, ...(expected && { expected }) };
  }

  /** The resources that change units, or may. */
  get changing(): string[] {
    const changes = [...this.#changes.values()].flatMap(all => all.flatMap(({ from }) => from));
    return [...new Set([...changes, ...this.#marks.map(({ by }) => by)])];
  }

  lay(effect: Effect, { by, maybe }: Laying, raw: Raw): void {
    this.#clock++;
    const change = (name: string, sets: Change['sets']) =>
      this.#change(name, { sets, from: [by], open: maybe });
    switch (effect.on) {
      case 'unit':
        this.#change(effect.name, {
          sets: effect.sets,
          from: [by],
          open: maybe,
          unlessActive: effect.unlessActive === true,
        });
        break;
      case 'daemon-reload':
        this.#change('*', { sets: { NeedDaemonReload: 'no' }, from: [], open: false });
        break;
      case 'file': {
        const unit = unitAt(effect.path);
        if (unit?.part === 'file') change(unit.name, fromFile(unit.name, String(effect.content)));
        else if (unit !== undefined) change(unit.name, { NeedDaemonReload: undefined });
        break;
      }
      case 'link': {
        const unit = unitAt(effect.path);
        if (unit?.part !== 'file') break;
        if (effect.target === '/dev/null')
          change(unit.name, { LoadState: 'masked', UnitFileState: 'masked' });
        else change(unit.name, { LoadState: 'loaded', UnitFileState: undefined });
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
        } else if (unit !== undefined) change(unit.name, { NeedDaemonReload: undefined });
        break;
      }
      case 'packages':
        this.#packages(effect, by);
        break;
      case 'anything':
        this.#marks.push({
          at: this.#clock,
          by,
          concerns: (_, there) => !there,
          guess: stoppedUnit,
        });
        break;
    }
  }

  #packages({ comes, goes, whole }: PackagesEffect, by: string): void {
    const names = [...comes.keys()];
    if (comes.size > 0 || !whole)
      this.#marks.push({
        at: this.#clock,
        by,
        // A unit of theirs that could not run until now is started, too.
        concerns: (name, there, runs) => !there || (!runs && names.some(one => areRelated(name, one))),
        guess: asPackagesLeave,
      });
    if (goes.length > 0)
      this.#marks.push({
        at: this.#clock,
        by,
        concerns: (name, there) => there && goes.some(one => areRelated(name, one)),
      });
  }

  #change(name: string, change: Omit<Change, 'at'>): void {
    this.#changes.set(name, [...(this.#changes.get(name) ?? []), { at: this.#clock, ...change }]);
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

/** Properties that a unit's file decides: they are not known once it is another one. */
const ofTheFile: Sets = Object.fromEntries(
  [
    'Type',
    'RemainAfterExit',
    'CanStart',
    'CanStop',
    'CanReload',
    'SourcePath',
    'TriggeredBy',
    'FragmentPath',
  ].map(property => [property, undefined]),
);

const isThere = ({ LoadState }: UnitState): boolean => LoadState !== 'not-found' && LoadState !== undefined;

/** Debian's packages enable and start what they bring (policy 9.3.3, deb-systemd-invoke(1)). */
const asPackagesLeave: Sets = {
  ...stoppedUnit,
  ActiveState: 'active',
  SubState: 'running',
  UnitFileState: 'enabled',
};

/** What systemd knows of a unit from its file: it can be enabled only when [Install] says for what. */
function fromFile(name: string, content: string): (was: UnitState) => Sets {
  // systemd loads no service that runs nothing, and nothing that is no unit at all.
  const isSound = name.endsWith('.service') ? /^\s*Exec\w+\s*=/m.test(content) : /^\s*\[/m.test(content);
  const LoadState = isSound ? 'loaded' : undefined;
  const install = /^\[Install\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(content)?.[1] ?? '';
  const state = /^\s*(WantedBy|RequiredBy|UpheldBy|Alias)\s*=\s*\S/m.test(install)
    ? 'disabled'
    : /^\s*Also\s*=\s*\S/m.test(install)
      ? 'indirect'
      : 'static';
  const Requires = [...content.matchAll(/^\s*(?:Requires|BindsTo|Requisite)\s*=\s*(.*)$/gm)]
    .map(([, units]) => units!.trim())
    .join(' ');
  const last = (key: string) =>
    [...content.matchAll(new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, 'gm'))].at(-1)?.[1];
  const isKept = /^(yes|true|on|1)$/i.test(last('RemainAfterExit') ?? '');
  const kind = name.endsWith('.service')
    ? { Type: last('Type') ?? 'simple', RemainAfterExit: isKept ? 'yes' : 'no' }
    : {};
  return was =>
    isThere(was)
      ? {
          ...ofTheFile,
          ...kind,
          LoadState,
          // Links that enable it stay, also where its file does not ask for them any more.
          ...(/^enabled/.test(was['UnitFileState'] ?? '')
            ? state !== 'disabled' && { UnitFileState: undefined }
            : { UnitFileState: state }),
          NeedDaemonReload: was['ActiveState'] === 'active' ? 'yes' : undefined,
          Requires,
        }
      : { ...kind, LoadState, UnitFileState: state, NeedDaemonReload: 'no', Requires };
}
