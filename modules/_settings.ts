import type { Schema } from '../engine/schema-types.ts';

type Scalar = string | number | boolean;

/** Settings of a program by their names. A list gives several items. */
export type Settings = Readonly<Record<string, Scalar | readonly Scalar[]>>;

const scalar = { type: ['string', 'number', 'boolean'] };

/** An argument with settings whose names match a pattern. `isFull` refuses an empty map and empty lists. */
export const settingsMap = (description: string, names: string, isFull = false) =>
  // The type is stated, not inferred: the values of the keys nest too deeply for the compiler.
  ({
    type: 'object',
    ...(isFull && { minProperties: 1 }),
    description,
    propertyNames: { pattern: names },
    additionalProperties: {
      anyOf: [scalar, { type: 'array', items: scalar, ...(isFull && { minItems: 1 }) }],
    },
  }) as Schema as { readonly const: Settings };

const word = (value: Scalar): string =>
  typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value).trim();

/** Returns a value as configuration files spell it: with `yes` and `no`, and the items of a list behind one another. */
export const plain = (value: Scalar | readonly Scalar[]): string => [value].flat().map(word).join(' ');

/** Whether a value has a line break, which would begin another setting. */
export const hasLineBreak = (value: Scalar | readonly Scalar[]): boolean =>
  [value].flat().some(each => /\n/.test(String(each)));
