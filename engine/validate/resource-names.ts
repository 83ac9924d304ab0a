import { sourceOf } from '../expression/template-tree.ts';
import { type ResourceText, resourcesIn } from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import { lineFrom, type Place, type Problem } from '../problem.ts';
import type { Resolved } from '../resolve/resolving.ts';
import { byName, leavesFirst, meant, type Resource, reactionsOf } from '../resource.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { grouped } from '../util/grouped.ts';
import type { Problems } from '../util/problem-collector.ts';
import { disagreements, hintFor, ownedBy } from './conflicts.ts';

/** Checks the names, the managed things and the references of the resources of a host. */
export function checkNames(play: PlayText, all: readonly Resolved[], problems: Problems): void {
  checkOverlaps(all, problems);
  checkReferred(play, all, problems);
}

/** Checks that nothing is declared twice, and that no two resources have the same name. */
export function checkOverlaps(all: readonly Resolved[], problems: Problems): void {
  const conflicting = checkOwners(all, problems);
  const others = all.filter(resolved => !conflicting.has(resolved)).map(({ resource }) => resource);
  for (const here of grouped(others, ({ delegatedTo }) => delegatedTo?.name).values())
    for (const problem of disagreements([here]))
      problems.add({ ...problem, ...viaOf(all.findLast(({ resource }) => resource.at === problem.at)) });
  const called = new Map<string, Resolved>();
  for (const resolved of all) {
    const { name, at } = resolved.resource;
    const other = called.get(name);
    if (other === undefined) called.set(name, resolved);
    else if (!name.includes('«') && !conflicting.has(resolved)) {
      const [message, hint] =
        other.text !== resolved.text
          ? [
              `"${name}" is the name of two resources; the other is on ${lineFrom(at, other.resource.at)}.`,
              'Give each a name of its own.',
            ]
          : isRound(other, resolved)
            ? [`Every round of this loop is called "${name}".`, 'Use item in its name or arguments.']
            : [`"${name}" comes from two includes.`, 'Give each include a name of its own.'];
      const place = nameAt(resolved.text) ?? at;
      problems.add({ code: 'duplicate-name', message, hint, at: place, ...viaOf(resolved) });
    }
  }
}

/** Reports resources that manage the same thing and would undo each other. Checks and resources without state may repeat. */
function checkOwners(all: readonly Resolved[], problems: Problems): Set<Resolved> {
  const owners = new Map<string, Resolved>();
  const conflicting = new Set<Resolved>();
  for (const resolved of all) {
    const { module, at } = resolved.resource;
    const identity = ownedBy(resolved.resource);
    if (identity === undefined) continue;
    const thing = thingOwned(resolved.resource, identity);
    const owner = owners.get(thing);
    if (owner === undefined) {
      owners.set(thing, resolved);
      continue;
    }
    conflicting.add(resolved);
    const what = `${module.name}${resolved.resource.secrets.length > 0 ? '' : ` ${identity}`}`;
    const [message, hint]: [string, string] =
      owner.text !== resolved.text
        ? [
            `${what} is managed by two resources; the other is on ${lineFrom(at, owner.resource.at)}.`,
            'Put what both declare into one of them.',
          ]
        : isRound(owner, resolved)
          ? [
              `More than one round of this loop manages ${what}.`,
              'Use item in the arguments that name it, or give one resource all items as a list.',
            ]
          : [`More than one include manages ${what}.`, 'Use a parameter of the component in its arguments.'];
    problems.add({
      code: 'conflict',
      message,
      hint: hintFor(hint, [owner.resource, resolved.resource]),
      at,
      ...viaOf(resolved),
    });
  }
  return conflicting;
}

/** Returns a key that is equal for two resources that manage the same thing of the same host. */
export function thingOwned(resource: Resource, identity: string): string {
  const { delegatedTo, module } = resource;
  return `${leavesFirst(resource) ? 'before' : ''} ${delegatedTo?.name ?? ''} ${module.name} ${identity}`;
}

/**
 * Checks that the names under `needs`, `restart_on` and similar keys are those of earlier resources, and that a resource reacts
 * only to changes of its own host.
 */
