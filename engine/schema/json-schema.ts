import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import { isTemplate } from '../expression/expression.ts';
import type { Problem } from '../problem.ts';
import { Unknown } from '../value.ts';
import type { Path } from '../yaml/source-text.ts';
import { conforms } from './conforms.ts';
import { type Failure, isMode, mapSchemas, type Open, type Schema, type Subject } from './schema.ts';
import { wording } from './schema-problems.ts';
import { misfits } from './unknown-values.ts';

const isOpen: Record<Open, (data: unknown) => boolean> = {
  template: data => typeof data === 'string' && isTemplate(data),
  unknown: data => data instanceof Unknown,
};

/** What is let pass while a schema is checked, so that it is compiled once for both. */
let passes: Open = 'template';

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  verbose: true,
  validateSchema: false,
  meta: false,
  logger: false,
});
ajv.addKeyword({
  keyword: 'open',
  validate: (_: unknown, data: unknown) => isOpen[passes](data),
});

const compiled = new WeakMap<object, ValidateFunction>();

/** What is wrong with `data`, in words and at its places. Compiles each schema once. */
export function validate(schema: Schema, data: unknown, subject: Subject, open: Open): Problem[] {
  let isTyped = false;
  const passed = (one: unknown) => {
    isTyped ||= one instanceof Unknown && one.types !== undefined;
    return isOpen[open](one);
  };
  if (conforms(schema, data, passed)) return isTyped ? misfits(schema, data, subject) : [];
  let check = compiled.get(schema);
  if (check === undefined) {
    check = ajv.compile(relax(schema) as AnySchema);
    compiled.set(schema, check);
  }
  passes = open;
  const wrong = check(data) ? [] : wording(check.errors as Failure[], data, subject);
  return [...wrong, ...misfits(schema, data, subject)];
}

/** Where data that a program wrote is not as the schema says, in ajv's words; undefined = it is. */
export function nonconformity(schema: Schema, data: unknown): string | undefined {
  const check = ajv.compile(schema as AnySchema);
  if (check(data)) return undefined;
  const { instancePath = '', message = '' } = check.errors?.[0] ?? {};
  return `${instancePath || 'it'} ${message}`;
}

/** The schema that lets a template or an Unknown stand for any value. */
function relax(schema: Schema): Schema {
  return { if: { open: true }, else: mapSchemas(schema, relax) };
}

/**
 * The data with the schema's defaults, and with file modes as four octal digits. An unquoted mode is read from its
 * source: YAML 1.2 takes 0644 for a decimal number. `source` gives the source of the scalar at a path, if it is written.
 */
export function complete(
  schema: Schema,
  data: unknown,
  source: (path: Path) => string | undefined,
  path: Path = [],
): unknown {
  if (isMode(schema)) return mode(data, source(path));
  // A whole number that an expression gave has one form as text; a written one may have lost leading zeros.
  if (schema.type === 'string' && Number.isSafeInteger(data) && source(path) === undefined)
    return String(data);
  if (Array.isArray(data) && schema.items !== undefined) {
    return data.map((element, index) => complete(schema.items!, element, source, [...path, index]));
  }
  if (typeof data !== 'object' || data === null || !isPlainObject(data) || schema.properties === undefined)
    return data;
  const filled: Record<string, unknown> = { ...data };
  for (const [key, inner] of propertiesOf(schema)) {
    if (filled[key] === undefined && inner.default !== undefined) filled[key] = copied(inner.default);
    else if (Object.hasOwn(filled, key)) filled[key] = complete(inner, filled[key], source, [...path, key]);
  }
  return filled;
}

/** Plain data that whoever gets it may change; a structured clone takes as long as all the rest of a resource. */
function copied(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(copied);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, inner]) => [key, copied(inner)]));
}

const properties = new WeakMap<Schema, [string, Schema][]>();

/** The properties of a schema, which are gone through for each resource on each host. */
function propertiesOf(schema: Schema): [string, Schema][] {
  let all = properties.get(schema);
  if (all === undefined) properties.set(schema, (all = Object.entries(schema.properties ?? {})));
  return all;
}

function isPlainObject(data: object): boolean {
  return Object.getPrototypeOf(data) === Object.prototype;
}

function mode(data: unknown, source: string | undefined): unknown {
  if (typeof data !== 'string' && typeof data !== 'number') return data;
  const digits = /^(?:0o?)?([0-7]{3,4})$/.exec(typeof data === 'string' ? data : (source ?? ''))?.[1];
  return digits === undefined ? data : digits.padStart(4, '0');
}
