import { runtime } from '../expression/controller-values.ts';
import { evaluateTree, referencesOf, type Tree } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { Become } from '../host.ts';
import { becomeOf } from '../inventory/own-inventory.ts';
import {
  type EntryText,
  type IncludeText,
  isInclude,
  type ResourceText,
  resourcesIn,
} from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import { ProblemError } from '../problem.ts';
import { namesWithin, type Resource, UnknownArgument, type Visit } from '../resource.ts';
import { validate } from '../schema/json-schema.ts';
import { resourceKeys } from '../schema/resource-keys.ts';
import { describe } from '../schema/value-words.ts';
import { includedBy, Problems } from '../util/problem-collector.ts';
import { masked, PendingOutcome, Unknown, UnopenedSecret } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import { type Arguments, mask, readArguments } from './arguments.ts';
import { componentScope } from './component-scope.ts';
import { targetOf } from './delegation.ts';
import { condition, isElement, placeOf, type Round, refuse, roundsOf } from './loop.ts';
import { checkReactions, outcomeOf } from './registered-outcomes.ts';
import type { Around, Resolved, Resolving } from './resolving.ts';
import { skipped } from './skipped-resources.ts';

/** A place in a document. */
interface Written {
  doc: Doc;
  path: Path;
}

const becomeSchema = { type: 'object', properties: { become: resourceKeys['become']! } };

/** Returns the surroundings of the entries of a play. */
export function aroundPlay(scope: VariableScope, become: Around['become']): Around {
  const nothing = { tags: [], needs: [], names: [], groups: [], within: [], via: [] };
  return { ...nothing, scope, leftOut: {}, become, when: true, onFailure: 'stop' };
}

/** Returns the account of a play. Throws a ProblemError. */
export function becomeOfPlay(play: PlayText, scope: VariableScope): Become | false | undefined {
  return evaluateBecome(play, play.become, scope);
}

export function resolveEntries(
  texts: readonly EntryText[],
  around: Around,
  options: Resolving,
  problems: Problems,
): Resolved[] {
  return texts.flatMap(text => {
    const resources = resolveEntry(text, around, options, problems);
    register(text, resources, around, options);
    return resources;
  });
}

/** Returns the resources of one entry. A mistake in one round of a loop leaves the other rounds. */
export function resolveEntry(
  text: EntryText,
  around: Around,
  options: Resolving,
  problems: Problems,
): Resolved[] {
  if (!text.sound) return [];
  const seesLeftOut = Object.keys(around.leftOut).length > 0 && !isSelected(text, around, options);
  const inner = text.visit === undefined ? around : visiting(text.visit, around);
  const own = seesLeftOut ? { ...inner, scope: around.scope.with(around.leftOut) } : inner;
  const each = (round: Round) =>
    isInclude(text)
      ? includeRound(text, round, own, options, problems)
      : [resourceRound(text, round, own, options)];
  const rounds = problems.attempt(() => roundsOf(text, own.scope, options)) ?? [];
  return rounds.flatMap(round => problems.attempt(() => each(round)) ?? []);
}

/** The resources of a visit have names of their own, because the same thing may be declared before and after. */
function visiting(visit: Visit, around: Around): Around {
  return { ...around, visit, names: [visit], groups: [visit], within: [visit] };
}

/** Gives later entries the outcome of an entry and its `resources`, under its registered name. */
export function register(
  text: EntryText,
  resources: readonly Resolved[],
  around: Around,
  options: Pick<Resolving, 'registered' | 'selects'>,
): void {
  if (!text.sound || isInclude(text) || text.register === undefined) return;
  const { name } = text.register;
  const outcome = outcomeOf(text, resources, options.registered);
  if (isSelected(text, around, options)) around.scope.set(name, outcome);
  else around.leftOut[name] = outcome;
}

function isSelected(text: EntryText, { tags }: Around, { selects }: Pick<Resolving, 'selects'>): boolean {
  return resourcesIn([text], tags).some(each => selects(each.tags));
}

/** Returns the resources of one round of an include. */
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
  const inside = new Problems();
  const scope = inside.attempt(() => componentScope(text, round.scope, when === false, options));
  const inner = scope && {
    ...envelopeOf(text, round, around),
    scope,
    leftOut: {},
    when,
    names,
    groups: [...names, ...around.groups],
    within: [names[0]!, ...around.within],
    via: [text.at, ...around.via],
  };
  const all = inner && resolveEntries(text.component.resources, inner, options, inside);
  problems.add(...inside.all().map(problem => includedBy(problem, text.at)));
  return all ?? [];
}

function resourceRound(text: ResourceText, round: Round, around: Around, options: Resolving): Resolved {
  const { module, at, retry, risky, runOnce, atOnce } = text;
  const place = `${at.file}:${at.line}:${at.column} ${around.within[0] ?? ''}`;
  const decided = conditionOf(text, round, around, options);
  const [when, waitsFor] = decided instanceof Unknown ? [undefined, decided.from] : [decided];
  const read =
    when === false ? skipped(text, round.scope, options) : readArguments(text, round.scope, options);
  for (const secret of read.secrets) options.secrets?.add(secret.text, secret.label);
  if (when !== false) checkReactions(text, read.args, options);
  const { become: own, tags, needs, onFailure } = envelopeOf(text, round, around);
  const delegatedTo = when === false ? undefined : targetOf(text, round.scope, options);
  const become = own ?? (delegatedTo ?? options.host).become;
  const unopened = decided instanceof UnopenedSecret ? decided : read.unopenedSecret;
  const base = baseName(text, round.scope, read);
  const [name, ...groups] = namesWithin(around.names, labelsOf(text, round, base)) as [string, ...string[]];
  const facts = options.factUses?.take() ?? [];
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
    ...(decided instanceof PendingOutcome && { waitsForOutcome: true }),
    at,
    tags,
    needs: [],
    ...(become === undefined ? {} : { become }),
    onFailure,
    ...(risky === undefined ? {} : { risky }),
    retry,
    ...(unopened === undefined || when === false ? {} : { unopenedSecret: unopened.problem }),
    ...(register === undefined ? {} : { register }),
    ...(delegatedTo === undefined ? {} : { delegatedTo }),
    ...(runOnce && { once: place }),
    ...(atOnce !== undefined && { atOnce: { most: atOnce, key: place } }),
    ...(around.visit !== undefined && { visit: around.visit }),
    ...(facts.length > 0 && { facts }),
    secrets: read.secrets,
  };
  const item = text.loop === undefined ? undefined : round.scope.get('item');
  return { text, resource, needs, via: around.via, item };
}

/** Returns the keys of an entry, with those that it inherits from its include. */
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

/** Returns the names of one round of a loop: first with its element, unless the name itself contains it. */
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

/** Returns the written name, or else module and identity. Secrets and unknown values show by their labels. */
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
  return refuse(
    `name takes text, not ${describe(value)}.`,
    placeOf(text, 'name'),
    'Put one value into a text, such as: name: App {{ item }}',
  );
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
