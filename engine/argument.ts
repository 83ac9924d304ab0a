import { durationPattern } from './duration.ts';
import type { Schema } from './schema-types.ts';

/** Arguments of modules in one line each: JSON Schemas whose TypeScript types are inferred. `more` adds keywords. */

type Described<K extends string> = { readonly type: K; readonly description: string };

// biome-ignore lint/complexity/noBannedTypes: no more keywords
type None = {};

/** A text. */
export const text = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'string', description, ...more }) as Described<'string'> & M;

/** True or false. */
export const flag = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'boolean', description, ...more }) as Described<'boolean'> & M;

/** A whole number. */
export const whole = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'integer', description, ...more }) as Described<'integer'> & M;

/** A time such as `30s`, `5m` or `1h30m`. */
export const duration = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'string', pattern: durationPattern, description, ...more }) as object as Described<'string'> & M;

/** A list whose items are all alike. */
export const listOf = <const I extends Schema, const M extends Schema = None>(
  items: I,
  description: string,
  more?: M,
) => ({ type: 'array', items, description, ...more }) as Described<'array'> & { readonly items: I } & M;

/** One of a few values. */
export const oneOf = <const E extends readonly (string | number | boolean)[], const M extends Schema = None>(
  values: E,
  description: string,
  more?: M,
) => ({ enum: values, description, ...more }) as { readonly enum: E; readonly description: string } & M;

/** Whichever of several schemas fits. */
export const anyOf = <const O extends readonly Schema[], const M extends Schema = None>(
  schemas: O,
  description: string,
  more?: M,
) => ({ anyOf: schemas, description, ...more }) as { readonly anyOf: O; readonly description: string } & M;

/** The keys of `values` that have a value, for what must not be there when it is not given. */
export function defined<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** A list in which an entry may have its condition before it: `isNew && { do: 'link', path, target }`. */
export type Conditional<T> = readonly (T | false | undefined)[];

/** The entries of a list whose condition holds. */
export const applicable = <T>(entries: Conditional<T> = []): T[] =>
  entries.filter((entry): entry is T => entry !== false && entry !== undefined);
