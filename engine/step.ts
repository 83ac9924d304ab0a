import type { Effect } from './effect.ts';

/** Where notes of what is owed, and files kept for putting back, stand on a host; `$r_base` in scripts. */
export const stateDirectory = '/var/lib/reconcile';

/**
 * One thing to do on a host, as data. The steps of a resource are compiled to one script (apply/script.ts) that
 * stops at the first failure, so nothing can come between a note of what is owed, a write, its validation and
 * the putting back.
 */
export type Step =
  | WriteStep
  | AttributesStep
  | { do: 'directory'; path: string; owner?: string; group?: string; mode?: string }
  | { do: 'link'; path: string; target: string }
  | RemoveStep
  | RunStep
  | SqlStep
  | CheckedStep
  | { do: 'owe'; unit: string; action: 'restart' | 'reload' | 'run'; because: string }
  | { do: 'pay'; unit: string }
  | KeepStep
  /** What the journal `armed` holds undoes itself, unless that is confirmed, after this many seconds or later. */
  | { do: 'arm'; afterS: number };

/**
 * Staged beside its destination with final owner and mode, flushed, validated, renamed. Owner, group and mode that
 * are left out are kept from the file that is replaced, else root, root and 0644.
 */
export interface WriteStep {
  do: 'write';
  path: string;
  content: string | Uint8Array;
  owner?: string;
  group?: string;
  mode?: string;
  /** A shell command whose `%s` is the staged file; a failure leaves the old file as it was. */
  validate?: string;
  /** How long `validate` may take; 60 when left out. */
  timeoutS?: number;
  /** Keeps the old file as `PATH.~TIMESTAMP~`. */
  backup?: boolean;
}

/** Owner, group and mode of something that exists; links are not followed. */
export interface AttributesStep {
  do: 'attributes';
  path: string;
  owner?: string;
  group?: string;
  mode?: string;
  recursive?: boolean;
}

/** A file or link; a directory only when it is `empty`, or with all that is in it when `recursive`. */
export interface RemoveStep {
  do: 'remove';
  path: string;
  recursive?: boolean;
  empty?: boolean;
}

/** A program with its arguments, or a script for `sh`. Secrets go into `input` or `env`, never into the command. */
export interface RunStep {
  do: 'run';
  command: readonly string[] | string;
  /** What a longer script does, in a few words; shown in its stead. */
  label?: string;
  /** System account; root (the session's account) when left out. */
  as?: string;
  cwd?: string;
  /** Files that it reads: it fails where one is not there. */
  reads?: readonly string[];
  /** Where programs are that it runs: refused when another account than root and its own could have changed them. */
  runsFrom?: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
  /** Exit codes that mean success; `[0]` when left out. */
  expectExit?: readonly number[];
  /** 600 when left out. */
  timeoutS?: number;
  /** How to undo it, `{}` where nothing has to be; a step without this cannot be undone. */
  undo?: Undo;
  /**
   * What it changes of what can be read; none = nothing. A step that does not say may change anything that a command
   * reads, and may bring whatever is missing and named in it.
   */
  touches?: readonly Effect[];
}

/** Commands that undo what a command did; each must also work when that was never begun. */
export interface Undo {
  /** Runs before the files of the change are put back. */
  before?: string | readonly string[];
  /** Runs after the files of the change were put back. */
  after?: string | readonly string[];
}

/** Statements for psql over the local socket, sent on its standard input; stops at the first error. */
export interface SqlStep {
  do: 'sql';
  statements: readonly string[];
  /** What they make, change or drop, by the names that queries are `about`: `role:app`, `database:appdb` … */
  objects: readonly string[];
  database?: string;
  as?: string;
}

/** Notes in a journal on the host what the steps after it change, so that all of it can be undone: steps/journal.ts. */
export interface KeepStep {
  do: 'keep';
  /** For a play that is put back when it fails, or for a change that puts itself back. */
  journal: 'revert' | 'armed';
  paths: readonly string[];
  /** Directories that are noted only when they are not there yet. */
  parents: readonly string[];
  before: readonly (string | readonly string[])[];
  after: readonly (string | readonly string[])[];
}

/** Files that are valid only together: done, checked as a whole by `by`, and put back as a whole if that fails. */
export interface CheckedStep {
  do: 'checked';
  steps: readonly (WriteStep | AttributesStep | { do: 'link'; path: string; target: string } | RemoveStep)[];
  by: readonly string[];
  /** Programs that the files name, by path or name: `by` fails where one is not there. */
  programs?: readonly string[];
  /** How long `by` may take; 60 when left out. */
  timeoutS?: number;
  /** What a longer `by` does, in a few words; shown in its stead. */
  label?: string;
}
