import { isMap, Secret, type Value } from '../value.ts';
import { type Budget, describe, known, Refusal } from './evaluation.ts';

/** Whether a value counts as true: not none, false, zero or empty. */
export function truthy(value: Value, budget: Budget): boolean {
  const it = known(value);
  if (it instanceof Secret) return it.reveal() !== '';
  if (Array.isArray(it)) return it.length > 0;
  if (isMap(it)) {
    const keys = Object.keys(it).length;
    budget.spend(keys / 10);
    return keys > 0;
  }
  return Boolean(it);
}

/** Equality by content; true equals 1 and false equals 0, as in Python. */
export function equals(left: Value, right: Value, budget: Budget): boolean {
  budget.spend(1);
  const a = comparable(left);
  const b = comparable(right);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, index) => equals(element, b[index]!, budget));
  }
  if (isMap(a) && isMap(b)) {
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every(key => Object.hasOwn(b, key) && equals(a[key]!, b[key]!, budget));
  }
  if (typeof a === 'string' && typeof b === 'string' && a.length === b.length) budget.reads(a.length);
  return a === b;
}

/** Returns a number below, equal to or above zero for the order of two values. Numbers, texts and lists have an order. */
export function order(left: Value, right: Value, budget: Budget): number {
  budget.spend(1);
  const a = comparable(left);
  const b = comparable(right);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') {
    budget.reads(Math.min(a.length, b.length));
    return textOrder(a, b);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    for (const [index, element] of a.entries()) {
      if (index >= b.length) return 1;
      if (!equals(element, b[index]!, budget)) return order(element, b[index]!, budget);
    }
    return a.length - b.length;
  }
  throw new Refusal(`${describe(left)} and ${describe(right)} have no order`, conversionHint(a, b));
}

/** Whether a list has an element, a map a key or a text a part. */
export function contains(container: Value, value: Value, budget: Budget): boolean {
  const it = comparable(container);
  const wanted = comparable(value);
  if (Array.isArray(it)) return it.some(element => equals(element, wanted, budget));
  if (isMap(it))
    return typeof wanted === 'string' || typeof wanted === 'number' ? Object.hasOwn(it, wanted) : false;
  if (typeof it !== 'string') throw new Refusal(`${describe(container)} cannot contain anything`);
  if (typeof wanted !== 'string')
    throw new Refusal(`${describe(value)} cannot be part of a text`, 'Make it text with | string.');
  budget.reads(it.length);
  return it.includes(wanted);
}

/** Returns a map key that is the same for equal values and differs for all others, for comparing whole sets. */
export function identity(value: Value, budget: Budget): string {
  budget.spend(1);
  const it = comparable(value);
  if (Array.isArray(it)) return `[${it.map(element => identity(element, budget)).join()}]`;
  if (typeof it === 'string') budget.reads(it.length);
  if (!isMap(it)) return JSON.stringify(it);
  const entries = Object.keys(it)
    .sort()
    .map(key => `${JSON.stringify(key)}:${identity(it[key]!, budget)}`);
  return `{${entries.join()}}`;
}

/** Compares by code points, as Python orders text. JavaScript orders by UTF-16 units. */
export function textOrder(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return rank(a.charCodeAt(index)) - rank(b.charCodeAt(index));
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above all others, but have codes below 0xe000. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function comparable(value: Value): Exclude<ReturnType<typeof known>, Secret | boolean> {
  const it = known(value);
  if (it instanceof Secret) return it.reveal();
  return typeof it === 'boolean' ? Number(it) : it;
}

function conversionHint(a: Value, b: Value): string | undefined {
  const mixed =
    (typeof a === 'number' && typeof b === 'string') || (typeof a === 'string' && typeof b === 'number');
  return mixed ? 'Convert the text with | int or | float.' : undefined;
}
