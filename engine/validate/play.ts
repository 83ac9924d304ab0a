import type { Host } from '../host.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import type { Rollout } from '../playbook/rollout-text.ts';
import type { Place, Warning } from '../problem.ts';
import type { FactName, Facts } from '../resolve/fact-names.ts';
import type { FactsOfOtherHosts } from '../resolve/facts-of-other-hosts.ts';
import type { RegisteredOutcomes } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { Subject } from './lint/subject.ts';

/** One play of a playbook, with its hosts. */
export interface Play {
  name: string;
  at: Place;
  hosts: readonly Host[];
  /** The names that select the hosts, as written. */
  pattern: string;
  /** The facts of its own host that its expressions use. */
  factsUsed: ReadonlySet<FactName>;
  /** The facts of other hosts. The facts that the last `resolve` asked for are not known yet. */
  otherFacts: FactsOfOtherHosts;
  /** The fate of the play's changes on a host after a failure there. */
  onFailedCheck: 'stop' | 'revert';
  /** The batches of its hosts; undefined = all hosts at once, however many of them fail. */
  rollout?: Rollout;
  /**
   * Returns the resources of one host. Without facts, values that depend on them are unknown. Values that depend on an
   * outcome outside `registered` are unknown, too. Throws a ProblemError, whose problems name the host.
   */
  resolve(host: Host, facts?: Facts, registered?: RegisteredOutcomes): Resource[];
  /** Returns the play in the form for lint, once for each set of groups of its hosts. */
  subjects(): Subject[];
}

/** A playbook that passed all checks without contact to a host. */
export interface Playbook {
  file: string;
  name: string;
  plays: readonly Play[];
  inventory: Inventory;
  /** Whether the run ends after a play in which a host failed. */
  stopsAtFailure: boolean;
  /** Returns the warnings of lint. */
  warnings(): Warning[];
}
