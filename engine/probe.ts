import { defined } from './util/defined.ts';

/**
 * One thing to read from a host, as data. No probe writes; only a `command` can, if its script does. The engine merges the
 * probes of all resources of a host into one script (probes/readings.ts), so a repeated probe costs nothing.
 *
 * `R` is the type of the reading. It exists for the type checker only.
 */
export type Probe<R = unknown> = ProbeData & { readonly result?: R };

type ProbeData =
  | { kind: 'path'; path: string }
  | { kind: 'content'; path: string }
  | { kind: 'entries'; path: string; hashes: boolean; depth: number }
  | { kind: 'flags'; path: string }
  | { kind: 'package'; name: string }
  | { kind: 'candidate'; name: string }
  | { kind: 'unit'; name: string }
  | { kind: 'account'; database: 'passwd' | 'group'; name: string }
  | { kind: 'user'; name: string }
  | { kind: 'group'; name: string }
  | {
      kind: 'sql';
      query: string;
      database: string;
      as: string;
      about?: readonly string[];
      shared?: boolean;
      /** For an answer of one row with the array `troubles`: the further objects that each element depends on. */
      parts?: readonly (readonly string[])[];
    }
  | { kind: 'owed'; unit: string }
  | { kind: 'program'; name: string }
  | {
      kind: 'command';
      script: string;
      as?: string;
      /** The working directory. The session's account enters it, as in a step. If that fails, the exit code is `noSuchPlace`. */
      cwd?: string;
      timeoutS: number;
      about?: readonly string[];
      /** Whether the script may leave a process behind, which would keep its outputs open. */
      detaches?: boolean;
      simulates?: 'install' | 'remove';
      /** Further words for the simulated apt-get: the packages that earlier resources install and remove. */
      planned?: readonly string[];
    };

/** The exit code of a command probe whose working directory cannot be entered. */
export const noSuchPlace = -1;

/** The thing at a path. For a link, it is the link itself and not the target. */
export interface PathState {
  type: 'file' | 'directory' | 'link' | 'other';
  owner: string;
  group: string;
  /** Four octal digits, e.g. `0644`. */
  mode: string;
  sizeBytes: number;
  /** Seconds since 1970. */
  modifiedS: number;
  /** The target of a link, as the link holds it. */
  target?: string;
}

/** The content of a regular file. A link is followed. */
export interface Content {
  sha256: string;
  /** Left out for a file of more than `contentLimitBytes`. */
  bytes?: Buffer;
  /** Bytes of the file, if `bytes` is left out. */
  sizeBytes?: number;
}

/** The engine compares a larger file by its hash alone, and shows no lines of it. */
export const contentLimitBytes = 1_048_576;

/** One entry below a directory. */
export interface DirectoryEntry extends PathState {
  /** Relative to the directory. */
  path: string;
  sha256?: string;
}

/** A package as dpkg and apt see it. */
export interface PackageState {
  /** The status word of dpkg: `installed`, `half-configured`, `config-files` … */
  status: string;
  /** Empty for a planned package of unknown version. */
  version: string;
  /** Whether apt keeps the package at its version. */
  held: boolean;
  /** Whether the package came as a dependency. Apt removes such a package once nothing depends on it. */
  automatic?: boolean;
}

/** The versions of a package that apt can install, as `apt-cache policy` lists them. */
export interface Candidate {
  installed: string | null;
  /** The version that apt would install now. */
  candidate: string | null;
  /** The newest version first. */
  versions: string[];
}

/**
 * Properties of a unit by systemd's own names: LoadState, ActiveState, SubState, UnitFileState, MainPID … Four properties
 * are the engine's own. For a unit without a process, `DownParts` lists the units behind it that do not run. `Asked` lists
 * the links that [Install] asks for, relative to /etc/systemd/system, and `Links` those that exist. In a plan, `ReadAnew` is
 * `yes` after a step that makes systemd read all files, with those of drop-ins that `DropInPaths` does not list yet.
 */
export type UnitState = Record<string, string>;

/** A restart, reload, run or reboot that an earlier change made necessary, and that is not done yet. */
export interface Owed {
  action: 'restart' | 'reload' | 'run' | 'reboot';
  /** The name of the resource that changed. */
  because: string;
  /** Seconds since 1970; null for a planned change. */
  sinceS: number | null;
}

/** The reason of a restart whose note does not tell it. */
export const damagedNote = 'a damaged note';

/** An account of /etc/passwd. */
export interface UserState {
  uid: number;
  /** The primary group: its name, or its number if it has no name. */
  group: string;
  /** The supplementary groups in /etc/group, in order. */
  groups: string[];
  comment: string;
  home: string;
  shell: string;
  /** Whether `!` stands before the password. */
  locked: boolean;
  /** `none`, `set`, or `unknown` for an account that may not read it. A locked password counts as set. */
  password: 'none' | 'set' | 'unknown';
  /** A date such as 2030-12-31, `never`, or `unknown` for an account that may not read it. */
  expires: string;
}

/** A group of /etc/group. */
export interface GroupState {
  gid: number;
  /** The accounts in its line, in order. */
  members: string[];
  /** The accounts with this primary group. */
  primaryOf: string[];
}

/** The end of a command probe. */
export interface CommandResult {
  exit: number;
  stdout: string;
  stderr: string;
}

