import type { Owed, PackageState } from './probe.ts';
import type { NewContent } from './util/file-content.ts';

/**
 * The change that a step makes to the readings of a host, as data. A forecast lays effects over readings, so that the plan
 * of each resource includes the steps before it (plan/forecast.ts).
 */
export type Effect =
  /** A file has this content. Without `owner`, `group` or `mode`, it keeps those of the old file or has those of a new one. */
  | ({ kind: 'file'; path: string; content: NewContent } & Ownership)
  /** A directory exists, with all directories above it. */
  | ({ kind: 'directory'; path: string } & Ownership)
  /** A symbolic link is at the path. */
  | { kind: 'link'; path: string; target: string }
  /** The thing at the path has this owner, group and mode. */
  | ({ kind: 'attributes'; path: string; recursive?: boolean } & Ownership)
  /** Nothing is at the path or below it. */
  | { kind: 'removal'; path: string }
  /** Everything at the path and below it may be created, changed or removed. */
  | { kind: 'below'; path: string }
  /** Properties of a unit have these values. The value `undefined` makes a property unknown. */
  | {
      kind: 'unit';
      name: string;
      sets: Readonly<Record<string, string | undefined>>;
      /** A running unit stays unchanged. */
      unlessActive?: boolean;
      /** A stopped unit stays stopped, unless a restart or reload is owed to it. */
      ifDue?: boolean;
    }
  /** The host restarts. Units that are enabled start, and others that ran do not. */
  | { kind: 'boot' }
  /** systemd loads all units from their files again. */
  | { kind: 'daemon-reload' }
  | PackagesEffect
  /** The marks `held` and `automatic` of packages change. */
  | { kind: 'mark'; names: readonly string[]; sets: Partial<Pick<PackageState, 'held' | 'automatic'>> }
  /**
   * An account or a group comes or changes. `line` has the fields of its line in passwd or group; null if it goes, and left
   * out if they are not known. With `renumbers`, its number changes, and files may show the old one, as after a removal.
   */
  | {
      kind: 'account';
      database: 'passwd' | 'group';
      name: string;
      line?: readonly string[] | null;
      renumbers?: boolean;
    }
  /** An account becomes a member of a group, or leaves it. */
  | { kind: 'membership'; user: string; group: string; is: boolean }
  /** The package lists are refreshed. */
  | { kind: 'package-lists' }
  /** A restart, reload or run is owed to a unit, or a reboot to `host`. Without `owed`, nothing is owed to it. */
  | { kind: 'note'; unit: string; owed?: Omit<Owed, 'sinceS'> }
  /**
   * Objects are created, changed or dropped: those of a PostgreSQL server, such as `role:app`, `database:appdb`, `settings`
   * or `hba`, and answers of debconf, such as `answer:tzdata/Areas`. The answers of queries and commands that are `about` one
   * of them become open.
   */
  | { kind: 'objects'; names: readonly string[] }
  /** Everything that a command probe reads becomes open, and so does every missing thing that `text` or `command` names. */
  | { kind: 'anything'; text: string; command?: string };

/** Owner, group and mode of a path. */
export interface Ownership {
  owner?: string | undefined;
  group?: string | undefined;
  mode?: string | undefined;
}

/** Packages are installed and removed, together with the packages that they bring along. */
export interface PackagesEffect {
  kind: 'packages';
  /**
   * The new packages: version by name; undefined for an unknown version. A name has an architecture, such as `jq:i386`, if
   * that is not the host's own.
   */
  comes: ReadonlyMap<string, PackageState['version'] | undefined>;
  /** The host's own architecture, such as `amd64`, if it is known. */
  architecture?: string;
  /** The new packages among them that come only as dependencies. */
  dependencies?: readonly string[];
  /** The words for apt: names, some with a version. */
  asked?: readonly string[];
  /** The removed packages. */
  goes: readonly string[];
  /** The removed packages that apt removes on its own, because nothing depends on them. */
  orphans?: readonly string[];
  /** Whether the removal also removes the configuration files. */
  purges?: boolean;
  /** False if apt may install further packages that are not listed. */
  whole: boolean;
}
