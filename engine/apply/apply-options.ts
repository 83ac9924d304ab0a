import type { Emit, Outcome } from '../events.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { Holder } from '../hosts/host-lease.ts';
import type { PlannedResource } from '../plan/plan.ts';
import type { Problem } from '../problem.ts';
import type { RegisteredOutcome, RegisteredOutcomes } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { Reverted } from './revert.ts';

/** The end of a resource that one host does for all: its outcome, and the outcome that expressions see. */
export interface Done {
  outcome: Outcome;
  registered: RegisteredOutcome;
}

export interface ApplyOptions {
  host: string;
  play: string;
  planned: readonly PlannedResource[];
  /** Returns the host that a resource is done on. Throws a ProblemError if that host could not be entered. */
  connectedTo(resource: Resource): ConnectedHost;
  /** Runs `work` with the host to itself. */
  exclusively<T>(connected: ConnectedHost, work: () => Promise<T>): Promise<T>;
  /** Returns the end of a resource on the host that does it for this one, or undefined if that host did not reach it. */
  doneElsewhere(resource: Resource): Promise<Done | undefined>;
  /** Called at the end of each resource. */
  done(resource: Resource, done: Done): void;
  holder: Holder;
  /** The host of the play, which is not always the one that a resource is done on. */
  connected: ConnectedHost;
  emit: Emit;
  signal: AbortSignal;
  /** Whether the changes are reverted after a failure. */
  revert: boolean;
  /** Waits for the other hosts of the batch. Without success, the changes are reverted. Undefined = nothing to wait for. */
  proceed?(): Promise<boolean | undefined>;
  /** Returns the limit of a resource with `at_once`; undefined = none. */
  turnstile(resource: Resource): Turnstile | undefined;
  /** Resolves the resources again with the outcomes that are registered so far. */
  resolve(registered: RegisteredOutcomes): Promise<Resource[]>;
}

/** The result of an apply on one host. */
export interface Applied {
  outcomes: Outcome[];
  /** The reverted changes of the play; undefined = none. */
  reverted?: Reverted;
  /** Names of the resources whose risky change was reverted, by host. */
  revertedRisks: ReadonlyMap<string, readonly string[]>;
  /** Problems that belong to no resource. */
  problems: Problem[];
}

/** The turn of one host at a resource with `at_once`. */
export interface Turnstile {
  /** Waits until the host may begin. Returns a problem if the resource has failed on another host. */
  enter(): Promise<Problem | undefined>;
  /** Lets the next host begin, or none if the resource failed. */
  leave(isFailed: boolean): void;
}
