import { runtime } from '../expression/controller-values.ts';
import type { Template } from '../expression/expression.ts';
import { evaluateTree, type Tree } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { ResourceText } from '../playbook/entry-text.ts';
import { ProblemError } from '../problem.ts';
import { Problems } from '../util/problem-collector.ts';
import { Unknown } from '../value.ts';
import { type Arguments, readArguments } from './arguments.ts';
import type { Resolving } from './resolving.ts';

/**
 * Returns the arguments of a skipped resource as far as they can be evaluated, for its name. They may use undefined names, and
 * no fact of another host is read for them.
 */
export function skipped(text: ResourceText, scope: VariableScope, options: Resolving): Arguments {
  const nothing: Arguments = { args: {}, incomplete: false, secrets: [] };
  const read = () => {
    const args = withoutUnread(text, scope);
    return readArguments({ ...text, args }, scope, { ...options, offline: false });
  };
  return options.otherFacts.aside(() => new Problems().attempt(read)) ?? nothing;
}

/** Returns the arguments with those that use an unread fact as unknown. */
function withoutUnread({ args: tree, at }: ResourceText, scope: VariableScope): Tree {
  if (tree.kind !== 'map') return tree;
  const entries = tree.entries.map(([key, inner]) => {
    try {
      evaluateTree(inner, scope, runtime);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError) || thrown.problems[0]?.code !== 'facts-unread') throw thrown;
      return [key, { kind: 'template', template: unread, at }] as const;
    }
    return [key, inner] as const;
  });
  return { kind: 'map', entries };
}

const unknown = new Unknown('hosts');
const unread: Template = {
  source: '',
  body: [],
  references: [],
  evaluate: () => unknown,
  render: () => unknown,
};
