import type { Host } from '../host.ts';
import { ProblemError } from '../problem.ts';
import { masked, Unknown } from '../value.ts';
import { hostOf } from './patterns.ts';
import { checkReferences } from './references.ts';
import { onlyKnown } from './registered.ts';
import type { Resolving } from './resolve.ts';
import type { ResourceText } from './resource-text.ts';
import { placeOf, refuse } from './rounds.ts';
import { runtime } from './scope.ts';
import { evaluateTree, referencesOf } from './tree.ts';
import type { VariableScope } from './variables.ts';
import { describe } from './wording.ts';

/** The host that a resource is delegated to; undefined when it is its own, or not known yet. Throws a ProblemError. */
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
    const message = `delegate_to rests on ${value.from}, but which host it is must be known before anything is done.`;
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
