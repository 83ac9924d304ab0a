import type { Template } from '../expression/expression.ts';
import { branch, isConstant, referencesOf } from '../expression/template-tree.ts';
import { type EntryText, isInclude, type ResourceText } from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import type { Sources } from '../resolve/arguments.ts';
import { type FactName, factsOf } from '../resolve/fact-names.ts';
import { Problems } from '../util/problem-collector.ts';
import type { ReachableNames, Referring } from './reachable-names.ts';

/** Where template files are read. */
export type Texts = Pick<Sources, 'files' | 'templates'>;

/** The facts of its own host that the expressions of a play can ask for, also by way of variables and template files. */
export function factsUsed(play: PlayText, reach: ReachableNames, texts: Texts): Set<FactName> {
  const become = play.become === undefined ? [] : referencesOf(play.become);
  const all = [...become, ...play.resources.flatMap(entry => referencesIn(entry, texts))];
  const facts = [...reach.of(all)].map(path => path.split('.')).filter(([first]) => first === 'facts');
  return new Set(facts.flatMap(factsOf));
}

const found = new WeakMap<EntryText, readonly Referring[]>();

/** All that an entry of a play refers to, with its components and template files. */
export function referencesIn(entry: EntryText, texts: Texts): readonly Referring[] {
  let all = found.get(entry);
  if (all === undefined) found.set(entry, (all = collected(entry, texts)));
  return all;
}

function collected(resource: EntryText, texts: Texts): readonly Referring[] {
  const { name, loop, become, when } = resource;
  const values = isInclude(resource)
    ? [...resource.given.values(), ...resource.component.params.map(param => param.default)]
    : [resource.args, resource.delegateTo];
  const trees = [...values, name, loop, become].filter(tree => tree !== undefined);
  const own = [...trees.flatMap(referencesOf), ...(typeof when === 'object' ? when.references : [])];
  if (isInclude(resource))
    return [...own, ...resource.component.resources.flatMap(each => referencesIn(each, texts))];
  // Only on one of the hosts is what is delegated to it its own.
  const delegating = resource.delegateTo === undefined ? [] : [{ path: ['host', 'name'] }];
  return [...own, ...delegating, ...fileReferences(resource, texts)];
}

/** The template that makes what a resource writes: it stands in the arguments, or in a file whose name does. */
export function contentTemplate(
  { module, args, at }: ResourceText,
  { files, templates }: Texts,
): Template | undefined {
  if (module.files?.template !== true) return undefined;
  const content = branch(args, 'content');
  if (content !== undefined) return content.kind === 'template' ? content.template : undefined;
  const name = branch(args, 'template');
  if (name === undefined || !isConstant(name)) return undefined;
  return new Problems().attempt(() => templates.get(files.find(String(name.value), at, 'template')));
}

const anything: readonly Referring[] = ['facts', 'host', 'vars'].map(name => ({ path: [name] }));

/** What a template file refers to; everything when its name is not known before there is a host. */
function fileReferences(text: ResourceText, texts: Texts): readonly Referring[] {
  if (text.module.files?.template !== true) return [];
  const name = text.args.kind === 'template' ? text.args : branch(text.args, 'template');
  if (name === undefined) return [];
  return isConstant(name) ? (contentTemplate(text, texts)?.references ?? []) : anything;
}
