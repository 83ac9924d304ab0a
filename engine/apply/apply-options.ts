import type { Emit, Outcome } from '../events.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { Holder } from '../hosts/host-lease.ts';
import type { PlannedResource } from '../plan/plan.ts';
import type { Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { RegisteredOutcome, RegisteredOutcomes } from './register-outcome.ts';
import type { Reverted } from './revert.ts';

/** What came of a resource that one host does for all, and what it left for expressions. */
export interface Done {
  outcome: Outcome;
  registered: RegisteredOutcome;
}

export interface ApplyOptions {
  host: string;
  play: string;
  planned: readonly PlannedResource[];
  /** The host that a resource is done on; throws when it could not be entered. */
  connectedTo(resource: Resource): ConnectedHost;
  /** Runs the turn of a resource with that host to itself. */
  alone<T>(connected: ConnectedHost, work: () => Promise<T>): Promise<T>;
  /** What another host did for this one; undefined = it did not come to it. */
  doneElsewhere(resource: Resource): Promise<Done | undefined>;
  /** Told what came of each resource. */
  done(resource: Resource, done: Done): void;
  holder: Holder;
  /** The host itself. */
  connected: ConnectedHost;
  emit: Emit;
  signal: AbortSignal;
  /** Whether what changed is put back when something fails. */
  revert: boolean;
  /** Gives the resources anew once a registered outcome is known. */
  resolve(registered: RegisteredOutcomes): Promise<Resource[]>;
}

/** What an apply came to on one host. */
export interface Applied {
  outcomes: Outcome[];
  /** What was put back because something failed; undefined = nothing was. */
  reverted?: Reverted;
  /** Names of what could have locked everybody out and was put back, by host. */
  putBack: ReadonlyMap<string, readonly string[]>;
  /** What went wrong beside the resources. */
  problems: Problem[];
}