/** The thing at `path`, without following a link; null if nothing is there. */
export const path = (path: string): Probe<PathState | null> => ({ kind: 'path', path });
/** The content of the regular file at `path`; null if there is none. */
export const content = (path: string): Probe<Content | null> => ({ kind: 'content', path });
/** All entries below the directory `path`, at most `depth` levels deep; null if there is no directory. `hashes` adds SHA-256. */
export const entries = (
  path: string,
  options: { hashes?: boolean; depth?: number } = {},
): Probe<DirectoryEntry[] | null> => ({
  kind: 'entries',
  path,
  hashes: options.hashes ?? false,
  depth: options.depth ?? 64,
});
/** The attribute letters of chattr(1) on a file or directory; null if they cannot be read. */
export const flags = (path: string): Probe<string | null> => ({ kind: 'flags', path });
/** The state of a package; null if it was never installed. */
export const installedPackage = (name: string): Probe<PackageState | null> => ({ kind: 'package', name });
/** The installable versions of a package, from the package lists on the host. The probe does not refresh the lists. */
export const candidate = (name: string): Probe<Candidate | null> => ({ kind: 'candidate', name });
/** The properties of a unit, by its full name with suffix. LoadState is `not-found` for an unknown unit. */
export const unit = (name: string): Probe<UnitState> => ({ kind: 'unit', name });
/**
 * The fields of an account's line in passwd or group, from all sources of the host; null if there is no such account. `name`
 * may also be a number.
 */
export const account = (database: 'passwd' | 'group', name: string): Probe<string[] | null> => ({
  kind: 'account',
  database,
  name,
});
/** An account of /etc/passwd; null if it does not exist there. */
export const user = (name: string): Probe<UserState | null> => ({ kind: 'user', name });
/** A group of /etc/group; null if it does not exist there. */
export const group = (name: string): Probe<GroupState | null> => ({ kind: 'group', name });

/**
 * The rows of a read-only query, as JSON objects. psql sends the query over the local socket, as the system user `as`.
 * `about` names the objects whose change can change the answer, such as `role:app` or `hba` (see the effect `objects`);
 * without it, a change of any object can. With `shared`, the rows also describe other objects, and no diff depends on
 * those. The reading is a Missing without psql, without a running server or without the database, and a problem if the
 * query is wrong.
 */
export const sql = (
  query: string,
  options: Partial<
    Pick<Extract<Probe, { kind: 'sql' }>, 'database' | 'as' | 'about' | 'shared' | 'parts'>
  > = {},
): Probe<Record<string, unknown>[]> => ({
  kind: 'sql',
  query,
  database: options.database ?? 'postgres',
  as: options.as ?? 'postgres',
  ...defined({ about: options.about, shared: options.shared, parts: options.parts }),
});
/** The owed restarts and reloads of a unit, the owed runs of a command, or the owed reboots of `host`, by its name. */
export const owed = (unit: string): Probe<Owed[]> => ({ kind: 'owed', unit });
/** The full path of a program in root's PATH; null if there is none. */
export const program = (name: string): Probe<string | null> => ({ kind: 'program', name });

/**
 * The result of a shell script that must not change anything, for everything that no other probe reads. Its stdin is
 * empty, and its output is cut at 64 KiB. `about` lists the things that the answer depends on: `packages`, one package
 * such as `package:nginx`, `package-lists`, `units`, objects, or absolute paths with everything below them. A path or any
 * other text in the list also stands for each earlier command that contains it. Without `about`, the answer depends on
 * everything. With an empty list, it counts as it is before the play. The answer to a script that `detaches` is complete
 * even if a process of the script goes on; any other script is waited for with its processes. A script that `simulates` an apt-get VERB adds
 * `$r_planned` to its words: the packages that earlier resources install and remove.
 */
export const command = (
  script: string,
  options: Partial<
    Pick<Extract<Probe, { kind: 'command' }>, 'as' | 'cwd' | 'timeoutS' | 'about' | 'detaches' | 'simulates'>
  > = {},
): Probe<CommandResult> => ({
  kind: 'command',
  script,
  timeoutS: 30,
  ...defined(options),
});

const only =
  "only='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search'";

/**
 * Shell for the beginning of a `command`. A program behind `$only` keeps one privilege of root, to read everything.
 * `$only` is empty for every other account, and on a host where root cannot give up its privileges.
 */
export const readOnly = `${only}
[ "$(id -u)" = 0 ] && $only true 2>/dev/null || only=
`;

/**
 * Shell for the beginning of a `command` that asks apt. It sets `$only` and `$memory` for `$only apt-get -s $memory …`.
 * Apt's binary cache saves half a second, but apt rewrites a stale cache if it can. Root therefore gives up every privilege
 * but the one to read everything. Where root cannot, as in some containers, apt works without its cache.
 */
export const readOnlyApt = `export LC_ALL=C
${only}
memory=
if [ "$(id -u)" != 0 ]; then only=
elif ! $only true 2>/dev/null; then
  only=
  memory='-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
fi
`;

/**
 * Takes the place of a state that cannot be read, because a program, a server or a unit is missing on the host. If the
 * forecast knows an earlier resource that may bring the missing thing, the plan continues as if the managed thing did not
 * exist. Otherwise the missing thing is an obstacle. `broughtBy` lists the tokens of things that would bring it, such as
 * `package:nginx` or `running:app.service`; `*` matches any characters. The advice of the problem names them, too.
 */
export class Missing {
  readonly what: string;
  readonly broughtBy: readonly string[];
  /** The advice of the problem, if `broughtBy` does not suggest it. */
  readonly fix: string | undefined;
  constructor(what: string, broughtBy: readonly string[], fix?: string) {
    this.what = what;
    this.broughtBy = broughtBy;
    this.fix = fix;
  }

  /** A Missing that one of Debian's `packages` would bring. */
  static fromPackages(what: string, ...packages: readonly string[]): Missing {
    return new Missing(
      what,
      packages.map(name => `package:${name}`),
    );
  }
}

/** The readings of a record of probes, by the same names. */
export type Readings<P> = {
  [K in keyof P]: P[K] extends Probe<infer R>
    ? R
    : P[K] extends Probe<infer R> | undefined
      ? R | undefined
      : never;
};
