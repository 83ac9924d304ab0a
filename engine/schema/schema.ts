import { durationPattern } from '../util/duration.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';

/** An error as ajv gives it with `verbose`. */
export interface Failure {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  params: Record<string, unknown>;
  parentSchema: Schema;
  data: unknown;
}

/** A JSON Schema, with the keywords that this room reads. */
export interface Schema {
  [keyword: string]: unknown;
  type?: string | readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  items?: Schema;
  default?: unknown;
  pattern?: string;
}

/** The accepted placeholder of a value: a template before evaluation, an Unknown after it. */
export type Open = 'template' | 'unknown';

/** Data that was written at `path` of `doc`; `label` names it in messages, such as `pg_role`. */
export interface Subject {
  doc: Doc;
  path: Path;
  label: string;
}

/** Returns the schema with a change of every schema directly in it. */
export function mapSchemas(schema: Schema, change: (inner: Schema) => Schema): Schema {
  const apply = (inner: unknown) =>
    typeof inner === 'object' && inner !== null ? change(inner as Schema) : inner;
  const entries = Object.entries(schema).map(([keyword, value]) => {
    if (mapsOfSchemas.includes(keyword)) {
      return [
        keyword,
        Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, apply(inner)])),
      ];
    }
    if (listsOfSchemas.includes(keyword)) return [keyword, (value as unknown[]).map(apply)];
    return [keyword, schemas.includes(keyword) ? apply(value) : value];
  });
  return Object.fromEntries(entries);
}

/** Whether a schema describes a file mode in octal digits. */
export function isMode(schema: Schema | undefined): boolean {
  return schema?.type === 'string' && schema.pattern?.startsWith('^[0-7]{3') === true;
}

/** Whether a schema describes a duration such as `1h`. */
export function isDuration(schema: Schema): boolean {
  return schema.pattern === durationPattern;
}

/** Whether a schema describes a text that begins with a slash. */
export function isAbsolutePath(schema: Schema): boolean {
  return schema.type === 'string' && /^\^\(?\//.test(schema.pattern ?? '');
}

/** The schema inside the frame that validation puts around it. */
export function unwrap(schema: Schema): Schema {
  return (schema['else'] as Schema | undefined) ?? schema;
}

const mapsOfSchemas = ['properties', 'patternProperties', 'definitions'];

const listsOfSchemas = ['anyOf', 'oneOf', 'allOf'];

const schemas = ['items', 'additionalProperties', 'propertyNames'];
