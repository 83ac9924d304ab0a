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

/** The placeholders that the current validation accepts. The compiled schemas read it, so each is compiled once. */
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

/** Returns the problems of `data` with their places. Compiles each schema once. */
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

/** Returns the first mistake in data that a program wrote, in ajv's words, or undefined if the data fits the schema. */
export function nonconformity(schema: Schema, data: unknown): string | undefined {
  const check = ajv.compile(schema as AnySchema);
  if (check(data)) return undefined;
  const { instancePath = '', message = '' } = check.errors?.[0] ?? {};
  return `${instancePath || 'it'} ${message}`;
}

/** Returns the schema with placeholders allowed for every value: templates or Unknowns. */
function relax(schema: Schema): Schema {
  return { if: { open: true }, else: mapSchemas(schema, relax) };
}

/**
 * Returns the data with the schema's defaults, and with file modes as four octal digits. An unquoted mode is read from its
 * source, because YAML 1.2 takes 0644 for a decimal number. `source` returns the source of a written scalar at a path.
 */
export function complete(
  schema: Schema,
  data: unknown,
  source: (path: Path) => string | undefined,
  path: Path = [],
): unknown {
  if (isMode(schema)) return mode(data, source(path));
  // A whole number from an expression has one form as text. A written number may have lost leading zeros.
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

/** Returns a copy of plain data that may be changed. A structured clone would be far slower. */
function copied(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(copied);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, inner]) => [key, copied(inner)]));
}

const properties = new WeakMap<Schema, [string, Schema][]>();

/** Returns the properties of a schema. They are cached, because each resource on each host needs them. */
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
