import type { Owed, Probe } from '../probe.ts';
import { Missing } from '../probe.ts';
import { answersOf, byName, meant, type Resource } from '../resource.ts';
import { Foresight } from './foresight.ts';
import { compare } from './plan.ts';
import type { Reading } from './probes/kind.ts';
import { Observed } from './read.ts';

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
    ...answersOf(to).flatMap(({ to: names, action }) => all(names, to, `${action}_on`)),
  ]);
  const order = new Map(resources.map((resource, index) => [resource, index]));
  const before = new Map<Resource, Set<Resource>>(resources.map(resource => [resource, new Set()]));
  const lead = ({ from, to }: Edge) => {
    for (const each of [from, ...before.get(from)!]) before.get(to)!.add(each);
  };
  const edges: Edge[] = [];
  const foresight = new Foresight();
  for (const to of resources) {
    const own = written.filter(edge => edge.to === to);
    own.filter(({ from }) => order.get(from)! < order.get(to)!).forEach(lead);
    // The latest first, because it may lead from the others.
    for (const from of predictedFrom(to, foresight, resources).toReversed()) {
      if (from === to || before.get(to)!.has(from)) continue;
      own.push({ from, to, kind: 'after' });
      lead(own.at(-1)!);
    }
    edges.push(...own);
  }
  return edges;
}

/** The resources whose changes a prediction for `resource` would rest on, in order, if the host were blank. */
function predictedFrom(resource: Resource, foresight: Foresight, all: readonly Resource[]): Resource[] {
  if (resource.when === false) return [];
  const context = { verifying: false, nowS: 0, name: resource.name };
  const { predictedFrom, desired } = compare(resource, new BlankHost(), context, foresight);
  if (!resource.module.check) foresight.add(resource, [], desired);
  const names = new Set([...predictedFrom, resource.waitsFor]);
  return all.filter(({ name }) => names.has(name));
}

/** Readings of a host on which nothing is that a playbook could bring. */
class BlankHost extends Observed {
  constructor() {
    super(new Map(), {});
  }

  override of(probe: Probe): Reading {
    switch (probe.kind) {
      case 'unit':
        return { value: { LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '' } };
      case 'sql':
        return { missing: new Missing('psql', [`database:${probe.database}`, 'package:postgresql*']) };
      case 'owed':
        return { value: [] };
      case 'command':
        return { value: { exit: 127, stdout: '', stderr: '' } };
      default:
        return { value: null };
    }
  }
}
