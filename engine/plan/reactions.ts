import type { Owed } from '../probe.ts';
import { answersOf, byName, meant, type Resource } from '../resource.ts';

/** A resource that answers another's change: see Module.reacts. */
export interface Reaction {
  to: string;
  by: string;
  unit: string;
  action: Owed['action'];
}

/** Who answers whose change, by the name of the resource that changes. */
export function reactionsOf(resources: readonly Resource[]): ReadonlyMap<string, readonly Reaction[]> {
  const reactions = new Map<string, Reaction[]>();
  const named = byName(resources);
  for (const resource of resources) {
    for (const { to, unit, action } of answersOf(resource)) {
      for (const source of new Set(to.flatMap(name => meant(name, resource, named)))) {
        if (source === resource || source.on?.name !== resource.on?.name) continue;
        reactions.set(source.name, [
          ...(reactions.get(source.name) ?? []),
          { to: source.name, by: resource.name, unit: unit(), action },
        ]);
      }
    }
  }
  return reactions;
}
