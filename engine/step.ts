import type { Effect } from './effect.ts';
import type { Owed } from './probe.ts';
import type { NewContent } from './util/file-content.ts';

/**
 * One action on a host, as data. The engine compiles the steps of a resource to one script (apply/step-script.ts). The
 * script stops at the first failure. Nothing can come between the note of an owed restart, a write, its validation and the
 * restoring of the old file.
 */
export type Step =
  | WriteStep
  | AttributesStep
  /** Creates a directory with its missing parents, or sets its owner, group and mode. */
  | { do: 'directory'; path: string; owner?: string; group?: string; mode?: string }
  /** Creates a symbolic link, or replaces a link or a file by it. */
  | { do: 'link'; path: string; target: string }
  | RemoveStep
  | RunStep
  | SqlStep
  | CheckedStep
  /** Notes on the host that a unit needs a restart or reload, a command a run, or `host` a reboot, because a resource changed. */
  | { do: 'owe'; unit: string; action: Owed['action']; because: string }
  /** Removes the note of an `owe` step. */
  | { do: 'pay'; unit: string }
  /**
   * Restarts the host. The steps after it follow in the new boot, which the engine enters within `withinS` seconds. All that
   * the engine knew of the host is read anew.
   */
  | { do: 'reboot'; withinS: number }
  | JournalStep
  /** Starts the watcher on the host. It undoes the journal `armed` after at least `afterS` seconds without a confirmation. */
  | { do: 'arm'; afterS: number };

/**
 * Writes a file. The script stages it beside its destination with its final owner and mode, validates it, flushes it and
 * renames it. Without `owner`, `group` or `mode`, the file keeps those of the old file; a new file has root, root and 0644.
 */
export interface WriteStep {
  do: 'write';
  path: string;
  content: NewContent;
  owner?: string;
  group?: string;
  mode?: string;
  /** A shell command that checks the staged file, named `%s` in it. If it fails, the old file stays unchanged. */
  validate?: string;
  /** The time limit of `validate` in seconds; default 60. */
  timeoutS?: number;
  /** Keeps a copy of the old file as `PATH.~TIMESTAMP~`. */
  backup?: boolean;
}

/** Sets owner, group and mode of an existing thing, without following a link. */
export interface AttributesStep {
  do: 'attributes';
  path: string;
  owner?: string;
  group?: string;
  mode?: string;
  /** Also sets the owner and group of everything below a directory. */
  recursive?: boolean;
}

/** Removes a file or a link. */
export interface RemoveStep {
  do: 'remove';
  path: string;
  /** Removes a directory with everything in it. */
  recursive?: boolean;
  /** Removes an empty directory. */
  empty?: boolean;
}

/** Runs a program with its arguments, or a script for `sh`. A secret belongs into `input` or `env`, never into the command. */
export interface RunStep {
  do: 'run';
  command: readonly string[] | string;
  /** The effect of a longer script in a few words. The output shows it in place of the script. */
  label?: string;
  /** The system account; default: the session's account, usually root. */
  as?: string;
  cwd?: string;
  /** Files that the program reads. A missing one is an obstacle. */
  reads?: readonly string[];
  /** Accounts that must exist. A missing one is an obstacle. */
  users?: readonly string[];
  /** Groups that must exist. A missing one is an obstacle. */
  groups?: readonly string[];
  /** The folder of the programs. The step is refused if an account other than root and its own can write there. */
  runsFrom?: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
  /** A file that exists only while the command runs. Its path and these arguments follow the words of the command, a list. */
  script?: { name: string; content: NewContent; args: readonly string[] };
  /** The exit codes of success; default `[0]`. */
  expectExit?: readonly number[];
  /** The time limit in seconds; default 600. */
  timeoutS?: number;
  /** The commands that undo the step; `{}` if nothing has to be undone. A step without `undo` cannot be undone. */
  undo?: Undo;
  /**
   * The effects of the step; `[]` if it changes nothing that can be read. Without `touches`, the step may change everything
   * that a command probe reads, and may bring every missing thing that its text names.
   */
  touches?: readonly Effect[];
}

/** Commands that undo a `run` step. Each must also work if the step never began. */
export interface Undo {
  /** Runs before the engine restores the files of the change. */
  before?: string | readonly string[];
  /** Runs after the engine restored the files of the change. */
  after?: string | readonly string[];
}

/** Sends statements to psql on its standard input, over the local socket. It stops at the first error. */
export interface SqlStep {
  do: 'sql';
  statements: readonly string[];
  /** The objects that the statements create, change or drop, by the names in `about` of queries: `role:app`, `database:appdb` … */
  objects: readonly string[];
  database?: string;
  as?: string;
}

/** Records the state before the next steps in a journal on the host, so that they can be reverted (steps/journal.ts). */
export interface JournalStep {
  do: 'journal';
  /** `revert` serves a play with `on_failed_check: revert`; `armed` serves a risky change that the host itself reverts. */
  into: 'revert' | 'armed';
  /** The paths whose state is recorded. */
  paths: readonly string[];
  /** Directories that are recorded only if they are missing. */
  parents: readonly string[];
  /** Commands that run before the paths are restored. */
  before: readonly (string | readonly string[])[];
  /** Commands that run after the paths are restored. */
  after: readonly (string | readonly string[])[];
}

/** Changes files that are valid only together. `by` checks the whole. If a step or the check fails, all old files are restored. */
export interface CheckedStep {
  do: 'checked';
  /** The steps that change the files. */
  steps: readonly (WriteStep | AttributesStep | { do: 'link'; path: string; target: string } | RemoveStep)[];
  /** The command of the check. */
  by: readonly string[];
  /** Programs that the files name, by path or name. A missing one is an obstacle. */
  programs?: readonly string[];
  /** The time limit of `by` in seconds; default 60. */
  timeoutS?: number;
  /** The effect of a longer `by` in a few words. The output shows it in place of the command. */
  label?: string;
}
