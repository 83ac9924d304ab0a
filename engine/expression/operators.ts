import { didYouMean } from '../util/did-you-mean.ts';
import { isMap, PendingOutcome, Secret, Unknown, type Value } from '../value.ts';
import type { BinaryOperator } from './ast.ts';
import {
  type Budget,
  characters,
  describe,
  Fields,
  known,
  Refusal,
  type Result,
  TextBuilder,
  Undefined,
} from './evaluation.ts';

/** Returns a number that has an exact form. Whole numbers beyond 2^53 have none and are refused. */
export function exact(value: number): number {
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value + 0;
  throw new Refusal('the result is beyond ±2^53 and cannot be kept exactly', undefined, 'expression-limit');
}

/** Returns `left operator right` for numbers, and for texts and lists as in Python. */
export function arithmetic(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  const a = known(left);
  const b = known(right);
  if (typeof a === 'number' && typeof b === 'number') return exact(ofNumbers(operator, a, b));
  if (operator === '+') {
    if (Array.isArray(a) && Array.isArray(b)) {
      budget.spend(a.length + b.length);
      return [...a, ...b];
    }
    if (isText(a) && isText(b)) return joined([a, b], budget);
  }
  if (operator === '*') {
    if (typeof b === 'number') return repeated(a, b, budget);
    if (typeof a === 'number') return repeated(b, a, budget);
  }
  throw notTaken(operator, a, b);
}

/** Returns the joined texts of values. */
export function joined(values: readonly Value[], budget: Budget): Value {
  const builder = new TextBuilder(budget);
  for (const value of values) builder.add(value);
  return builder.done();
}

function ofNumbers(operator: BinaryOperator, a: number, b: number): number {
  if (b === 0 && (operator === '/' || operator === '//' || operator === '%'))
    throw new Refusal('division by zero', 'Ask first whether the divisor is 0.');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return modulo(a, b);
    case '//':
      return Math.round((a - modulo(a, b)) / b);
    case '**':
      return power(a, b);
  }
}

/** Python's remainder has the sign of the divisor. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw new Refusal('division by zero', 'Ask first whether the divisor is 0.');
  const result = a ** b;
  if (Number.isNaN(result)) throw new Refusal('a negative number has no such power');
  return result;
}

function repeated(value: Value, times: number, budget: Budget): Value {
  if (!Number.isInteger(times)) throw notTaken('*', value, times);
  const count = Math.max(0, times);
  if (Array.isArray(value)) {
    budget.spend(value.length * count);
    return Array.from({ length: count }, () => value).flat();
  }
  if (!isText(value)) throw notTaken('*', value, times);
  if (value instanceof Secret) {
    budget.fits(value.reveal().length * count);
    return value.map(text => text.repeat(count));
  }
  budget.fits(value.length * count);
  return value.repeat(count);
}

function isText(value: Value): value is string | Secret {
  return typeof value === 'string' || value instanceof Secret;
}

function notTaken(operator: string, a: Value, b: Value): Refusal {
  const numeric = [a, b].some(value => typeof value === 'number') && [a, b].some(isText);
  const hint =
    numeric && operator === '+'
      ? 'Join texts with ~, or convert a text with | int.'
      : numeric
        ? 'Convert a text with | int or | float.'
        : `${operator} takes numbers${operator === '+' ? ', or two lists' : ''}.`;
  return new Refusal(`${operator} does not take ${describe(a)} and ${describe(b)}`, hint);
}

/** `-value` or `+value`. */
export function signed(operator: '-' | '+', value: Value): Value {
  const it = known(value);
  if (typeof it !== 'number') throw new Refusal(`${operator} does not take ${describe(it)}`);
  return operator === '-' ? 0 - it : it;
}

