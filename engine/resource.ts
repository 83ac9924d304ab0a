import type { Become, Host } from './host.ts';
import type { Module } from './module.ts';
import type { Probe } from './probe.ts';
import type { Place, Problem } from './problem.ts';
import type { Plain, SecretText } from './value.ts';

/** The resources around those of a play: before a host is changed, and after its checks hold. */
export type Visit = 'before' | 'after';

/** One use of a fact that is a map of names, such as `facts.packages.nginx`. Without a name, an expression goes through all. */
export interface FactUse {
  readonly of: 'packages' | 'services' | 'users';
  readonly name?: string;
  /** The fact as read before the play; undefined = there is no such name. */
  readonly value?: Plain | undefined;
  /** The resource of an earlier play that will change it, in a check. */
  readonly changer?: string;
}

/** A resource of one host, with evaluated arguments. The room resolve makes it from the text of a playbook. */
export interface Resource {
  /** The label; unique on a host. With a loop it holds the item. */
  name: string;
  /** Names that mean this resource together with others: those of its loop and of its includes. */
  groups: readonly string[];
  /** The includes around it, innermost first. A name means a resource of the innermost include that has one. */
  within: readonly string[];
  module: Module;
  /**
   * The validated arguments with defaults, evaluated for one host. Reading an argument that is still unknown, because of a
   * fact or a registered outcome, throws UnknownArgument.
   */
  // biome-ignore lint/suspicious/noExplicitAny: its type is the module's, which is known to the module only
  args: any;
  /** Whether some argument is not known yet. */
  incomplete: boolean;
  /** undefined = not known yet. */
  when: boolean | undefined;
  /** The name of the resource whose outcome `when` waits for, while it is not known. */
  waitsFor?: string;
  /** Set if the outcome of an earlier resource decides about `when`, and not only a fact. */
  waitsForOutcome?: true;
  /** The problem of a secret that it needs and that could not be opened. The resource can be planned, but not applied. */
  unopenedSecret?: Problem;
  at: Place;
  tags: readonly string[];
  needs: readonly string[];
  become?: Become | false;
  onFailure: 'stop' | 'continue';
  retry: { attempts: number; delayS: number };
  register?: string;
  /** The maximum number of hosts that apply it at the same time. */
  atOnce?: { most: number; key: string };
  /** Whether it stands around the other resources of a play, where a host leaves and comes back. */
  visit?: Visit;
  /** The host that the resource is applied to, if it is not the host of the play. */
  delegatedTo?: Host;
  /** The key of a `run_once` resource, equal on all hosts of the play. */
  once?: string;
  /** The host that applies the `run_once` resource for this one, which then skips it. */
  doneBy?: string;
  /** Whether the host reverts the change unless it is proven harmless; undefined = the steps decide. */
  risky?: boolean;
  /** The facts that its expressions use and that resources of the play can change. */
  facts?: readonly FactUse[];
  /** The secret texts in its arguments. If there are any, the old content of its file is not shown either. */
  secrets: readonly SecretText[];
}

/** Whether a later resource may set what this one sets to another value: the host leaves here, and comes back there. */
export const leavesFirst = ({ visit }: Pick<Resource, 'visit'>): boolean => visit === 'before';

/** Returns the names of a thing in an include, from the names `outer` of the include and its `own` names. */
export function namesWithin(outer: readonly string[], own: readonly string[]): string[] {
  return outer.length === 0 ? [...own] : outer.flatMap(label => own.map(name => `${label} / ${name}`));
}

/** Returns the resources by each of their names, for `meant`. */
export function byName<R extends Pick<Resource, 'name' | 'groups'>>(
  all: readonly R[],
): ReadonlyMap<string, R[]> {
  const named = new Map<string, R[]>();
  for (const resource of all) {
    for (const name of new Set([resource.name, ...resource.groups])) {
      const known = named.get(name);
      if (known === undefined) named.set(name, [resource]);
      else known.push(resource);
    }
  }
  return named;
}

/** Returns the resources that a name means inside the includes `within`. The innermost include with that name decides. */
export function meant<R extends Pick<Resource, 'name' | 'groups'>>(
  name: string,
  { within }: Pick<Resource, 'within'>,
  named: ReadonlyMap<string, R[]>,
): readonly R[] {
  for (const full of [...within.map(label => `${label} / ${name}`), name]) {
    const found = named.get(full);
    if (found !== undefined) return found;
  }
  return [];
}

/** Thrown when a module reads an argument that is not known yet. `from` is the fact or resource that it waits for. */
export class UnknownArgument extends Error {
  readonly argument: string;
  readonly from: string;
  constructor(argument: string, from: string) {
    super(`${argument} is not known before ${from}`);
    this.argument = argument;
    this.from = from;
  }
}

/** Returns the reactions of a resource (Module.reacts); none if the resource is skipped. */
export function reactionsOf({ when, module, args }: Resource) {
  // Other unknown arguments do not matter.
  return when === false ? [] : (unlessUnknown(() => module.reacts?.(args)) ?? []);
}

/** Returns the result of `ask`, or `otherwise` if it reads an argument that is not known yet. */
export function unlessUnknown<T>(ask: () => T): T | undefined;
export function unlessUnknown<T>(ask: () => T, otherwise: T): T;
export function unlessUnknown<T>(ask: () => T, otherwise?: T): T | undefined {
  try {
    return ask();
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return otherwise;
    throw thrown;
  }
}

/** Returns the probes of a resource; none while an argument that decides about them is unknown. */
export function probesOf({ when, module, args }: Resource): Record<string, Probe> {
  if (when === false) return {};
  return unlessUnknown(() => module.probes(args) as Record<string, Probe>, {});
}

/** Returns the thing that a resource manages, as module and identity, such as `pg_role app`. Throws UnknownArgument. */
export const thingOf = ({ module, args }: Pick<Resource, 'module' | 'args'>): string =>
  `${module.name} ${module.identity(args)}`;
