import { defined } from './util/defined.ts';

/**
 * What a module wants to know of a host, as data. Nothing in this vocabulary writes, except that `command`
 * is as harmless as the program it names. The probes of all resources of a host are merged into one script
 * (plan/read.ts), so asking twice for the same thing costs nothing.
 *
 * `R` is what reading it gives; it exists for the type checker only.
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
  | {
      kind: 'sql';
      query: string;
      database: string;
      as: string;
      about?: readonly string[];
      shared?: boolean;
      /** Of one row with the array `troubles`: what each of them is about besides, which is not known once that changes. */
      parts?: readonly (readonly string[])[];
    }
  | { kind: 'owed'; unit: string }
  | { kind: 'program'; name: string }
  | {
      kind: 'command';
      script: string;
      as?: string;
      /** Entered by the session's account, as a step does; one that is not there ends the command with `noSuchPlace`. */
      cwd?: string;
      timeoutS: number;
      about?: readonly string[];
      simulates?: 'install' | 'remove';
      /** Words for that apt-get which stand for the packages that earlier resources will install and remove. */
      planned?: readonly string[];
    };

/** Exit code of a command whose directory cannot be entered. */
export const noSuchPlace = 125;

/** What is at a path; links are not followed. Times in seconds since 1970. */
export interface PathState {
  type: 'file' | 'directory' | 'link' | 'other';
  owner: string;
  group: string;
  /** Four octal digits, e.g. `0644`. */
  mode: string;
  sizeBytes: number;
  modifiedS: number;
  /** Where a link points, as written in it. */
  target?: string;
}

/** A regular file's content; `bytes` only up to `contentLimitBytes`. Links are followed. */
export interface Content {
  sha256: string;
  bytes?: Buffer;
}

/** Larger files are compared by their hash alone, and shown without their lines. */
export const contentLimitBytes = 65_536;

/** One entry below a directory; `path` is relative to it. */
export interface Entry extends PathState {
  path: string;
  sha256?: string;
}

export interface PackageState {
  /** dpkg's status word: `installed`, `half-configured`, `config-files` … */
  status: string;
  /** Empty while it is only planned and nobody knows which it will be. */
  version: string;
  held: boolean;
  /** That apt removes it once nothing depends on it: it came as a dependency. */
  automatic?: boolean;
}

/** What apt would install now: `apt-cache policy`. `versions` newest first. */
export interface Candidate {
  installed: string | null;
  candidate: string | null;
  versions: string[];
}

/**
 * Properties of a unit by systemd's own names: LoadState, ActiveState, SubState, UnitFileState, MainPID …, and `DownParts`:
 * of one without a process of its own, the units it stands for that do not run.
 */
export type UnitState = Record<string, string>;

/** A restart or reload that an earlier change made necessary and that was not done yet. */
export interface Owed {
  action: 'restart' | 'reload' | 'run';
  because: string;
  /** Seconds since 1970; null when the change is only planned. */
  sinceS: number | null;
}

export interface CommandResult {
  exit: number;
  stdout: string;
  stderr: string;
}

/** What is at `path` itself (links not followed); null = nothing. */
export const path = (path: string): Probe<PathState | null> => ({ kind: 'path', path });
/** The content of the regular file at `path`; null = no such file. */
export const content = (path: string): Probe<Content | null> => ({ kind: 'content', path });
/** Everything below the directory `path` down to `depth` levels, with SHA-256 of files on request; null = no directory. */
export const entries = (
  path: string,
  options: { hashes?: boolean; depth?: number } = {},
): Probe<Entry[] | null> => ({
  kind: 'entries',
  path,
  hashes: options.hashes ?? false,
  depth: options.depth ?? 64,
});
/** The letters that chattr(1) has set on a file or directory; null = none can be read. */
export const flags = (path: string): Probe<string | null> => ({ kind: 'flags', path });
/** What dpkg knows of a package; null = never installed. */
export const installedPackage = (name: string): Probe<PackageState | null> => ({ kind: 'package', name });
/** What apt could install; reads the package lists on the host, and does not refresh them. */
export const candidate = (name: string): Probe<Candidate | null> => ({ kind: 'candidate', name });
/** What systemd knows of a unit (full name with suffix); LoadState is `not-found` for an unknown one. */
export const unit = (name: string): Probe<UnitState> => ({ kind: 'unit', name });
/** The fields of a line of passwd or group; null = no such account. */
export const account = (database: 'passwd' | 'group', name: string): Probe<string[] | null> => ({
  kind: 'account',
  database,
  name,
});

