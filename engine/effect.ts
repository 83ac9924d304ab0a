import type { Owed, PackageState, UnitState } from './probe.ts';

/**
 * What a step does to what can be read of a host, known before it is done. A forecast lays effects over readings, so
 * that the resources after it are planned with what it will have made: see plan/forecast.ts.
 */
export type Effect =
  /** A file is written; owner, group and mode that are left out stay as they are, or are those of a new file. */
  | ({ on: 'file'; path: string; content: string | Uint8Array } & Ownership)
  /** A directory, with those above it that are missing. */
  | ({ on: 'directory'; path: string } & Ownership)
  | { on: 'link'; path: string; target: string }
  | ({ on: 'attributes'; path: string; recursive?: boolean } & Ownership)
  /** What is at the path goes, with all that is below it. */
  | { on: 'removal'; path: string }
  /** Anything at the path and below it may be made, changed or removed. */
  | { on: 'below'; path: string }
  /** Properties of a unit have these values; those with the value undefined are not known. */
  | {
      on: 'unit';
      name: string;
      sets: Readonly<Record<string, string | undefined>>;
      /** Nothing happens to one that runs. */
      unlessActive?: boolean;
      /** One that does not run is not to run: where nothing is due, nothing happens to it. */
      ifDue?: boolean;
    }
  /** Units are loaded from their files anew. */
  | { on: 'daemon-reload' }
  | PackagesEffect
  /** Packages are held, or no longer, or count as dependencies only, or no longer. */
  | { on: 'mark'; names: readonly string[]; sets: Partial<Pick<PackageState, 'held' | 'automatic'>> }
  /** The package lists are fetched. */
  | { on: 'package-lists' }
  /** A restart, reload or run is owed to a unit; without `owed`, nothing is owed to it any more. */
  | { on: 'note'; unit: string; owed?: Omit<Owed, 'sinceS'> }
  /**
   * Objects of a PostgreSQL server are made, changed or dropped: `role:app`, `database:appdb`, `settings`, `hba` …,
   * which are what the queries are `about` that they open.
   */
  | { on: 'objects'; names: readonly string[] }
  /** Anything that can be read by a command, what is missing and named in `text`, and what `command`, if given, names itself. */
  | { on: 'anything'; text: string; command?: string };

/** Owner, group and mode of a path. */
export interface Ownership {
  owner?: string | undefined;
  group?: string | undefined;
  mode?: string | undefined;
}

/** Packages that come and go, with those that they bring along. */
export interface PackagesEffect {
  on: 'packages';
  /** Version by name; undefined = not known before. */
  comes: ReadonlyMap<string, PackageState['version'] | undefined>;
  /** Those of what comes that are new, and that nobody asks for by name. */
  dependencies?: readonly string[];
  /** What apt is asked for: names, some with a version. */
  asked?: readonly string[];
  goes: readonly string[];
  /** Those of what goes that nobody names: apt takes them along. */
  orphans?: readonly string[];
  /** Whether what goes takes its configuration with it. */
  purges?: boolean;
  /** False when packages that are not named may come along. */
  whole: boolean;
}

/** A unit's properties as a service that is loaded and does not run has them. */
export const stoppedUnit = {
  LoadState: 'loaded',
  ActiveState: 'inactive',
  SubState: 'dead',
  UnitFileState: 'disabled',
  NeedDaemonReload: 'no',
  NRestarts: '0',
  DownParts: '',
} as const satisfies UnitState;
