import type { Lease } from './lease.ts';
import type { PlannedDiff } from './module.ts';
import type { Problem } from './problem.ts';
import type { SecretText } from './value.ts';

/** `unknown`: the host cannot have the thing, such as swap in a container, and nothing is done about it. */
export type Status = 'unchanged' | 'changed' | 'failed' | 'skipped' | 'unknown' | 'would_change';

/** The planned or applied change of a resource on a host. */
export interface Outcome {
  name: string;
  module: string;
  /** The host that the resource is done on, if it is another one. */
  delegatedTo?: string;
  status: Status;
  /** The diff; null = none. */
  diff: PlannedDiff | null;
  /** Names of the planned resources that the diff was predicted from; empty if it was read. */
  predictedFrom: readonly string[];
  /** Whether it is unknown before the apply if the resource needs a change. */
  open?: boolean;
  /** Whether its change runs something, as a command does. */
  runs?: true;
  /** Why it needs no change, if its module tells. */
  idle?: string;
  /** A possible obstacle to a planned change: a sentence. */
  doubt?: string;
  /** Something to know before a planned change: a sentence. */
  warning?: string;
  /** The planned diff, if the resource differed from the plan at its turn. */
  deviation?: Deviation;
  durationMs: number;
  error?: Problem;
  /** Why the resource was skipped: `when`, `tags`, `run_once` (another host did it), or the name of the failed resource. */
  skipped?: string;
  /** Why the resource is unknown on this host: a sentence. */
  unknown?: string;
  /** The secret texts in the arguments. With any of them, the old content of the file is not shown. */
  secrets: readonly SecretText[];
  /** The commands that ran, with their output, for -v and -vv. */
  commands?: readonly { command: string; output: string }[];
}

/** The planned diff, and the name of the last resource whose command does not declare its effects. */
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
  /** Resources that are unknown on the host; left out if there are none. */
  unknown?: number;
  /** Changes that `--confirm` showed and the user declined. */
  unconfirmed?: number;
}

/**
 * `changed` includes hosts on which a check found changes; `reverted` means that all reversible changes were reverted;
 * `not_reached` that the run ended before the host.
 */
export interface HostResult extends Counts {
  status: 'ok' | 'changed' | 'failed' | 'reverted' | 'unreachable' | 'not_reached';
}

/** A batch of the hosts of a play. `batch` counts from 1 to `of`. */
export interface BatchNames {
  play: string;
  batch: number;
  of: number;
  hosts: readonly string[];
}

/** The events of a run, in order. The reporters in report/ get them with their secrets masked. Times in ISO 8601, UTC. */
export type Event = { time: string; run: string } & (
  | {
      event: 'run_started';
      playbook: string;
      play: string;
      check: boolean;
      hosts: readonly string[];
      /** The names of the hosts by batch, if the play has a roll-out. */
      batches?: readonly (readonly string[])[];
    }
  | ({ event: 'batch_started' } & BatchNames)
  /** `failed` names the hosts of the batch that failed, were reverted or are unreachable. */
  | ({ event: 'batch_finished'; failed: readonly string[] } & BatchNames)
  /** A pause before a batch. */
  | ({ event: 'batch_pause'; seconds: number } & BatchNames)
  /** The run ends before its end. `why` is a sentence; `plays` are those that are not run. */
  | { event: 'run_stopped'; play: string; why: string; hosts: readonly string[]; plays: readonly string[] }
  | { event: 'host_connected'; host: string; play: string; account: string }
  /** The last step of a dead run goes on. The engine waits for its end before it reads the host. */
  | { event: 'host_waits'; host: string; play: string; lease: Lease }
  | {
      event: 'host_plan';
      host: string;
      play: string;
      resources: readonly Outcome[];
      lease?: Lease;
      skewS?: number;
    }
  /** Only for live progress, not part of the JSON stream. */
  | { event: 'resource_started'; host: string; play: string; name: string; index: number; of: number }
  | ({ event: 'resource'; host: string; play: string } & Outcome)
  /** A lost connection was restored. The outcome of the running change is collected. */
  | { event: 'host_reconnected'; host: string; play: string; why: string }
  /** After a failure, the changes of a play were reverted. `kept` names the resources whose change is irreversible. */
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

/** Takes an event, to which the run adds its time and ID. */
export type Emit = (event: EventBody) => void;
export type EventBody = Event extends infer E ? (E extends Event ? Omit<E, 'time' | 'run'> : never) : never;
