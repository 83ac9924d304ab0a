import type { VariableScope } from '../expression/variables.ts';
import type { Become, Host } from '../host.ts';
import type { Inventory, Named } from '../inventory/inventory-model.ts';
import type { ResourceText } from '../playbook/entry-text.ts';
import type { Place } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import type { Secret, Unknown, Value } from '../value.ts';
import type { Sources } from './arguments.ts';
import type { FactUses } from './changing-facts.ts';
import type { FactsOfOtherHosts } from './facts-of-other-hosts.ts';

/** The outcome of a resource for the expressions of later resources. */
export interface RegisteredOutcome {
  changed: boolean;
  failed: boolean;
  skipped: boolean;
  stdout: string | Secret;
  stderr: string | Secret;
  exit: number | null;
}

/** Registered outcomes by the name under `register` and by the name of the resource. */
export type RegisteredOutcomes = Readonly<Record<string, Readonly<Record<string, RegisteredOutcome>>>>;

/** The input for resolving entries, besides the play. */
export interface Resolving extends Sources {
  host: Host;
  inventory: Inventory;
  otherFacts: FactsOfOtherHosts;
  registered: RegisteredOutcomes;
  selects(tags: readonly string[]): boolean;
  secrets?: SecretSink | undefined;
  /** The uses of facts that resources can change; undefined while the facts are not known. */
  factUses?: FactUses | undefined;
}

/** A resource of one host, and its origin. */
export interface Resolved {
  text: ResourceText;
  resource: Resource;
  /** The names under `needs` of its text and of the includes around it, with the includes that they are resolved in. */
  needs: readonly (Named & Pick<Resource, 'within'>)[];
  /** The includes around it, innermost first. */
  via: readonly Place[];
  /** The element of its loop. */
  item?: Value | undefined;
}

/** The common surroundings of the resources of a play or an include. */
export interface Around
  extends Pick<Resource, 'groups' | 'within' | 'visit'>,
    Pick<Resolved, 'needs' | 'via'> {
  scope: VariableScope;
  /** The outcomes of deselected resources. Only other deselected resources see them. */
  leftOut: Record<string, Value>;
  become: Become | false | undefined;
  when: boolean | Unknown;
  tags: readonly string[];
  onFailure: Resource['onFailure'];
  /** The names of the include, with its label first; none for a play. */
  names: readonly string[];
}