export function checkReferred(play: PlayText, all: readonly Resolved[], problems: Problems): void {
  const resolved = new Set(all.map(({ text }) => text));
  const unresolved = resourcesIn(play.resources).flatMap(({ text }) => (resolved.has(text) ? [] : [text]));
  const named = byName(all.map(({ resource }) => resource));
  const places = new Map(all.map(({ resource }, place) => [resource, place]));
  const names = new Set([
    ...named.keys(),
    ...unresolved.flatMap(({ name }) => (name === undefined ? [] : [String(sourceOf(name))])),
  ]);
  // The default name of an unresolved resource is not known.
  const perhaps = unresolved.filter(({ name }) => name === undefined).map(({ module }) => `${module.name} `);
  const check = (name: string, key: string, at: Place, by: Pick<Resource, 'within'>, from: Resolved) => {
    if (
      names.has(name) ||
      meant(name, by, named).length > 0 ||
      perhaps.some(beginning => name.startsWith(beginning))
    )
      return;
    const message = `${key} names "${name}", which no resource of the play is called.`;
    const hint = didYouMean(name, names) ?? 'Names are as a plan shows them, such as "file /etc/motd".';
    problems.add({ code: 'unknown-resource', message, hint, at, ...viaOf(from) });
  };
  for (const from of all) {
    const { text, resource, needs } = from;
    for (const need of needs) {
      check(need.name, 'needs', need.at, need, from);
      problems.add(...inOrder(from, { key: 'needs', ...need }, meant(need.name, need, named), places));
    }
    for (const { to, action } of reactionsOf(resource)) {
      const key = `${action}_on`;
      for (const name of to) {
        const at = placeOfText(text, name);
        const answered = meant(name, resource, named);
        check(name, key, at, resource, from);
        if (answered.some(({ delegatedTo }) => delegatedTo?.name !== resource.delegatedTo?.name)) {
          const message = `${key} names "${name}", which is done on another host.`;
          const hint = 'A service reacts to changes of its own host: delegate both, or neither.';
          problems.add({ code: 'invalid-value', message, hint, at, ...viaOf(from) });
        } else problems.add(...inOrder(from, { key, name, at }, answered, places));
      }
    }
  }
}

/** Returns a problem for a reference to a later resource: resources are applied in the order of the playbook. */
function inOrder(
  by: Resolved,
  { key, name, at }: { key: string; name: string; at: Place },
  meant: readonly Resource[],
  places: ReadonlyMap<Resource, number>,
): Problem[] {
  const here = places.get(by.resource)!;
  const later = meant.findLast(resource => places.get(resource)! >= here);
  if (later === undefined) return [];
  const own = by.resource.name;
  if (meant.includes(by.resource)) {
    const message = `${key} of "${own}" names the resource itself.`;
    return [{ code: 'invalid-value', message, hint: 'Leave it out.', at, ...viaOf(by) }];
  }
  const line = lineFrom(at, later.at);
  const [message, hint] =
    key === 'needs'
      ? [
          `"${own}" needs "${name}", which comes later: resources are done in the order they are written in.`,
          `Move "${name}" from ${line} to a place before "${own}".`,
        ]
      : [
          `"${own}" reacts to changes of "${name}", which comes later: it would react only in the next run.`,
          `Move "${own}" to a place after "${name}", which is on ${line}.`,
        ];
  return [{ code: 'order', message, hint, at, ...viaOf(by) }];
}

/** Whether two resources of one text are rounds of a loop, and not of two includes. */
function isRound(one: Resolved, other: Resolved): boolean {
  return JSON.stringify(one.via) === JSON.stringify(other.via);
}

/** Returns the includes around a resource, as a part of a problem. */
function viaOf(resolved: Resolved | undefined): Pick<Problem, 'via'> {
  return resolved === undefined || resolved.via.length === 0 ? {} : { via: resolved.via };
}

/** Returns the resources with each name in `needs` replaced by the names of the resources that it means. */
export function expandNeeds(all: readonly Resolved[]): Resource[] {
  const named = byName(all.map(({ resource }) => resource));
  return all.map(({ resource, needs }) => ({
    ...resource,
    needs: needs.flatMap(need => meant(need.name, need, named).map(({ name }) => name)),
  }));
}

function nameAt({ name, doc, path }: ResourceText): Place | undefined {
  return name === undefined ? undefined : doc.place([...path.slice(0, -1), 'name']);
}

/** Returns the place of a text in the arguments, or of the module key if the text was computed. */
function placeOfText({ doc, path, args, at }: ResourceText, wanted: string): Place {
  const find = (value: unknown, inner: (string | number)[]): Place | undefined => {
    if (value === wanted) return doc.place([...path, ...inner]);
    if (typeof value !== 'object' || value === null) return undefined;
    for (const [key, element] of Object.entries(value)) {
      const found = find(element, [...inner, Array.isArray(value) ? Number(key) : key]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(sourceOf(args), []) ?? at;
}
