import { runtime } from '../expression/controller-values.ts';
import { evaluateTree, referencesOf } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { EntryText } from '../playbook/entry-text.ts';
import { type Place, ProblemError } from '../problem.ts';
import { describe, expectation } from '../schema/value-words.ts';
import { Problems } from '../util/problem-collector.ts';
import { isMap, masked, Unknown, type Value } from '../value.ts';
import type { Sources } from './arguments.ts';
import { checkReferences } from './required-names.ts';

/** One round of a resource: its only one, or one for each element of its loop. */
export interface Round {
  scope: VariableScope;
  label?: string;
}

/** Returns the value of the condition `when`, or an Unknown. Throws if it is neither true nor false. */
export function condition(text: EntryText, scope: VariableScope, { offline }: Sources): boolean | Unknown {
  if (typeof text.when !== 'object') return text.when ?? true;
  const { when } = text;
  const problems = new Problems();
  if (offline) problems.attempt(() => checkReferences(when.references, scope));
  const value = problems.attempt(() => when.evaluate(scope, runtime));
  problems.done();
  const isUnknown = value instanceof Unknown;
  const types = isUnknown ? value.types : undefined;
  if (typeof value === 'boolean' || (isUnknown && (types === undefined || types.includes('boolean'))))
    return value;
  const given = isUnknown ? expectation({ type: types ?? [] }) : describe(masked(value ?? null));
  const message = `when must be true or false, not ${given}.`;
  return refuse(message, placeOf(text, 'when'), 'Compare it, such as x == 1, or ask: x is defined');
}

/** Returns the rounds of an entry. Throws if its loop is over neither a list nor a map. */
export function roundsOf(text: EntryText, scope: VariableScope, options: Sources): Round[] {
  if (text.loop === undefined) return [{ scope }];
  // A condition without the element decides about the whole loop, whose elements may not even exist then.
  if (!usesElement(text) && condition(text, scope, options) === false)
    return [{ scope: scope.with(Object.fromEntries(elementNames.map(name => [name, new Unknown(name)]))) }];
  if (options.offline) checkReferences(referencesOf(text.loop), scope);
  const value = evaluateTree(text.loop, scope, runtime);
  if (value instanceof Unknown) {
    const names = { item: value, index: value, key: value };
    return [{ scope: scope.with(names), label: `«${value.from}»` }];
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => ({
      scope: scope.with({ item, index }),
      label: labelOf(item) ?? String(index),
    }));
  }
  if (!isMap(value))
    return refuse(
      `loop takes a list or a map, not ${describe(masked(value))}.`,
      placeOf(text, 'loop'),
      'Write: loop: [a, b], or the name of a variable that holds a list.',
    );
  return Object.entries(value).map(([key, item], index) => ({
    scope: scope.with({ item, index, key }),
    label: key,
  }));
}

function labelOf(item: Value): string | undefined {
  if (isMap(item)) return item['name'] === undefined ? undefined : labelOf(item['name']);
  return Array.isArray(item) ? undefined : String(masked(item));
}

function usesElement({ when }: EntryText): boolean {
  return typeof when === 'object' && when.references.some(({ path }) => isElement(path));
}

const elementNames = ['item', 'index', 'key'];

/** Whether a reference is to the element of a loop. */
export const isElement = (path: readonly string[]): boolean => elementNames.includes(path[0]!);

/** Returns the place of the value of a key of an entry. */
export function placeOf({ doc, path }: EntryText, key: string): Place {
  return doc.place([...path.slice(0, -1), key]);
}

/** Throws the problem of a value of the wrong type. */
export function refuse(message: string, at: Place, hint: string): never {
  throw new ProblemError({ code: 'wrong-type', message, hint, at });
}
