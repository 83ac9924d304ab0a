import { createHmac } from 'node:crypto';
import type { Outcome } from '../events.ts';
import type { PlannedDiff, StateValue } from '../module.ts';
import { isText, textOf } from '../module-kit/state-text.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import { FileContent } from '../util/file-content.ts';
import type { PlannedResource } from './plan.ts';
import type { SavedHost, SavedPlan, SavedResource } from './saved-plan-schema.ts';

/** The identity of a host, and the last apply of the plan to it. */
export interface Origin {
  machineId?: string;
  /** `SHA256:…` of its SSH key. */
  hostKey?: string;
  /** The run that began to apply the plan to it, and the time if it can be read. */
  applied?: { run: string; at?: string };
}

/** A saved plan without its digest. */
export type UnsealedPlan = Omit<SavedPlan, 'digest'> & { digest?: never };

/** Turns values into digests, and masks the secrets in names. */
export interface Seal {
  salt: string;
  mask(text: string): string;
}

/** Returns the part of a saved plan about one host: names, and digests of everything else. */
export function savedHost(
  host: string,
  origin: Origin,
  planned: readonly PlannedResource[],
  seal: Seal,
): SavedHost {
  return {
    ...(origin.machineId !== undefined && { machine_id: digest(seal, ['machine', origin.machineId]) }),
    ...(origin.hostKey !== undefined && { host_key: origin.hostKey }),
    resources: planned.map(({ resource, outcome }) => ({
      name: seal.mask(outcome.name),
      module: outcome.module,
      status: outcome.status,
      ...(outcome.open === true && { open: true }),
      declared: declared(host, resource, seal),
      diff: outcome.diff && savedDiff(host, outcome.name, outcome.diff, seal),
      predicted_from: outcome.predictedFrom.map(name => seal.mask(name)),
    })),
  };
}

/** Returns a plan with the digest of everything in it, in the place of an earlier digest. */
export function sealed({ digest: _digest, ...plan }: SavedPlan | UnsealedPlan): SavedPlan {
  return { ...plan, digest: digest({ salt: plan.salt }, plan) };
}

/** Returns the digest of the declaration of a resource on one host. An unknown value counts by the resource it waits for. */
export function declared(host: string, resource: Resource, seal: Seal): string {
  const { at: _at, tags: _tags, name, module, args, delegatedTo, ...keys } = resource;
  const where = delegatedTo === undefined ? [] : [delegatedTo.name, delegatedTo.address];
  return digest(seal, ['declared', host, name, module.name, canonical(keys), canonical(args), ...where]);
}

function savedDiff(
  host: string,
  name: string,
  { kind, changes }: PlannedDiff,
  seal: Seal,
): SavedResource['diff'] {
  const side = (side: 'before' | 'after', key: string, value: StateValue | undefined) =>
    value === undefined
      ? {}
      : { [side]: digest(seal, ['value', host, name, key, isText(value) ? ['text', value.sha256] : value]) };
  return {
    kind,
    changes: changes.map(({ key, before, after }) => ({
      key: seal.mask(key),
      ...side('before', key, before),
      ...side('after', key, after),
    })),
  };
}

/** The differences between a host and its saved plan, in words for each resource. */
export interface Departure {
  /** Resources whose declaration has changed. */
  redeclared: string[];
  added: string[];
  removed: string[];
  reordered: boolean;
  /** The present state of each resource that has changed on the host. */
  moved: string[];
}

/** Compares a host with its saved plan; `planned` gives the words for the state `now`. */
export function departure(saved: SavedHost, now: SavedHost, planned: readonly PlannedResource[]): Departure {
  const before = new Map(saved.resources.map(resource => [resource.name, resource]));
  const names = now.resources.map(({ name }) => name);
  const common = names.filter(name => before.has(name));
  const removed = [...before.keys()].filter(name => !names.includes(name));
  const redeclared = now.resources.filter(
    each => before.has(each.name) && before.get(each.name)!.declared !== each.declared,
  );
  return {
    redeclared: redeclared.map(({ name }) => name),
    added: names.filter(name => !before.has(name)),
    removed,
    reordered: [...before.keys()].filter(name => names.includes(name)).join('\n') !== common.join('\n'),
    moved: now.resources.flatMap((each, i) => {
      const was = before.get(each.name);
      if (was === undefined || redeclared.includes(each) || planned[i]!.resource.module.check) return [];
      const words = movement(was, each, planned[i]!.outcome);
      return words.length === 0 ? [] : [`${each.name}: ${words.join(', ')}`];
    }),
  };
}

/** Returns the changes of a resource since the plan, in words; none if the plan left its difference open. */
function movement(was: SavedResource, now: SavedResource, outcome: Outcome): string[] {
  if (was.open === true) return [];
  if (outcome.error !== undefined) return was.status === now.status ? [] : [outcome.error.message];
  if (was.diff !== null && now.diff === null)
    return [now.status === 'unknown' ? 'unknown here now' : 'as declared now'];
  if (was.diff !== null && now.diff !== null && was.diff.kind !== now.diff.kind)
    return [now.diff.kind === 'create' ? 'does not exist any more' : 'exists now'];
  const changes = (of: SavedResource) => new Map(of.diff?.changes.map(change => [change.key, change]));
  const [before, after] = [changes(was), changes(now)];
  const words: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(key), after.get(key)];
    const value = outcome.diff?.changes[now.diff?.changes.findIndex(change => change.key === key) ?? -1];
    // A thing that another resource makes has more keys than that resource declares, such as defaults.
    const isUntold = a?.before === undefined && was.predicted_from.length > 0;
    if (b === undefined) words.push(`${key} is as declared now`);
    else if (a === undefined || (a.before !== b.before && !isUntold))
      words.push(`${key} is ${wordsFor(value?.before, outcome)}`);
    else if (a.after !== b.after) words.push(`${key} would become ${wordsFor(value?.after, outcome)}`);
  }
  if (words.length > 0 || was.status === now.status) return words;
  return [
    now.status === 'skipped'
      ? 'would be skipped'
      : now.status === 'unknown'
        ? 'unknown here now'
        : now.status === 'unchanged'
          ? 'as declared now'
          : 'would change',
  ];
}

/** Returns the words for a value. A value that may come from a secret is not shown. */
function wordsFor(value: StateValue | undefined, { secrets }: Outcome): string {
  if (value === undefined || value === null) return 'absent now';
  if (secrets.length > 0 || isText(value)) return 'another one now';
  return `${Array.isArray(value) ? value.join(', ') || 'empty' : value} now`;
}

function digest({ salt }: Pick<Seal, 'salt'>, content: unknown): string {
  return createHmac('sha256', Buffer.from(salt, 'hex')).update(JSON.stringify(content)).digest('hex');
}

/** Returns a value as JSON data in which bytes and unknown values differ from every other value. */
function canonical(value: unknown): unknown {
  if (value === undefined) return ['undefined'];
  if (value instanceof Uint8Array || value instanceof FileContent) return ['content', textOf(value).sha256];
  if (Array.isArray(value)) return ['list', ...value.map((_, i) => known(() => value[i]))];
  if (typeof value !== 'object' || value === null) return ['value', value];
  return ['map', ...Object.keys(value).map(key => [key, known(() => value[key as never])])];
}

function known(read: () => unknown): unknown {
  try {
    return canonical(read());
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return ['unknown', thrown.from];
    throw thrown;
  }
}