/**
 * Rows of a read-only query by psql over the local socket as the system user `as`, as JSON objects. `about` names the
 * objects whose change can change the answer (`role:app`, `hba` …: see the effect `objects`); left out, any can.
 * `shared` rows also tell of other objects, on which no difference rests: a forecast makes no claim about them.
 * Gives Missing when psql, a running server or the database is not there; ProblemError when the query is wrong.
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
/** The restarts and reloads that are owed to a unit, or runs owed to a command by its name. */
export const owed = (unit: string): Probe<Owed[]> => ({ kind: 'owed', unit });
/** The full path of a program in root's PATH; null = not there. */
export const program = (name: string): Probe<string | null> => ({ kind: 'program', name });

/**
 * The escape: a shell script that must not change anything. stdin is closed; output is cut at 64 KiB. `about` says
 * what its answer depends on: `packages`, `package-lists`, `units`, or absolute paths with all below them; left out,
 * it is anything. One that `simulates` an apt-get VERB has what earlier resources will do to packages in `$r_planned`, as
 * further words for it.
 */
export const command = (
  script: string,
  options: Partial<
    Pick<Extract<Probe, { kind: 'command' }>, 'as' | 'cwd' | 'timeoutS' | 'about' | 'simulates'>
  > = {},
): Probe<CommandResult> => ({
  kind: 'command',
  script,
  timeoutS: options.timeoutS ?? 30,
  ...defined({ as: options.as, cwd: options.cwd, about: options.about, simulates: options.simulates }),
});

const only =
  "only='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search'";

/**
 * Shell for a `command`: with `$only` before it, a program has no right but to read everything. `$only` is empty where root
 * cannot give up the others, and for any other account.
 */
export const readOnly = `${only}
[ "$(id -u)" = 0 ] && $only true 2>/dev/null || only=
`;

/**
 * Shell for a `command` that asks apt: it sets `$only` and `$memory` for `$only apt-get -s $memory …`. Apt's binary
 * cache saves a reading half a second, but apt writes it when it is stale and may be written. So root gives up every
 * right but that to read everything; where it cannot (a container may lack that right), apt does without its cache.
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
 * Stands where a state cannot be read because something is not on the host. Where an earlier resource may bring it, as a
 * forecast knows, the state is planned as that of what does not exist; otherwise it is an obstacle. `broughtBy` lists
 * what brings it, for that and for the advice: `package:nginx`, `running:app.service` (`*` matches any characters).
 */
export class Missing {
  readonly what: string;
  readonly broughtBy: readonly string[];
  /** What to do about it, where the names of what brings it do not say so. */
  readonly fix: string | undefined;
  constructor(what: string, broughtBy: readonly string[], fix?: string) {
    this.what = what;
    this.broughtBy = broughtBy;
    this.fix = fix;
  }

  /** Something that Debian's packages bring. */
  static fromPackages(what: string, ...packages: readonly string[]): Missing {
    return new Missing(
      what,
      packages.map(name => `package:${name}`),
    );
  }
}

/** What a record of probes reads as. */
export type Readings<P> = {
  [K in keyof P]: P[K] extends Probe<infer R>
    ? R
    : P[K] extends Probe<infer R> | undefined
      ? R | undefined
      : never;
};
