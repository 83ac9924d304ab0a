import { runtime } from '../expression/controller-values.ts';
import { evaluateTree, referencesOf } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { hostOf } from '../inventory/host-patterns.ts';
import type { ResourceText } from '../playbook/entry-text.ts';
import { ProblemError } from '../problem.ts';
import { describe } from '../schema/value-words.ts';
import { masked, Unknown } from '../value.ts';
import { placeOf, refuse } from './loop.ts';
import { onlyKnown } from './registered-outcomes.ts';
import { checkReferences } from './required-names.ts';
import type { Resolving } from './resolving.ts';

/** Returns the host that a resource is delegated to, or undefined if it is its own or not known yet. Throws a ProblemError. */
export function targetOf(
  text: ResourceText,
  scope: VariableScope,
  { host, inventory, offline, otherFacts }: Resolving,
): Host | undefined {
  const { delegateTo } = text;
  if (delegateTo === undefined) return undefined;
  if (offline) checkReferences(referencesOf(delegateTo), scope);
  const value = evaluateTree(delegateTo, scope, runtime);
  const at = placeOf(text, 'delegate_to');
  if (value instanceof Unknown) {
    if (offline || otherFacts.asked.size > 0) return undefined;
    const message = `delegate_to depends on ${value.from}, but the host must be known before the first change.`;
    throw new ProblemError({ code: 'invalid-value', message, hint: onlyKnown, at });
  }
  if (typeof value !== 'string')
    return refuse(
      `delegate_to takes the name of a host, not ${describe(masked(value))}.`,
      at,
      'Write one name of the inventory, such as: delegate_to: lb1',
    );
  return value === host.name ? undefined : hostOf(value, inventory, at);
}
