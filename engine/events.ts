import type { Lease } from './lease.ts';
import type { PlannedDiff } from './module.ts';
import type { Problem } from './problem.ts';
import type { SecretText } from './value.ts';

export type Status = 'unchanged' | 'changed' | 'failed' | 'skipped' | 'would_change';

/** One resource on one host: what it would do, or did. */
export interface Outcome {
  name: string;
  module: string;
  /** The host that it is done on, where that is another one. */
  delegatedTo?: string;
  status: Status;
  /** What differed; null when nothing did. */
  diff: PlannedDiff | null;
  /** Names of the planned resources that this difference was predicted from; empty when it was read. */
  predictedFrom: readonly string[];
  /** Whether it cannot be known yet if this takes a change: then both outcomes are as shown. */
  open?: boolean;
  /** What may keep a planned change from working, where that is not certain: a sentence. */
  doubt?: string;
  /** At its turn the resource differed from what the plan showed: this is what the plan showed. */
  deviation?: Deviation;
  durationMs: number;
  error?: Problem;
  /** Why it was skipped: `when`, `tags`, `run_once` (another host did it), or the failed resource's name. */
  skipped?: string;
  /** The secret texts in its arguments: where there are any, the old content of its file is not shown. */
  secrets: readonly SecretText[];
  /** Commands that ran and what they printed, for -v and -vv. */
  commands?: readonly { command: string; output: string }[];
}

/** What the plan showed, and the command before it that did not say what it touches. */
export interface Deviation {
  planned: PlannedDiff | null;
  suspect?: string;
}

export interface Counts {
  unchanged: number;
  changed: number;
  failed: number;
  skipped: number;
  deviations: number;
}

/** `changed` also for hosts on which a check found changes; `reverted` when something failed and all that can be is put back. */
export interface HostResult extends Counts {
  status: 'ok' | 'changed' | 'failed' | 'reverted' | 'unreachable';
}

/** What happens in a run, in order; the reporters in report/ see them redacted. Times in ISO 8601, UTC. */
export type Event = { time: string; run: string } & (
  | { event: 'run_started'; playbook: string; play: string; check: boolean; hosts: readonly string[] }
  | { event: 'host_connected'; host: string; play: string; account: string }
  /** A run that lost its controller has left a step that goes on; its end is waited for before the host is read. */
  | { event: 'host_waits'; host: string; play: string; lease: Lease }
  | {
      event: 'host_plan';
      host: string;
      play: string;
      resources: readonly Outcome[];
      lease?: Lease;
      skewS?: number;
    }
  /** For live progress only: not part of the JSON stream. */
  | { event: 'resource_started'; host: string; play: string; name: string; index: number; of: number }
  | ({ event: 'resource'; host: string; play: string } & Outcome)
  /** A lost connection was made again; the outcome of what was running is collected. */
  | { event: 'host_reconnected'; host: string; play: string; why: string }
  /** Something failed, so that the play's changes were put back, but for those that cannot be undone. */
  | {
      event: 'host_reverted';
      host: string;
      play: string;
      restored: readonly string[];
      kept: readonly string[];
    }
  | { event: 'host_finished'; host: string; result: HostResult; problems: readonly Problem[] }
  | {
      event: 'run_finished';
      hosts: Readonly<Record<string, HostResult>>;
      exit_code: number;
      check: boolean;
      durationMs: number;
    }
);

/** An event before the run gives it its time and number. */
export type Emit = (event: EventBody) => void;
export type EventBody = Event extends infer E ? (E extends Event ? Omit<E, 'time' | 'run'> : never) : never;
