import { runtime } from '../expression/controller-values.ts';
import type { Node, Reference } from '../expression/expression.ts';
import { branch, referencesOf, type Tree } from '../expression/template-tree.ts';
import { VariableScope } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { ansibleNames } from '../inventory/ansible-names.ts';
import { type EntryText, isInclude, type ResourceText } from '../playbook/entry-text.ts';
import type { PlayText } from '../playbook/play-text.ts';
import type { Problem } from '../problem.ts';
import type { Templates } from '../resolve/arguments.ts';
import { unknownFacts } from '../resolve/fact-names.ts';
import { checkReferences } from '../resolve/required-names.ts';
import type { Surroundings } from '../resolve/scope.ts';
import { includedBy, Problems } from '../util/problem-collector.ts';
import { Unknown, type Value } from '../value.ts';
import type { PlaybookFiles } from '../yaml/source-files.ts';

type Paths = readonly (readonly string[])[];

/** The context of the checks of a list of entries. */
interface Setting {
  files: PlaybookFiles;
  templates: Templates;
  problems: Problems;
  /** The visible names: in a play its own, in a component its parameters. */
  names: ReadonlyMap<string, Value>;
  host: ReadonlyMap<string, Value>;
}

/**
 * Returns the problems in the parts of a play that no host reaches: branches, empty loops, skipped resources. A name counts as
 * defined if any host has it. Each text is checked once, for any number of hosts.
 */
export function problemsInBranches(
  play: PlayText,
  { inventory, variables, secrets }: Surroundings,
  files: PlaybookFiles,
  templates: Templates,
): Problem[] {
  const problems = new Problems();
  const host = hostNames(secrets);
  const all = [...variables, ...[...inventory.hosts.keys()].flatMap(name => inventory.variablesOf(name))];
  const names = new Map([...host, ...Object.entries(unknowns(Object.keys(ansibleNames('', []))))]);
  for (const { name } of all) names.set(name, new Unknown(name));
  const setting = { files, templates, problems, names, host };
  checkTree(play.become, scopeOf(names), [], setting);
  checkEntries(play.resources, [], setting);
  const scope = scopeOf(registering(play.resources, names));
  for (const { tree } of play.vars) checkTree(tree, scope, [], setting);
  return problems.all();
}

/** Returns the names that every expression sees of a host, without values. */
function hostNames(secrets: Surroundings['secrets']): Map<string, Value> {
  const described: (keyof Host)[] = ['name', 'address', 'port', 'user', 'transport', 'groups'];
  return new Map<string, Value>([
    ['facts', unknownFacts()],
    ['host', unknowns(described)],
    ['secrets', secrets],
    ...Object.entries(unknowns(['groups', 'hosts'])),
  ]);
}

function unknowns(names: readonly string[]): { [name: string]: Value } {
  return Object.fromEntries(names.map(name => [name, new Unknown(name)]));
}

function scopeOf(names: ReadonlyMap<string, Value>): VariableScope {
  return VariableScope.of(names, [], runtime).set('vars', Object.fromEntries(names));
}

function registering(entries: readonly EntryText[], names: ReadonlyMap<string, Value>): Map<string, Value> {
  const all = new Map(names);
  for (const entry of entries)
    if (!isInclude(entry) && entry.register !== undefined)
      all.set(entry.register.name, new Unknown(entry.register.name));
  return all;
}

function checkEntries(entries: readonly EntryText[], asked: Paths, setting: Setting): void {
  const names = registering(entries, setting.names);
  const scope = scopeOf(names);
  for (const entry of entries) {
    if (!entry.sound) continue;
    const inLoop = entry.loop === undefined ? scope : scope.with(unknowns(['item', 'index', 'key']));
    const when = typeof entry.when === 'object' ? entry.when : undefined;
    const known = [...asked, ...(when?.asked ?? [])];
    check(when?.references ?? [], inLoop, asked, setting);
    checkTree(entry.loop, scope, known, setting);
    for (const tree of [entry.name, entry.become]) checkTree(tree, inLoop, known, setting);
    if (isInclude(entry)) {
      const { params, resources } = entry.component;
      for (const tree of entry.given.values()) checkTree(tree, inLoop, known, setting);
      const names = new Map(setting.host);
      for (const { name } of params) names.set(name, new Unknown(name));
      const inside = { ...setting, names, problems: new Problems() };
      const defaults = scopeOf(registering(resources, names));
      for (const param of params) checkTree(param.default, defaults, [], inside);
      checkEntries(resources, [], inside);
      setting.problems.add(...inside.problems.all().map(problem => includedBy(problem, entry.at)));
    } else {
      for (const tree of [entry.args, entry.delegateTo]) checkTree(tree, inLoop, known, setting);
      checkFiles(entry, inLoop, known, setting);
    }
  }
}

/** Checks the files that literal names, or alternatives of a choice, stand for. */
function checkFiles(entry: ResourceText, scope: VariableScope, asked: Paths, setting: Setting): void {
  const { files, templates, problems } = setting;
  const { module, doc, path, args } = entry;
  const { src } = module.files ?? {};
  for (const [key, takes, kind] of [
    [src ?? 'src', src !== undefined, 'file'],
    ['src', module.files?.tree, 'folder'],
    ['template', module.files?.template, 'template'],
  ] as const) {
    const tree = takes === true ? branch(args, key) : undefined;
    for (const name of tree === undefined ? [] : alternatives(tree)) {
      const found = problems.attempt(() => files.find(name, doc.place([...path, key]), kind));
      if (found === undefined || kind !== 'template') continue;
      const template = problems.attempt(() => templates.get(found));
      check(template?.references ?? [], scope, asked, setting);
    }
  }
}

/** Returns the literal texts that a tree can evaluate to. */
function alternatives(tree: Tree): string[] {
  if (tree.kind === 'constant') return typeof tree.value === 'string' ? [tree.value] : [];
  const [only, second] = tree.kind === 'template' ? tree.template.body : [];
  return only?.kind === 'output' && second === undefined ? textsOf(only.value) : [];
}

function textsOf(node: Node): string[] {
  if (node.kind === 'literal') return typeof node.value === 'string' ? [node.value] : [];
  if (node.kind !== 'choice') return [];
  return [...textsOf(node.chosen), ...(node.otherwise === undefined ? [] : textsOf(node.otherwise))];
}

function checkTree(tree: Tree | undefined, scope: VariableScope, asked: Paths, setting: Setting): void {
  if (tree !== undefined) check(referencesOf(tree), scope, asked, setting);
}

function check(references: readonly Reference[], scope: VariableScope, asked: Paths, setting: Setting): void {
  const needed = references.filter(
    ({ path, optional }) =>
      !optional &&
      !(scope.get(path[0]!) instanceof Unknown) &&
      !asked.some(known => known.every((key, index) => key === path[index])),
  );
  setting.problems.attempt(() => checkReferences(needed, scope, { guarded: true }));
}
