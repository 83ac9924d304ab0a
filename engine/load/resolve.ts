import type { Become, Host } from '../host.ts';
import { type Place, ProblemError } from '../problem.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import { isMap, masked, Unknown, type Value } from '../value.ts';
import { type Arguments, mask, readArguments, type Sources } from './arguments.ts';
import { resourceKeys } from './envelope.ts';
import { becomeOf } from './inventory/own.ts';
import { checkNames, expandNeeds } from './names.ts';
import type { Doc, Path } from './parse.ts';
import type { PlayText, ResourceText } from './playbook.ts';
import { Problems } from './problems.ts';
import { checkReferences } from './references.ts';
import { runtime } from './scope.ts';
import { evaluateTree, referencesOf, type Tree } from './tree.ts';
import { validate } from './validate.ts';
import type { VariableScope } from './variables.ts';
import { describe } from './wording.ts';

/** Told every secret text that reaches an argument, before anything can show it. */
export interface SecretSink {
  add(text: string, label: string): void;
}

/** Outcomes by `register` name: maps of plain data, or lists of them for loops. */
export type Registered = Readonly<Record<string, object>>;

/** What resolving a play needs besides the play. */
export interface Resolving extends Sources {
  host: Host;
  registered: Registered;
  selects(tags: readonly string[]): boolean;
  secrets?: SecretSink | undefined;
}

/** A resource for one host and what it was made of. */
export interface Resolved {
  text: ResourceText;
  resource: Resource;
}

/** Something of a document. */
interface Written {
  doc: Doc;
  path: Path;
}

const becomeSchema = { type: 'object', properties: { become: resourceKeys['become']! } };

/** One time that a resource is there: once, or for each element of its loop. */
interface Round {
  scope: VariableScope;
  label?: string;
}

/** The resources of a play for one host, in order. Throws a ProblemError with everything that is wrong. */
export function resolvePlay(play: PlayText, scope: VariableScope, options: Resolving): Resource[] {
  const problems = new Problems();
  const become = problems.attempt(() => evaluateBecome(play, play.become, scope)) ?? options.host.become;
  const all: Resolved[] = [];
  // What is left out registers nothing, which only others that are left out may ask for.
  const leftOut: Record<string, Unknown> = {};
  for (const text of play.resources) {
    if (!text.sound) continue;
    const selected = options.selects(text.tags);
    const own = selected ? scope : scope.with(leftOut);
    const resolved = problems.attempt(() => resolveResource(text, own, become, options, problems)) ?? [];
    all.push(...resolved);
    const first = resolved[0]?.resource;
    if (text.register === undefined || first === undefined) continue;
    const { name } = text.register;
    const outcome = Object.hasOwn(options.registered, name) ? (options.registered[name] as Value) : undefined;
    const unknown = new Unknown(first.loopOf ?? first.name);
    if (selected) scope.set(name, outcome ?? unknown);
    else leftOut[name] = unknown;
  }
  checkNames(play, all, problems);
  problems.done();
  return expandNeeds(all).filter(({ tags }) => options.selects(tags));
}

function resolveResource(
  text: ResourceText,
  scope: VariableScope,
  become: Become | false | undefined,
  options: Resolving,
  problems: Problems,
): Resolved[] {
  const resolveRound = (round: Round) =>
    problems.attempt(() => ({ text, resource: readRound(text, round, become, options) }));
  // A condition that does not look at the elements decides about the loop as a whole.
  if (text.loop !== undefined && !usesElement(text) && condition(text, scope, options) === false) {
    return [resolveRound({ scope })].filter(resolved => resolved !== undefined);
  }
  return roundsOf(text, scope, options)
    .map(resolveRound)
    .filter(resolved => resolved !== undefined);
}

