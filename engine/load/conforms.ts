import { isDeepStrictEqual } from 'node:util';
import type { Schema } from './validate.ts';

/**
 * Whether data surely conforms to a schema; `open` tells what may stand for any value. It only ever errs by saying no:
 * then Ajv decides and says why, but compiling schemas for it takes most of the start of a run.
 */
export function conforms(schema: Schema, data: unknown, open: (data: unknown) => boolean): boolean {
  if (open(data)) return true;
  return Object.entries(schema).every(([keyword, wanted]) => {
    if (annotations.has(keyword)) return true;
    return (
      keywords[keyword]?.(wanted as never, data, inner => conforms(inner[0], inner[1], open), schema) ?? false
    );
  });
}

const annotations = new Set(['description', 'default', 'title', 'markdownDescription', 'defaultSnippets']);

type Inner = (of: [Schema, unknown]) => boolean;
const isObject = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);
const named = (schema: Schema | boolean, value: unknown, inner: Inner) =>
  typeof schema === 'boolean' ? schema : inner([schema, value]);

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

const patterns = new Map<string, RegExp>();
function patternOf(source: string): RegExp {
  const known = patterns.get(source) ?? new RegExp(source, 'u');
  patterns.set(source, known);
  return known;
}

const keywords: Record<string, (wanted: never, data: unknown, inner: Inner, schema: Schema) => boolean> = {
  type: (wanted: string | string[], data) =>
    typeof wanted === 'string' ? isOf(wanted, data) : wanted.some(type => isOf(type, data)),
  const: (wanted, data) => isDeepStrictEqual(wanted, data),
  enum: (wanted: unknown[], data) => wanted.some(one => one === data || isDeepStrictEqual(one, data)),
  pattern: (wanted: string, data) => typeof data !== 'string' || patternOf(wanted).test(data),
  minLength: (wanted: number, data) => typeof data !== 'string' || [...data].length >= wanted,
  maxLength: (wanted: number, data) => typeof data !== 'string' || [...data].length <= wanted,
  minimum: (wanted: number, data) => typeof data !== 'number' || data >= wanted,
  maximum: (wanted: number, data) => typeof data !== 'number' || data <= wanted,
  minItems: (wanted: number, data) => !Array.isArray(data) || data.length >= wanted,
  uniqueItems: (_, data) =>
    !Array.isArray(data) ||
    (new Set(data).size === data.length && !data.some(one => typeof one === 'object')),
  items: (wanted: Schema, data, inner) => !Array.isArray(data) || data.every(one => inner([wanted, one])),
  required: (wanted: string[], data) => !isObject(data) || wanted.every(key => data[key] !== undefined),
  properties: (wanted: Record<string, Schema>, data, inner) =>
    !isObject(data) ||
    Object.entries(wanted).every(([key, schema]) => data[key] === undefined || inner([schema, data[key]])),
  propertyNames: (wanted: Schema, data, inner) =>
    !isObject(data) || Object.keys(data).every(key => inner([wanted, key])),
  additionalProperties: (wanted: Schema | boolean, data, inner, { properties = {}, patternProperties }) =>
    patternProperties === undefined &&
    (!isObject(data) ||
      Object.entries(data).every(
        ([key, value]) => Object.hasOwn(properties, key) || named(wanted, value, inner),
      )),
  anyOf: (wanted: Schema[], data, inner) => wanted.some(schema => inner([schema, data])),
};
