import { runtime } from '../expression/controller-values.ts';
import { referencesOf } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { IncludeText } from '../playbook/entry-text.ts';
import { ProblemError } from '../problem.ts';
import { validate } from '../schema/json-schema.ts';
import { Problems } from '../util/problem-collector.ts';
import { type SecretText, Unknown } from '../value.ts';
import { clear, maskProblem, type Sources } from './arguments.ts';
import { checkReferences } from './required-names.ts';

/**
 * Returns the scope of a component: its parameters as variables, checked by their types, and its host. In a skipped include, a
 * parameter without a value is unknown. Throws a ProblemError with all mistakes.
 */
export function componentScope(
  { component, given, doc, path }: IncludeText,
  outer: VariableScope,
  skipped: boolean,
  { offline }: Sources,
): VariableScope {
  const problems = new Problems();
  const level = component.doc.file;
  const inner = outer.inside(
    component.params.flatMap(({ name, at, default: value }) => {
      const tree = given.get(name);
      if (tree !== undefined) return [{ name, level, at, tree, scope: outer }];
      return value === undefined ? [] : [{ name, level, at, tree: value }];
    }),
    runtime,
  );
  for (const { name, schema, default: value } of component.params) {
    const tree = given.get(name);
    if (offline && !skipped && tree !== undefined)
      problems.attempt(() => checkReferences(referencesOf(tree), outer));
    const found = new Problems();
    const evaluated = found.attempt(() => inner.get(name));
    if (evaluated === undefined && skipped) inner.set(name, new Unknown(name));
    if (skipped) continue;
    problems.add(...found.all());
    if (evaluated === undefined) continue;
    const secrets: SecretText[] = [];
    const [at, inside] =
      tree === undefined && value !== undefined
        ? [component.doc, ['params', name, 'default']]
        : [doc, [...path.slice(0, -1), 'with', name]];
    const wrong = validate(
      schema,
      clear(evaluated, secrets),
      { doc: at, path: inside, label: name },
      'unknown',
    );
    problems.add(...wrong.map(problem => maskProblem(problem, secrets)));
  }
  if (problems.size > 0) throw new ProblemError(...problems.all());
  return inner;
}
