import { didYouMean } from '../did-you-mean.ts';
import type { Place } from '../problem.ts';
import { meant, type Resource } from '../resource.ts';
import { disagreements, known } from './claims.ts';
import type { PlayText } from './playbook.ts';
import type { Problems } from './problems.ts';
import type { Resolved } from './resolve.ts';
import { type ResourceText, resourcesIn } from './resource-text.ts';
import { sourceOf } from './tree.ts';

/** Checks what the resources of a host are called, what they own, and that the names they refer to are there. */
export function checkNames(play: PlayText, all: readonly Resolved[], problems: Problems): void {
  const conflicting = checkOwners(all, problems);
  const others = all.filter(resolved => !conflicting.has(resolved)).map(({ resource }) => resource);
  problems.add(...disagreements([others]));
  const byName = new Map<string, Resolved>();
  for (const resolved of all) {
    const { name, at } = resolved.resource;
    const other = byName.get(name);
    if (other === undefined) byName.set(name, resolved);
    else if (!name.includes('«') && !conflicting.has(resolved)) {
      const rounds = other.text === resolved.text;
      const message = rounds
        ? `Every round of this loop is called "${name}".`
        : `"${name}" is the name of two resources; the other is on ${lineOf(other.resource.at, at)}.`;
      problems.report(
        'duplicate-name',
        message,
        nameAt(resolved.text) ?? at,
        rounds ? 'Use item in its name or arguments.' : 'Give each a name of its own.',
      );
    }
  }
  checkReferred(play, all, problems);
}

/** Two resources that own the same thing would undo each other. Those that only look, or have no state, may repeat. */
function checkOwners(all: readonly Resolved[], problems: Problems): Set<Resolved> {
  const owners = new Map<string, Resolved>();
  const conflicting = new Set<Resolved>();
  for (const resolved of all) {
    const { module, args, when, at } = resolved.resource;
    if (when !== true || module.check === true) continue;
    const identity = known(() => (module.verifies?.(args) === false ? undefined : module.identity(args)));
    if (identity === undefined) continue;
    const owner = owners.get(`${module.name} ${identity}`);
    if (owner === undefined) {
      owners.set(`${module.name} ${identity}`, resolved);
      continue;
    }
    conflicting.add(resolved);
    const what = `${module.name}${resolved.resource.secrets.length > 0 ? '' : ` ${identity}`}`;
    if (owner.text === resolved.text) {
      problems.report(
        'conflict',
        `More than one round of this loop manages ${what}.`,
        at,
        'Use item in its arguments.',
      );
    } else {
      const message = `${what} is managed by two resources; the other is on ${lineOf(owner.resource.at, at)}.`;
      problems.report('conflict', message, at, 'Put what both declare into one of them.');
    }
  }
  return conflicting;
}

function checkReferred(play: PlayText, all: readonly Resolved[], problems: Problems): void {
  const resolved = new Set(all.map(({ text }) => text));
  const unresolved = resourcesIn(play.resources).flatMap(({ text }) => (resolved.has(text) ? [] : [text]));
  const resources = all.map(({ resource }) => resource);
  const names = new Set([
    ...resources.flatMap(({ name, groups }) => [name, ...groups]),
    ...unresolved.flatMap(({ name }) => (name === undefined ? [] : [String(sourceOf(name))])),
  ]);
  // The default name of what could not be resolved is not known.
  const perhaps = unresolved.filter(({ name }) => name === undefined).map(({ module }) => `${module.name} `);
  const check = (name: string, key: string, at: Place, by: Pick<Resource, 'within'>) => {
    if (
      names.has(name) ||
      meant(name, by, resources).length > 0 ||
      perhaps.some(beginning => name.startsWith(beginning))
    )
      return;
    problems.report(
      'unknown-resource',
      `${key} names "${name}", which no resource of the play is called.`,
      at,
      didYouMean(name, names),
    );
  };
  for (const { text, resource, needs } of all) {
    for (const need of needs) check(need.name, 'needs', need.at, need);
    if (resource.when === false) continue;
    for (const { to, action } of known(() => resource.module.reacts?.(resource.args, resource.name)) ?? []) {
      for (const name of to) check(name, `${action}_on`, placeOfText(text, name), resource);
    }
  }
}

/** The resources with the names in `needs` replaced by those of all rounds of a loop. */
export function expandNeeds(all: readonly Resolved[]): Resource[] {
  const resources = all.map(({ resource }) => resource);
  return all.map(({ resource, needs }) => ({
    ...resource,
    needs: needs.flatMap(need => meant(need.name, need, resources).map(({ name }) => name)),
  }));
}

function nameAt({ name, doc, path }: ResourceText): Place | undefined {
  return name === undefined ? undefined : doc.place([...path.slice(0, -1), 'name']);
}

/** Where a text stands in the arguments; the module key when it was computed. */
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

function lineOf({ file, line }: Place, here: Place): string {
  return file === here.file ? `line ${line}` : `line ${line} of ${file}`;
}