/** A member by name or position; only own keys of maps, positions of lists and texts, and fields of a loop are reached. */
export function member(of: Result, key: string | number, path: string, budget: Budget): Result {
  if (of instanceof PendingOutcome)
    return of.field(key) ?? missing(key, path || 'the outcome', () => Object.keys(of.fields ?? {}));
  if (of instanceof Undefined || of instanceof Unknown) return of;
  if (of instanceof Fields) {
    const name = String(key);
    return of.fields.has(name) ? of.fields.get(name)! : missing(key, of.what, () => of.fields.keys());
  }
  if (Array.isArray(of)) {
    const position = of instanceof Group ? ['grouper', 'list'].indexOf(String(key)) : -1;
    const element = elementAt(of, position < 0 ? key : position);
    return element === undefined ? missing(key, path || `the list with ${of.length} elements`) : element;
  } else if (isMap(of)) {
    if (Object.hasOwn(of, key)) return of[key]!;
    return missing(key, path || 'the map', () => Object.keys(of));
  } else if (typeof of === 'string' || of instanceof Secret) {
    const text = of instanceof Secret ? of.reveal() : of;
    budget.reads(text.length);
    const character = elementAt(characters(text), key);
    if (character === undefined) return missing(key, path || 'the text');
    return of instanceof Secret ? of.map(() => character) : character;
  }
  return new Undefined(`${path || 'this'} is ${describe(of as Value)} and has no ${quoted(key)}`);
}

/** A pair made by `groupby`, whose parts also have names. */
export class Group extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

function elementAt<T>(elements: readonly T[], key: string | number): T | undefined {
  return typeof key === 'number' && Number.isInteger(key) ? elements.at(key) : undefined;
}

/** `known` gives the names that a map has. */
function missing(key: string | number, of: string, known?: () => Iterable<string>): Undefined {
  const message = `${of} has no ${quoted(key)}`;
  if (known === undefined) return new Undefined(message);
  return new Undefined(message, () => {
    const names = [...known()];
    const listed = names.length > 12 ? `${names.slice(0, 12).join(', ')} …` : names.join(', ');
    const there = listed === '' ? 'It is empty.' : `It has ${listed}.`;
    const remedy =
      of === 'secrets' ? ' `reconcile secrets edit FILE` adds it to a file under `secrets` of the play.' : '';
    return (typeof key === 'string' ? didYouMean(key, names) : undefined) ?? `${there}${remedy}`;
  });
}

function quoted(key: string | number): string {
  return typeof key === 'number' ? `element ${key}` : `"${key}"`;
}

/** A value as the key of a map. */
export function keyText(value: Value): string {
  const it = known(value);
  if (typeof it === 'string') return it;
  if (typeof it === 'number') return String(it);
  throw new Refusal(`${describe(it)} cannot be the key of a map`);
}

/** A slice of a list or text with Python's rules for negative and missing bounds. */
export function slice(of: Value, bounds: readonly (Value | undefined)[], budget: Budget): Value {
  const it = known(of);
  const [from, to, step = 1] = bounds.map(bound => integerBound(bound));
  if (step === 0) throw new Refusal('a slice cannot go in steps of 0');
  if (typeof it === 'string') budget.fits(it.length);
  if (it instanceof Secret) budget.reads(it.reveal().length);
  if (it instanceof Secret) return it.map(text => sliced(characters(text), from, to, step).join(''));
  if (typeof it === 'string') return sliced(characters(it), from, to, step).join('');
  if (!Array.isArray(it)) throw new Refusal(`${describe(it)} has no order to slice`);
  budget.spend(it.length);
  return sliced(it, from, to, step);
}

function integerBound(bound: Value | undefined): number | undefined {
  if (bound === undefined) return undefined;
  const it = known(bound);
  if (it === null) return undefined;
  if (typeof it === 'number' && Number.isInteger(it)) return it;
  throw new Refusal(`${describe(it)} is not a whole number`);
}

function sliced<T>(
  elements: readonly T[],
  from: number | undefined,
  to: number | undefined,
  step: number,
): T[] {
  const { length } = elements;
  const [lowest, highest] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: number) => Math.min(highest, Math.max(lowest, bound < 0 ? bound + length : bound));
  const start = from === undefined ? (step > 0 ? lowest : highest) : clamp(from);
  const end = to === undefined ? (step > 0 ? highest : lowest) : clamp(to);
  const result: T[] = [];
  for (let at = start; step > 0 ? at < end : at > end; at += step) result.push(elements[at]!);
  return result;
}
