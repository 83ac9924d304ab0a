import { runtime } from '../expression/controller-values.ts';
import { compileExpression, type Expression, type Reference } from '../expression/expression.ts';
import type { VariableScope } from '../expression/variables.ts';
import { ProblemError } from '../problem.ts';
import { Problems } from '../util/problem-collector.ts';
import { isMap, PendingOutcome, Unknown, type Value } from '../value.ts';

/**
 * Checks that every needed name has a value, also the names that evaluation does not reach because it waits for an unknown
 * value. Throws a ProblemError with all names without one. Guarded references count only with `guarded`.
 */
export function checkReferences(
  references: readonly Reference[],
  scope: VariableScope,
  { guarded = false } = {},
): void {
  const problems = new Problems();
  for (const reference of references)
    if ((guarded || !reference.guarded) && !isSeen(reference, scope))
      problems.attempt(() => compiled(reference).evaluate(scope, runtime));
  problems.done();
}

/** Whether a name obviously has a value. Lists and maps are left to evaluation. */
function isSeen(reference: Reference, scope: VariableScope): boolean {
  const value = seen(reference, scope);
  return value instanceof Unknown || value === null || !['object', 'undefined'].includes(typeof value);
}

/** Returns the value of a name, or undefined if it cannot be found without evaluating an expression. */
export function seen({ path }: Reference, scope: VariableScope): Value | undefined {
  try {
    let value = scope.get(path[0]!);
    for (const key of path.slice(1)) {
      if (value instanceof PendingOutcome) return value.field(key);
      if (value instanceof Unknown) return value;
      if (!isMap(value) || !Object.hasOwn(value, key)) return undefined;
      value = value[key];
    }
    return value;
  } catch (thrown) {
    if (thrown instanceof ProblemError) return undefined;
    throw thrown;
  }
}

/** Each host and each round of a loop asks for the same references again. */
const known = new WeakMap<Reference, Expression>();

function compiled(reference: Reference): Expression {
  let expression = known.get(reference);
  if (expression === undefined) {
    const [name, ...keys] = reference.path;
    const source =
      name + keys.map(key => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)).join('');
    // Its full value would hold everything about all hosts.
    const options = { shallow: name === 'hosts' };
    known.set(reference, (expression = compileExpression(source, () => reference.at, options)));
  }
  return expression;
}
