import { runtime } from '../expression/controller-values.ts';
import { compileExpression, type Expression, type Reference } from '../expression/expression.ts';
import type { VariableScope } from '../expression/variables.ts';
import { ProblemError } from '../problem.ts';
import { Problems } from '../util/problem-collector.ts';
import { isMap, PendingOutcome, Unknown, type Value } from '../value.ts';

/**
 * Checks that every name that is needed for certain has a value, also those that evaluation does not reach because
 * it waits for something unknown. Throws a ProblemError with all that have none. `guarded` ones are left out unless told.
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

/** Whether it is seen at once that a name leads to a value; what is in a list or a map is left to evaluation. */
function isSeen(reference: Reference, scope: VariableScope): boolean {
  const value = seen(reference, scope);
  return value instanceof Unknown || value === null || !['object', 'undefined'].includes(typeof value);
}

/** What a name leads to, as far as that is seen without evaluating an expression. */
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

/** The same reference is asked for again for each host and each round of a loop. */
const known = new WeakMap<Reference, Expression>();

function compiled(reference: Reference): Expression {
  let expression = known.get(reference);
  if (expression === undefined) {
    const [name, ...keys] = reference.path;
    const source =
      name + keys.map(key => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)).join('');
    // All that can be known of a host hangs on it.
    const options = { shallow: name === 'hosts' };
    known.set(reference, (expression = compileExpression(source, () => reference.at, options)));
  }
  return expression;
}
