import type { Become, Host } from './host.ts';
import type { Module } from './module.ts';
import type { Probe } from './probe.ts';
import type { Place, Problem } from './problem.ts';
import type { SecretText } from './value.ts';

/** A resource of one host, with evaluated arguments. The room resolve makes it from the text of a playbook. */
export interface Resource {
  /** The label; unique on a host. With a loop it holds the item. */
  name: string;
  /** Other names that mean this one among others: of its loop, and of the includes that it is in. */
  groups: readonly string[];
  /** The includes that it is in, innermost first: a name in one of them means one of its own first. */
  within: readonly string[];
  module: Module;
  /**
   * Validated arguments with defaults, evaluated for one host. While something in them is unknown (facts before the
   * first read, registered names), reading such an argument throws UnknownArgument.
   */
  // biome-ignore lint/suspicious/noExplicitAny: its type is the module's, which is known to the module only
  args: any;
  /** True when some argument is not known yet. */
  incomplete: boolean;
  /** undefined = not known yet. */
  when: boolean | undefined;
  /** The name of the resource whose outcome `when` waits for, while it is not known. */
  waitsFor?: string;
  /** True when an outcome of an earlier resource decides about it, and not only a fact. */
  waitsForOutcome?: true;
  /** Why a secret that it needs could not be opened; then it can be planned, but not applied. */
  unopenedSecret?: Problem;
  at: Place;
  tags: readonly string[];
  needs: readonly string[];
  become?: Become | false;
  onFailure: 'stop' | 'continue';
  retry: { attempts: number; delayS: number };
  register?: string;
  /** The host that it is done on, where that is another one than the host that it is for. */
  delegatedTo?: Host;
  /** The same on all hosts of a play for what one of them does for all. */
  once?: string;
  /** The host that does it for this one; it takes no part in what is done here then. */
  doneBy?: string;
  /** Whether the change puts itself back unless it is proven harmless; undefined = as what it changes suggests. */
  risky?: boolean;
  /** The secret texts in its arguments: where there are any, what its file held before is not shown either. */
  secrets: readonly SecretText[];
}

/** What something is called that stands in an include; `outer` and `own` are the names that each may be called by. */
export function namesWithin(outer: readonly string[], own: readonly string[]): string[] {
  return outer.length === 0 ? [...own] : outer.flatMap(label => own.map(name => `${label} / ${name}`));
}

/** Resources by each of their names, for `meant`. */
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

/** The resources that a name means, said by one that is `within` includes: the innermost that has any decides. */
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

/** Thrown when a module asks for an argument that is not known yet; `from` says what it waits for. */
export class UnknownArgument extends Error {
  readonly argument: string;
  readonly from: string;
  constructor(argument: string, from: string) {
    super(`${argument} is not known before ${from}`);
    this.argument = argument;
    this.from = from;
  }
}

/** What a resource answers (Module.reacts); nothing when it is left out. */
export function reactionsOf({ when, module, args }: Resource) {
  // What else of it is not known yet does not keep it from answering.
  return when === false ? [] : (unlessUnknown(() => module.reacts?.(args)) ?? []);
}

/** What `ask` gives; `otherwise` when it asks for an argument that is not known yet. */
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
