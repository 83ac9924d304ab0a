import type { VariableScope } from '../expression/variables.ts';
import type { Become, Host } from '../host.ts';
import type { Inventory, Named } from '../inventory/inventory-model.ts';
import type { ResourceText } from '../playbook/entry-text.ts';
import type { Place } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import type { Unknown, Value } from '../value.ts';
import type { Sources } from './arguments.ts';
import type { FactsOfOtherHosts } from './facts-of-other-hosts.ts';

/** Outcomes as maps of plain data, by `register` name and by the name of the resource. */
export type RegisteredOutcomes = Readonly<Record<string, Readonly<Record<string, object>>>>;

/** What resolving entries needs besides the play. */
export interface Resolving extends Sources {
  host: Host;
  inventory: Inventory;
  otherFacts: FactsOfOtherHosts;
  registered: RegisteredOutcomes;
  selects(tags: readonly string[]): boolean;
  secrets?: SecretSink | undefined;
}

/** A resource for one host and what it was made of. */
export interface Resolved {
  text: ResourceText;
  resource: Resource;
  /** The names that its text and the includes around it give under `needs`, with who says them. */
  needs: readonly (Named & Pick<Resource, 'within'>)[];
  /** The includes that it is in, innermost first. */
  via: readonly Place[];
  /** The element of its loop. */
  item?: Value | undefined;
}

/** What the resources of a play, or of an include, have in common. */
export interface Around extends Pick<Resource, 'groups' | 'within'>, Pick<Resolved, 'needs' | 'via'> {
  scope: VariableScope;
  /** What is left out registers nothing, which only others that are left out may ask for. */
  leftOut: Record<string, Value>;
  become: Become | false | undefined;
  when: boolean | Unknown;
  tags: readonly string[];
  onFailure: Resource['onFailure'];
  /** What the include may be called, by its label first; none for a play. */
  names: readonly string[];
}
