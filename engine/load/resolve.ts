import type { Become, Host } from '../host.ts';
import { ProblemError } from '../problem.ts';
import { namesWithin, type Resource, UnknownArgument } from '../resource.ts';
import { Locked, masked, Unknown, type Value } from '../value.ts';
import { type Arguments, mask, readArguments, type Sources } from './arguments.ts';
import { componentScope } from './component-scope.ts';
import { resourceKeys } from './envelope.ts';
import type { Named } from './inventory/model.ts';
import { becomeOf } from './inventory/own.ts';
import { checkNames, expandNeeds } from './names.ts';
import type { Doc, Path } from './parse.ts';
import type { PlayText } from './playbook.ts';
import { Problems } from './problems.ts';
import {
  type EntryText,
  type IncludeText,
  isInclude,
  type ResourceText,
  resourcesIn,
} from './resource-text.ts';
import { condition, isElement, placeOf, type Round, refuse, roundsOf } from './rounds.ts';
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
  /** The names that its text and the includes around it give under `needs`, with who says them. */
  needs: readonly (Named & Pick<Resource, 'within'>)[];
}

/** What the resources of a play, or of an include, have in common. */
interface Around extends Pick<Resource, 'groups' | 'within'>, Pick<Resolved, 'needs'> {
  scope: VariableScope;
  become: Become | false | undefined;
  when: boolean | Unknown;
  tags: readonly string[];
  onFailure: Resource['onFailure'];
  /** What the include may be called, by its label first; none for a play. */
  names: readonly string[];
}

/** Something of a document. */
interface Written {
  doc: Doc;
  path: Path;
}

const becomeSchema = { type: 'object', properties: { become: resourceKeys['become']! } };

/** The resources of a play for one host, in order. Throws a ProblemError with everything that is wrong. */
export function resolvePlay(play: PlayText, scope: VariableScope, options: Resolving): Resource[] {
  const problems = new Problems();
  const become = problems.attempt(() => evaluateBecome(play, play.become, scope)) ?? options.host.become;
  const all = resolveEntries(
    play.resources,
    { scope, become, when: true, tags: [], needs: [], onFailure: 'stop', names: [], groups: [], within: [] },
    options,
    problems,
  );
  checkNames(play, all, problems);
  problems.done();
  return expandNeeds(all).filter(({ tags }) => options.selects(tags));
}

function resolveEntries(
  texts: readonly EntryText[],
  around: Around,
  options: Resolving,
  problems: Problems,
): Resolved[] {
  const { scope } = around;
  const all: Resolved[] = [];
  // What is left out registers nothing, which only others that are left out may ask for.
  const leftOut: Record<string, Unknown> = {};
  for (const text of texts) {
    if (!text.sound) continue;
    const selected = resourcesIn([text], around.tags).some(({ tags }) => options.selects(tags));
    const own = { ...around, scope: selected ? scope : scope.with(leftOut) };
    const each = (round: Round) =>
      isInclude(text)
        ? includeRound(text, round, own, options, problems)
        : [resourceRound(text, round, own, options)];
    const resolved = problems.attempt(() => roundsOf(text, own.scope, options)) ?? [];
    const resources = resolved.flatMap(round => problems.attempt(() => each(round)) ?? []);
    all.push(...resources);
    const first = resources[0]?.resource;
    if (isInclude(text) || text.register === undefined || first === undefined) continue;
    const { name } = text.register;
    const key = first.register!;
    const outcome = Object.hasOwn(options.registered, key) ? (options.registered[key] as Value) : undefined;
    const unknown = new Unknown(first.groups[0] ?? first.name);
    if (selected) scope.set(name, outcome ?? unknown);
    else leftOut[name] = unknown;
  }
  return all;
}

