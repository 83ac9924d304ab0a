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
 * The arguments of what is skipped are not asked for: they may use what is not there, and no fact of another host is
 * read for them. Its name may.
 */
export function skipped(text: ResourceText, scope: VariableScope, options: Resolving): Arguments {
  const nothing: Arguments = { args: {}, incomplete: false, secrets: [] };
  const read = () => {
    const args = withoutUnread(text, scope);
    return readArguments({ ...text, args }, scope, { ...options, offline: false });
  };
  return options.otherFacts.aside(() => new Problems().attempt(read)) ?? nothing;
}

/** Those of the arguments that come to a fact that was not read as ones that are not known. */
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
