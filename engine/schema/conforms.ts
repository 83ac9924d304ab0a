import { isDeepStrictEqual } from 'node:util';
import type { Schema } from './schema.ts';

/** Whether a value may stand for any value. */
type Open = (data: unknown) => boolean;
type Check = (data: unknown, open: Open) => boolean;

/**
 * Whether data certainly conforms to a schema. `open` accepts values that may stand for any value. The function errs only by
 * false; then Ajv decides and gives the reasons. Compiling schemas for Ajv would take most of the start of a run.
 */
export function conforms(schema: Schema, data: unknown, open: Open): boolean {
  return checkOf(schema)(data, open);
}

const made = new WeakMap<object, Check>();

/** Returns the check of a schema, which is made once. */
function checkOf(schema: Schema): Check {
  let check = made.get(schema);
  if (check === undefined) {
    const checks = Object.entries(schema)
      .filter(([keyword]) => !annotations.has(keyword))
      .map(([keyword, wanted]) => keywords[keyword]?.(wanted as never, schema) ?? (() => false));
    check = (data, open) => open(data) || checks.every(each => each(data, open));
    made.set(schema, check);
  }
  return check;
}

const annotations = new Set(['description', 'default', 'title', 'markdownDescription', 'defaultSnippets']);

const isObject = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

const types: Record<string, (data: unknown) => boolean> = {
  string: data => typeof data === 'string',
  boolean: data => typeof data === 'boolean',
  number: Number.isFinite,
  integer: Number.isInteger,
  null: data => data === null,
  array: Array.isArray,
  object: isObject,
};

const isOf = (type: string, data: unknown) => types[type]?.(data) ?? false;

const keywords: Record<string, (wanted: never, schema: Schema) => Check> = {
  type: (wanted: string | string[]) => data =>
    typeof wanted === 'string' ? isOf(wanted, data) : wanted.some(type => isOf(type, data)),
  const: wanted => data => isDeepStrictEqual(wanted, data),
  enum: (wanted: unknown[]) => data => wanted.some(one => one === data || isDeepStrictEqual(one, data)),
  pattern: (wanted: string) => {
    const pattern = new RegExp(wanted, 'u');
    return data => typeof data !== 'string' || pattern.test(data);
  },
  minLength: (wanted: number) => data => typeof data !== 'string' || [...data].length >= wanted,
  maxLength: (wanted: number) => data => typeof data !== 'string' || [...data].length <= wanted,
  minimum: (wanted: number) => data => typeof data !== 'number' || data >= wanted,
  maximum: (wanted: number) => data => typeof data !== 'number' || data <= wanted,
  minItems: (wanted: number) => data => !Array.isArray(data) || data.length >= wanted,
  uniqueItems: () => data =>
    !Array.isArray(data) ||
    (new Set(data).size === data.length && !data.some(one => typeof one === 'object')),
  items: (wanted: Schema) => {
    const check = checkOf(wanted);
    return (data, open) => !Array.isArray(data) || data.every(one => check(one, open));
  },
  required: (wanted: string[]) => data => !isObject(data) || wanted.every(key => data[key] !== undefined),
  properties: (wanted: Record<string, Schema>) => {
    const checks = Object.entries(wanted).map(([key, schema]) => [key, checkOf(schema)] as const);
    return (data, open) =>
      !isObject(data) || checks.every(([key, check]) => data[key] === undefined || check(data[key], open));
  },
  minProperties: (wanted: number) => data => !isObject(data) || Object.keys(data).length >= wanted,
  propertyNames: (wanted: Schema) => {
    const check = checkOf(wanted);
    return (data, open) => !isObject(data) || Object.keys(data).every(key => check(key, open));
  },
  additionalProperties: (wanted: Schema | boolean, { properties = {}, patternProperties }) => {
    const check: Check = typeof wanted === 'boolean' ? () => wanted : checkOf(wanted);
    return (data, open) =>
      patternProperties === undefined &&
      (!isObject(data) ||
        Object.keys(data).every(key => Object.hasOwn(properties, key) || check(data[key], open)));
  },
  anyOf: (wanted: Schema[]) => {
    const checks = wanted.map(checkOf);
    return (data, open) => checks.some(check => check(data, open));
  },
};
