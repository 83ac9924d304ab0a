import type { Templates } from './arguments.ts';
import type { Reference } from './expression/index.ts';
import { type FactName, factNames, factsOf } from './facts.ts';
import type { PlaybookFiles } from './files.ts';
import type { PlayText } from './playbook.ts';
import { Problems } from './problems.ts';
import { type EntryText, isInclude, type ResourceText } from './resource-text.ts';
import type { Surroundings } from './scope.ts';
import { branch, isConstant, referencesOf } from './tree.ts';

/** The facts of its own host that the expressions of a play can ask for, also by way of variables and template files. */
export function factsUsed(
  play: PlayText,
  { inventory, variables }: Surroundings,
  files: PlaybookFiles,
  templates: Templates,
): Set<FactName> {
  const used = new Set<FactName>();
  const levels = new Set([
    ...variables,
    ...[...inventory.hosts.keys()].flatMap(name => inventory.variablesOf(name)),
  ]);
  const waiting = new Map<string, Reference[]>();
  for (const { name, tree } of levels)
    waiting.set(name, [...(waiting.get(name) ?? []), ...referencesOf(tree)]);
  const followName = (name: string) => {
    const references = waiting.get(name) ?? [];
    waiting.delete(name);
    references.forEach(follow);
  };
  const follow = ({ path }: { path: readonly string[] }) => {
    const [first, second] = path as [string, string?];
    if (first === 'facts') for (const name of factsOf(path)) used.add(name);
    else if (first === 'vars' && second === undefined) [...waiting.keys()].forEach(followName);
    else followName(first === 'vars' ? second! : first);
  };
  for (const tree of play.become === undefined ? [] : [play.become]) referencesOf(tree).forEach(follow);
  for (const resource of play.resources) referencesIn(resource, files, templates).forEach(follow);
  return used;
}

function referencesIn(
  resource: EntryText,
  files: PlaybookFiles,
  templates: Templates,
): readonly { path: readonly string[] }[] {
  const { name, loop, become, when } = resource;
  const values = isInclude(resource)
    ? [...resource.given.values(), ...resource.component.params.map(param => param.default)]
    : [resource.args, resource.delegateTo];
  const trees = [...values, name, loop, become].filter(tree => tree !== undefined);
  const own = [...trees.flatMap(referencesOf), ...(typeof when === 'object' ? when.references : [])];
  if (isInclude(resource))
    return [...own, ...resource.component.resources.flatMap(each => referencesIn(each, files, templates))];
  return [...own, ...templateReferences(resource, files, templates)];
}

/** What a template file refers to; every fact when its name is not known before there is a host. */
function templateReferences({ module, args, at }: ResourceText, files: PlaybookFiles, templates: Templates) {
  const name = module.files?.template === true ? branch(args, 'template') : undefined;
  if (name === undefined) return [];
  if (!isConstant(name)) return Object.keys(factNames).map(fact => ({ path: ['facts', ...fact.split('.')] }));
  const template = new Problems().attempt(() =>
    templates.get(files.find(String(name.value), at, 'template')),
  );
  return template?.references ?? [];
}