/** The resources of a component, once. */
function includeRound(
  text: IncludeText,
  round: Round,
  around: Around,
  options: Resolving,
  problems: Problems,
): Resolved[] {
  const when = conditionOf(text, round, around, options);
  const name = text.name === undefined ? text.component.name : nameOf(text, text.name, round.scope);
  const names = namesWithin(around.names, labelsOf(text, round, name));
  const scope = componentScope(text, round.scope, when === false, options);
  const inner: Around = {
    ...envelopeOf(text, round, around),
    scope,
    when,
    names,
    groups: [...names, ...around.groups],
    within: [names[0]!, ...around.within],
  };
  return resolveEntries(text.component.resources, inner, options, problems);
}

function resourceRound(text: ResourceText, round: Round, around: Around, options: Resolving): Resolved {
  const { module, at, retry, risky } = text;
  const decided = conditionOf(text, round, around, options);
  const [when, waitsFor] = decided instanceof Unknown ? [undefined, decided.from] : [decided];
  const read =
    when === false ? skipped(text, round.scope, options) : readArguments(text, round.scope, options);
  for (const secret of read.secrets) options.secrets?.add(secret.text, secret.label);
  const { become, tags, needs, onFailure } = envelopeOf(text, round, around);
  const locked = decided instanceof Locked ? decided : read.locked;
  const base = baseName(text, round.scope, read);
  const [name, ...groups] = namesWithin(around.names, labelsOf(text, round, base)) as [string, ...string[]];
  const register = text.register && namesWithin(around.names.slice(0, 1), [text.register.name])[0]!;
  const resource: Resource = {
    name,
    groups: [...groups, ...around.groups],
    within: around.within,
    module,
    args: read.args,
    incomplete: read.incomplete,
    when,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    at,
    tags,
    needs: [],
    ...(become === undefined ? {} : { become }),
    onFailure,
    ...(risky === undefined ? {} : { risky }),
    retry,
    ...(locked === undefined || when === false ? {} : { locked: locked.problem }),
    ...(register === undefined ? {} : { register }),
    secrets: read.secrets,
  };
  return { text, resource, needs };
}

/** What something inherits from the include that it is in, and adds to it. */
function envelopeOf(text: EntryText, { scope }: Round, around: Around) {
  const at = { doc: text.doc, path: text.path.slice(0, -1) };
  const { within } = around;
  return {
    become: evaluateBecome(at, text.become, scope) ?? around.become,
    tags: [...around.tags, ...text.tags],
    needs: [...around.needs, ...text.needs.map(need => ({ ...need, within }))],
    onFailure: text.onFailure ?? around.onFailure,
  };
}

/** The names of one round of a loop, by its element first; the name alone where it has the element in it. */
function labelsOf(text: EntryText, { label }: Round, name: string): string[] {
  if (label === undefined) return [name];
  const usesElement =
    text.name === undefined
      ? !isInclude(text) && !name.endsWith('»')
      : referencesOf(text.name).some(({ path }) => isElement(path));
  return usesElement ? [name] : [`${name} (${label})`, name];
}

function conditionOf(
  text: EntryText,
  { scope }: Round,
  { when: outer }: Around,
  options: Resolving,
): boolean | Unknown {
  if (outer === false) return false;
  const own = condition(text, scope, options);
  return own === true ? outer : own;
}

/** The arguments of what is skipped are not asked for: they may use what is not there. Its name may. */
function skipped(text: ResourceText, scope: VariableScope, options: Resolving): Arguments {
  const nothing: Arguments = { args: {}, incomplete: false, secrets: [] };
  return new Problems().attempt(() => readArguments(text, scope, { ...options, offline: false })) ?? nothing;
}

/** The name as written, else the module and what it manages. Secrets and what is unknown show by their labels. */
function baseName(text: ResourceText, scope: VariableScope, read: Arguments): string {
  if (text.name !== undefined) return nameOf(text, text.name, scope);
  try {
    return `${text.module.name} ${mask(text.module.identity(read.args), read.secrets)}`;
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return `${text.module.name} «${thrown.from}»`;
    if (Object.keys(read.args).length === 0) return text.module.name;
    throw thrown;
  }
}

function nameOf(text: EntryText, name: Tree, scope: VariableScope): string {
  const value = masked(evaluateTree(name, scope, runtime));
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  return refuse(`name takes text, not ${describe(value)}.`, placeOf(text, 'name'));
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
