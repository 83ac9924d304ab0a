import type { Owed, Probe } from '../probe.ts';
import { Missing } from '../probe.ts';
import { blank } from '../probes/blank.ts';
import type { Reading } from '../probes/probe-kind.ts';
import { Observed } from '../probes/readings.ts';
import { byName, meant, type Resource, reactionsOf, thingOf, unlessUnknown } from '../resource.ts';
import { Forecast } from './forecast.ts';
import type { HostSight } from './host-sight.ts';
import { plan } from './plan.ts';

/** What leads from one resource to another: the key that says so, or `after` where the engine derives it. */
export interface Edge<R = Resource> {
  from: R;
  to: R;
  kind: 'needs' | `${Owed['action']}_on` | 'after';
}

/**
 * What leads to what among the resources of one host, known without that host. What is derived is what a check of a
 * blank host would predict from; left out where other edges lead the same way.
 */
export function edgesOf(resources: readonly Resource[]): Edge[] {
  const named = byName(resources);
  const all = (names: readonly string[], to: Resource, kind: Edge['kind']) =>
    [...new Set(names.flatMap(name => meant(name, to, named)))]
      .filter(from => from !== to)
      .map((from): Edge => ({ from, to, kind }));
  const written = resources.flatMap(to => [
    ...all(to.needs, to, 'needs'),
    ...reactionsOf(to).flatMap(({ to: names, action }) => all(names, to, `${action}_on`)),
  ]);
  const order = new Map(resources.map((resource, index) => [resource, index]));
  const before = new Map<Resource, Set<Resource>>(resources.map(resource => [resource, new Set()]));
  const lead = ({ from, to }: Edge) => {
    for (const each of [from, ...before.get(from)!]) before.get(to)!.add(each);
  };
  const edges: Edge[] = [];
  const from = restingOn(resources);
  for (const to of resources) {
    const own = written.filter(edge => edge.to === to);
    own.filter(({ from }) => order.get(from)! < order.get(to)!).forEach(lead);
    // The latest first, because it may lead from the others.
    for (const each of from.get(to.name)!.toReversed()) {
      if (each === to || before.get(to)!.has(each)) continue;
      own.push({ from: each, to, kind: 'after' });
      lead(own.at(-1)!);
    }
    edges.push(...own);
  }
  return edges;
}

/** The resources whose changes each one's plan would rest on, in order, if the host were blank. */
function restingOn(all: readonly Resource[]): ReadonlyMap<string, Resource[]> {
  const sight: HostSight = {
    observed: new BlankHost(),
    times: { nowS: 0 },
    forecast: new Forecast(),
    login: 'root',
    imagined: true,
  };
  const here = all.map(({ delegatedTo: _, ...resource }) => resource);
  const { planned } = plan(here, () => sight, sight.forecast);
  return new Map(
    planned.map(({ resource: { name, waitsFor, module, args }, outcome }) => {
      const names = new Set([...outcome.predictedFrom, waitsFor]);
      const needed = new Set(unlessUnknown(() => module.needs?.(args)) ?? []);
      return [
        name,
        all.filter(each => names.has(each.name) || needed.has(unlessUnknown(() => thingOf(each), ''))),
      ];
    }),
  );
}

/** Readings of a host on which nothing is that a playbook could bring. */
class BlankHost extends Observed {
  constructor() {
    super(new Map(), {});
  }

  override of(probe: Probe): Reading {
    if (probe.kind !== 'sql') return { value: blank(probe) };
    return { missing: new Missing('psql', [`database:${probe.database}`, 'package:postgresql']) };
  }
}
