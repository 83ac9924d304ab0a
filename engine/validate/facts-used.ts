import type { Template } from '../expression/expression.ts';
import { branch, isConstant, referencesOf } from '../expression/template-tree.ts';
import { type EntryText, isInclude, type ResourceText } from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import type { Sources } from '../resolve/arguments.ts';
import { type FactName, factsOf } from '../resolve/fact-names.ts';
import { Problems } from '../util/problem-collector.ts';
import type { ReachableNames, Referring } from './reachable-names.ts';

/** The sources of template files. */
export type Texts = Pick<Sources, 'files' | 'templates'>;

/** Returns the facts of its own host that a play can use, also through variables and template files. */
export function factsUsed(play: PlayText, reach: ReachableNames, texts: Texts): Set<FactName> {
  const become = play.become === undefined ? [] : referencesOf(play.become);
  const all = [...become, ...play.resources.flatMap(entry => referencesIn(entry, texts))];
  const facts = [...reach.of(all)].map(path => path.split('.')).filter(([first]) => first === 'facts');
  return new Set(facts.flatMap(factsOf));
}

const found = new WeakMap<EntryText, readonly Referring[]>();

/** Returns all references of an entry, with those of its components and template files. */
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
  // A delegated resource belongs to the target host itself on one host only.
  const delegating = resource.delegateTo === undefined ? [] : [{ path: ['host', 'name'] }];
  return [...own, ...delegating, ...fileReferences(resource, texts)];
}

/** Returns the template of the text that a resource writes, from its arguments or from the file that they name. */
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

/** Returns the references of a template file; everything if its name depends on the host. */
function fileReferences(text: ResourceText, texts: Texts): readonly Referring[] {
  if (text.module.files?.template !== true) return [];
  const name = text.args.kind === 'template' ? text.args : branch(text.args, 'template');
  if (name === undefined) return [];
  return isConstant(name) ? (contentTemplate(text, texts)?.references ?? []) : anything;
}
