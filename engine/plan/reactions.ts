import type { Owed } from '../probe.ts';
import { byName, meant, type Resource, reactionsOf } from '../resource.ts';

/** The reaction of the resource `by` to a change of the resource `to`: see Module.reacts. */
export interface Reaction {
  to: string;
  by: string;
  unit: string;
  action: Owed['action'];
}

/** Returns the reactions, by the name of the resource whose change causes them. */
export function reactionsByCause(resources: readonly Resource[]): ReadonlyMap<string, readonly Reaction[]> {
  const reactions = new Map<string, Reaction[]>();
  const named = byName(resources);
  for (const resource of resources) {
    for (const { to, unit, action } of reactionsOf(resource)) {
      for (const source of new Set(to.flatMap(name => meant(name, resource, named)))) {
        if (source === resource || source.delegatedTo?.name !== resource.delegatedTo?.name) continue;
        reactions.set(source.name, [
          ...(reactions.get(source.name) ?? []),
          { to: source.name, by: resource.name, unit: unit(), action },
        ]);
      }
    }
  }
  return reactions;
}
