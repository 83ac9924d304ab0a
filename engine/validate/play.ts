import type { Host } from '../host.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import type { Place, Warning } from '../problem.ts';
import type { FactName, Facts } from '../resolve/fact-names.ts';
import type { FactsOfOtherHosts } from '../resolve/facts-of-other-hosts.ts';
import type { RegisteredOutcomes } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { Subject } from './lint/subject.ts';

/** One play of a playbook, with the hosts that it is for. */
export interface Play {
  name: string;
  at: Place;
  hosts: readonly Host[];
  /** The facts of each of its hosts that its expressions use. */
  factsUsed: ReadonlySet<FactName>;
  /** Facts of other hosts; what the last `resolve` asked for is not known yet. */
  otherFacts: FactsOfOtherHosts;
  /** What a failure on a host does to the changes that the play made there. */
  onFailedCheck: 'stop' | 'revert';
  /**
   * The resources for one host. What depends on facts is unknown without them, and what depends on an outcome that
   * is not in `registered` is unknown, too. Throws a ProblemError, whose problems name the host.
   */
  resolve(host: Host, facts?: Facts, registered?: RegisteredOutcomes): Resource[];
  /** The play as lint looks at it, for each set of groups that hosts of it are in. */
  subjects(): Subject[];
}

/** A playbook that was checked as far as that is possible without contacting a host. */
export interface Playbook {
  file: string;
  name: string;
  plays: readonly Play[];
  inventory: Inventory;
  /** What lint finds in it. */
  warnings(): Warning[];
}
