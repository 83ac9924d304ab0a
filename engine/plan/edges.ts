import { posix } from 'node:path';
import { attributeClaim, ownerClaim, presenceClaim, typeClaim } from '../module.ts';
import type { Owed, Probe } from '../probe.ts';
import { Missing } from '../probe.ts';
import { blank } from '../probes/blank.ts';
import type { Reading } from '../probes/probe-kind.ts';
import { Observed } from '../probes/readings.ts';
import { byName, meant, type Resource, reactionsOf, thingOf, unlessUnknown } from '../resource.ts';
import { Forecast } from './forecast.ts';
import type { HostSight } from './host-sight.ts';
import { plan } from './plan.ts';

/** A connection between two resources. Its kind is the key that states it, or `after` if the engine derives it. */
export interface Edge<R = Resource> {
  from: R;
  to: R;
  kind: 'needs' | `${Owed['action']}_on` | 'after';
}

/**
 * Returns the edges between the resources of one host, without contacting it. The derived edges come from a check of a
 * blank host, whose predictions name the resources that they depend on, and from folders and owners: a path follows the
 * resource of the folder that it lies in, and that of the account it belongs to. An edge that other edges imply is left out.
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
  const places = new Places();
  for (const to of resources) {
    const founding = places.foundationOf(to);
    places.add(to);
    const own = written.filter(edge => edge.to === to);
    own.filter(({ from }) => order.get(from)! < order.get(to)!).forEach(lead);
    const leading = resources.filter(each => from.get(to.name)!.includes(each) || founding.has(each));
    // The latest first, because it may lead from the others.
    for (const each of leading.toReversed()) {
      if (each === to || before.get(to)!.has(each)) continue;
      own.push({ from: each, to, kind: 'after' });
      lead(own.at(-1)!);
    }
    edges.push(...own);
  }
  return edges;
}

/** Returns, by the name of each resource, the resources that its plan on a blank host depends on, in order. */
function restingOn(all: readonly Resource[]): ReadonlyMap<string, Resource[]> {
  const sight: HostSight = {
    observed: new BlankHost(),
    context: { nowS: 0, login: 'root' },
    forecast: new Forecast(),
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

/** The folders, accounts and groups of resources, by the resource that makes them. */
class Places {
  readonly #folders = new Map<string, Resource>();
  readonly #accounts = new Map<string, Resource>();

  add(resource: Resource): void {
    this.#accounts.set(
      unlessUnknown(() => thingOf(resource), ''),
      resource,
    );
    for (const [claim, value] of claimsOf(resource))
      if (claim.startsWith(typeClaim) && value === 'directory')
        this.#folders.set(claim.slice(typeClaim.length), resource);
  }

  /** Returns the resources of the folders in which the paths of a resource lie, and of the accounts that own them. */
  foundationOf(resource: Resource): Set<Resource> {
    const found = claimsOf(resource).map(([claim, value]) => {
      const kind = [typeClaim, presenceClaim].find(each => claim.startsWith(each));
      if (kind !== undefined && value !== 'nothing') return this.#folderAbove(claim.slice(kind.length));
      if (claim.startsWith(ownerClaim(''))) return this.#accounts.get(`user ${value}`);
      return claim.startsWith(attributeClaim('group', '')) ? this.#accounts.get(`group ${value}`) : undefined;
    });
    return new Set(found.filter(each => each !== undefined));
  }

  #folderAbove(path: string): Resource | undefined {
    for (let at = posix.dirname(path); at !== '/' && at !== '.'; at = posix.dirname(at)) {
      const folder = this.#folders.get(at);
      if (folder !== undefined) return folder;
    }
    return undefined;
  }
}

function claimsOf({ module, args, when }: Resource): [claim: string, value: unknown][] {
  return when === false ? [] : Object.entries(unlessUnknown(() => module.claims?.(args)) ?? {});
}

/** The readings of a host without anything that a playbook could bring. */
class BlankHost extends Observed {
  constructor() {
    super(new Map(), {});
  }

  override of(probe: Probe): Reading {
    if (probe.kind !== 'sql') return { value: blank(probe) };
    return { missing: new Missing('psql', [`database:${probe.database}`, 'package:postgresql']) };
  }
}