function readRound(
  text: ResourceText,
  round: Round,
  playBecome: Become | false | undefined,
  options: Resolving,
): Resource {
  const { module, at, tags, retry, onFailure, risky } = text;
  const decided = condition(text, round.scope, options);
  const [when, waitsFor] = decided instanceof Unknown ? [undefined, decided.from] : [decided];
  const read =
    when === false ? skipped(text, round.scope, options) : readArguments(text, round.scope, options);
  for (const secret of read.secrets) options.secrets?.add(secret.text, secret.label);
  const become =
    evaluateBecome({ doc: text.doc, path: text.path.slice(0, -1) }, text.become, round.scope) ?? playBecome;
  const base = baseName(text, round.scope, read);
  const usesOwnName =
    text.name === undefined
      ? !base.endsWith('»')
      : referencesOf(text.name).some(({ path }) => isElement(path));
  return {
    name: round.label === undefined || usesOwnName ? base : `${base} (${round.label})`,
    ...(round.label === undefined || usesOwnName ? {} : { loopOf: base }),
    module,
    args: read.args,
    incomplete: read.incomplete,
    when,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    at,
    tags,
    needs: text.needs.map(({ name }) => name),
    ...(become === undefined ? {} : { become }),
    onFailure,
    ...(risky === undefined ? {} : { risky }),
    retry,
    ...(text.register === undefined ? {} : { register: text.register.name }),
    secrets: read.secrets.length > 0,
  };
}

/** The arguments of what is skipped are not asked for: they may use what is not there. Its name may. */
function skipped(text: ResourceText, scope: VariableScope, options: Resolving): Arguments {
  const nothing: Arguments = { args: {}, incomplete: false, secrets: [] };
  return new Problems().attempt(() => readArguments(text, scope, { ...options, offline: false })) ?? nothing;
}

function condition(text: ResourceText, scope: VariableScope, { offline }: Sources): boolean | Unknown {
  if (typeof text.when !== 'object') return text.when ?? true;
  const { when } = text;
  const problems = new Problems();
  if (offline) problems.attempt(() => checkReferences(when.references, scope));
  const value = problems.attempt(() => when.evaluate(scope, runtime));
  problems.done();
  if (value instanceof Unknown || typeof value === 'boolean') return value;
  return refuse(`when must be true or false, not ${describe(masked(value ?? null))}.`, placeOf(text, 'when'));
}

function roundsOf(text: ResourceText, scope: VariableScope, { offline }: Sources): Round[] {
  if (text.loop === undefined) return [{ scope }];
  if (offline) checkReferences(referencesOf(text.loop), scope);
  const value = evaluateTree(text.loop, scope, runtime);
  if (value instanceof Unknown) {
    const names = { item: value, index: value, key: value };
    return [{ scope: scope.with(names), label: `«${value.from}»` }];
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => ({
      scope: scope.with({ item, index }),
      label: labelOf(item) ?? String(index),
    }));
  }
  if (!isMap(value))
    return refuse(`loop takes a list or a map, not ${describe(masked(value))}.`, placeOf(text, 'loop'));
  return Object.entries(value).map(([key, item], index) => ({
    scope: scope.with({ item, index, key }),
    label: key,
  }));
}

function labelOf(item: Value): string | undefined {
  if (isMap(item)) return item['name'] === undefined ? undefined : labelOf(item['name']);
  return Array.isArray(item) ? undefined : String(masked(item));
}

function usesElement({ when }: ResourceText): boolean {
  return typeof when === 'object' && when.references.some(({ path }) => isElement(path));
}

function isElement(path: readonly string[]): boolean {
  return ['item', 'index', 'key'].includes(path[0]!);
}

/** The name as written, else the module and what it manages. Secrets and what is unknown show by their labels. */
function baseName(text: ResourceText, scope: VariableScope, read: Arguments): string {
  if (text.name !== undefined) {
    const value = masked(evaluateTree(text.name, scope, runtime));
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    return refuse(`name takes text, not ${describe(value)}.`, placeOf(text, 'name'));
  }
  try {
    return `${text.module.name} ${mask(text.module.identity(read.args), read.secrets)}`;
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return `${text.module.name} «${thrown.from}»`;
    if (Object.keys(read.args).length === 0) return text.module.name;
    throw thrown;
  }
}

function evaluateBecome(
  at: Written,
  tree: Tree | undefined,
  scope: VariableScope,
): Become | false | undefined {
  if (tree === undefined) return undefined;
  const value = masked(evaluateTree(tree, scope, runtime));
  const subject = { doc: at.doc, path: at.path, label: 'become' };
  const problems = validate(becomeSchema, { become: value }, subject, 'unknown');
  if (problems.length > 0) throw new ProblemError(...problems);
  return becomeOf(value);
}

function placeOf({ doc, path }: ResourceText, key: string): Place {
  return doc.place([...path.slice(0, -1), key]);
}

function refuse(message: string, at: Place): never {
  throw new ProblemError({ code: 'wrong-type', message, at });
}
