import { compileExpression, type Reference } from './expression/index.ts';
import { Problems } from './problems.ts';
import { runtime } from './scope.ts';
import type { VariableScope } from './variables.ts';

/**
 * Checks that every name that is needed for certain has a value, also those that evaluation does not reach because
 * it waits for something unknown. Throws a ProblemError with all that have none.
 */
export function checkReferences(references: readonly Reference[], scope: VariableScope): void {
  const problems = new Problems();
  for (const { path, at, guarded } of references) {
    if (guarded) continue;
    const [name, ...keys] = path;
    const source =
      name + keys.map(key => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)).join('');
    // All that can be known of a host hangs on it.
    const options = { shallow: name === 'hosts' };
    problems.attempt(() => compileExpression(source, () => at, options).evaluate(scope, runtime));
  }
  problems.done();
}
