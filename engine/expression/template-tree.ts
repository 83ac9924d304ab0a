import { type Place, ProblemError, type Where } from '../problem.ts';
import { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain, Secret, type Value } from '../value.ts';
import type { Path } from '../yaml/source-text.ts';
import {
  compile,
  isTemplate,
  type Reference,
  type Runtime,
  type Scope,
  type Template,
} from './expression.ts';

/** Data with compiled templates and the place of each. */
export type Tree =
  | { readonly kind: 'constant'; readonly value: Plain }
  | { readonly kind: 'template'; readonly template: Template; readonly at: Place }
  | { readonly kind: 'vault'; readonly sealed: string; readonly label: string; readonly at: Place }
  /** The texts and numbers of the value are secret. The label and their path in the value name them. */
  | { readonly kind: 'secret'; readonly tree: Tree; readonly label: string }
  | { readonly kind: 'list'; readonly elements: readonly Tree[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Tree])[] };

/** The origin of data: a YAML file, or another source with places. */
export interface Written {
  place(path: Path, which?: 'key' | 'value'): Place;
  within(path: Path): Where;
  /** Returns the tag of Ansible at a path: `!vault`, or `!unsafe` for a value without templates. */
  tag?(path: Path): string | undefined;
}

/**
 * Compiles the texts of `data` at `path` of `doc`. Mistakes go to `problems`; `deferred` ones are thrown by the evaluation.
 * `label` and the path in the value name its vaulted parts.
 */
export function compileTree(
  doc: Written,
  path: Path,
  data: Plain,
  problems: Problems | 'deferred',
  label = 'vault',
): Tree {
  const tag = doc.tag?.(path);
  if (tag === '!vault' || tag === '!vault-encrypted')
    return { kind: 'vault', sealed: String(data), label, at: doc.place(path) };
  if (tag === '!unsafe') return { kind: 'constant', value: data };
  if (typeof data === 'string' && isTemplate(data)) {
    const make = () => compile(data, doc.within(path));
    const template = problems === 'deferred' ? deferred(data, make) : problems.attempt(make);
    return template === undefined
      ? { kind: 'constant', value: null }
      : { kind: 'template', template, at: doc.place(path) };
  }
  if (typeof data !== 'object' || data === null) return { kind: 'constant', value: data };
  if (Array.isArray(data)) {
    const elements = data.map((element, index) =>
      compileTree(doc, [...path, index], element, problems, `${label}.${index}`),
    );
    return elements.every(isConstant) ? { kind: 'constant', value: data } : { kind: 'list', elements };
  }
  // In JSON of Ansible, a map stands for a tag.
  if (problems === 'deferred' && typeof data['__ansible_vault'] === 'string')
    return { kind: 'vault', sealed: data['__ansible_vault'], label, at: doc.place(path) };
  if (problems === 'deferred' && typeof data['__ansible_unsafe'] === 'string')
    return { kind: 'constant', value: data['__ansible_unsafe'] };
  const entries = Object.entries(data).map(([key, value]) => {
    if (isTemplate(key) && problems !== 'deferred') {
      problems.report('invalid-value', 'A key cannot be a template.', doc.place([...path, key], 'key'));
    }
    return [key, compileTree(doc, [...path, key], value, problems, `${label}.${key}`)] as const;
  });
  return entries.every(([, tree]) => isConstant(tree))
    ? { kind: 'constant', value: data }
    : { kind: 'map', entries };
}

/** Returns a template whose evaluation throws its mistakes. */
function deferred(source: string, make: () => Template): Template {
  try {
    return make();
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    const refuse = () => {
      throw thrown;
    };
    return { source, body: [], references: [], evaluate: refuse, render: refuse };
  }
}

/** Whether a tree contains no template. */
export function isConstant(tree: Tree): tree is Tree & { kind: 'constant' } {
  return tree.kind === 'constant';
}

/** Returns the value of a tree. Throws a ProblemError with the mistakes of all of its templates. */
export function evaluateTree(tree: Tree, scope: Scope, runtime: Runtime): Value {
  const problems = new Problems();
  const value = evaluate(tree, scope, runtime, problems);
  problems.done();
  return value;
}

function evaluate(tree: Tree, scope: Scope, runtime: Runtime, problems: Problems): Value {
  switch (tree.kind) {
    case 'constant':
      return tree.value;
    case 'template':
      return problems.attempt(() => tree.template.evaluate(scope, runtime)) ?? null;
    case 'vault':
      return problems.attempt(() => runtime.vaulted?.(tree.sealed, tree.label, tree.at)) ?? null;
    case 'secret':
      return secretOf(evaluate(tree.tree, scope, runtime, problems), tree.label);
    case 'list':
      return tree.elements.map(element => evaluate(element, scope, runtime, problems));
    case 'map':
      return Object.fromEntries(
        tree.entries.map(([key, inner]) => [key, evaluate(inner, scope, runtime, problems)]),
      );
  }
}

function secretOf(value: Value, label: string): Value {
  if (typeof value === 'string' || typeof value === 'number') return new Secret(String(value), label);
  if (Array.isArray(value)) return value.map((element, index) => secretOf(element, `${label}.${index}`));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, secretOf(inner, `${label}.${key}`)]),
  );
}

const references = new WeakMap<Tree, readonly Reference[]>();

/** Returns the references of the templates of a tree. They are cached, because each host asks for them. */
export function referencesOf(tree: Tree): readonly Reference[] {
  let all = references.get(tree);
  if (all === undefined) references.set(tree, (all = collected(tree)));
  return all;
}

function collected(tree: Tree): readonly Reference[] {
  switch (tree.kind) {
    case 'constant':
    case 'vault':
      return [];
    case 'secret':
      return referencesOf(tree.tree);
    case 'template':
      return tree.template.references;
    case 'list':
      return tree.elements.flatMap(referencesOf);
    case 'map':
      return tree.entries.flatMap(([, inner]) => referencesOf(inner));
  }
}

/** Returns the part of a literal map under a key. */
export function branch(tree: Tree, key: string): Tree | undefined {
  if (tree.kind === 'map') return tree.entries.find(([name]) => name === key)?.[1];
  if (tree.kind !== 'constant' || typeof tree.value !== 'object' || tree.value === null) return undefined;
  if (Array.isArray(tree.value) || !Object.hasOwn(tree.value, key)) return undefined;
  return { kind: 'constant', value: tree.value[key]! };
}

/** Returns a tree as written, with the text of its templates and with masked secrets. */
export function sourceOf(tree: Tree): Plain {
  switch (tree.kind) {
    case 'constant':
      return tree.value;
    case 'template':
      return tree.template.source;
    case 'vault':
      return '«Ansible Vault»';
    case 'secret':
      return `«${tree.label}»`;
    case 'list':
      return tree.elements.map(sourceOf);
    case 'map':
      return Object.fromEntries(tree.entries.map(([key, inner]) => [key, sourceOf(inner)]));
  }
}
