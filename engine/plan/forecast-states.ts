import type { State } from '../module.ts';
import { type Resource, thingOf } from '../resource.ts';

/** The states in which the resources planned so far leave their things. */
export class StateForecast {
  readonly #states: Map<
    string,
    { state: State | null; by: string; spelled: Readonly<Record<string, string>> }
  >;

  constructor(from?: StateForecast) {
    this.#states = new Map(from === undefined ? [] : from.#states);
  }

  /** Records the state in which a resource leaves its thing. */
  record(resource: Resource, state: State | null): void {
    const spelled = resource.module.spelled?.({ ...state, ...resource.args }) ?? {};
    this.#states.set(thingOf(resource), { state, by: resource.name, spelled });
  }

  /** Whether no resource leaves a thing in existence. */
  lacks(thing: string): boolean {
    return (this.#states.get(thing)?.state ?? null) === null;
  }

  /** Returns the recorded state of a resource's thing, and the name of the resource that leaves it so. */
  of(resource: Resource): { state: State | null; by: string } | undefined {
    const known = this.#states.get(thingOf(resource));
    if (known === undefined || known.state === null) return known;
    // Another spelling of the same value is no difference.
    const now = resource.module.spelled?.(resource.args) ?? {};
    const same = Object.keys(now).filter(key => now[key] === known.spelled[key]);
    const declared = same.length === 0 ? null : resource.module.desired(resource.args, undefined);
    const state = { ...known.state, ...Object.fromEntries(same.map(key => [key, declared?.[key] ?? null])) };
    return { state, by: known.by };
  }
}
