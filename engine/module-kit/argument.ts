import type { Schema } from '../schema-types.ts';
import { durationPattern } from '../util/duration.ts';

/**
 * Functions that describe an argument of a module in one line. Each returns a JSON Schema, from which the TypeScript type is
 * inferred. `more` adds keywords of JSON Schema.
 */

type Described<K extends string> = { readonly type: K; readonly description: string };

// biome-ignore lint/complexity/noBannedTypes: no more keywords
type None = {};

/** A string. */
export const text = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'string', description, ...more }) as Described<'string'> & M;

/** A boolean. */
export const flag = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'boolean', description, ...more }) as Described<'boolean'> & M;

/** An integer. */
export const whole = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'integer', description, ...more }) as Described<'integer'> & M;

/** A duration, such as `30s`, `5m` or `1h30m`. */
export const duration = <const M extends Schema = None>(description: string, more?: M) =>
  ({ type: 'string', pattern: durationPattern, description, ...more }) as object as Described<'string'> & M;

/** A list with one schema for all items. */
export const listOf = <const I extends Schema, const M extends Schema = None>(
  items: I,
  description: string,
  more?: M,
) => ({ type: 'array', items, description, ...more }) as Described<'array'> & { readonly items: I } & M;

/** One of the listed values. */
export const oneOf = <const E extends readonly (string | number | boolean)[], const M extends Schema = None>(
  values: E,
  description: string,
  more?: M,
) => ({ enum: values, description, ...more }) as { readonly enum: E; readonly description: string } & M;

/** A value that fits at least one of several schemas. */
export const anyOf = <const O extends readonly Schema[], const M extends Schema = None>(
  schemas: O,
  description: string,
  more?: M,
) => ({ anyOf: schemas, description, ...more }) as { readonly anyOf: O; readonly description: string } & M;

/** An absolute path without a slash or a line break at its end. It excludes `/` itself. */
export const absolutePath = { type: 'string', pattern: '^(/[^/]+)*/[^/]*[^/\\n]$' } as const;
/** Permissions as three or four octal digits. */
export const fileMode = { type: 'string', pattern: '^[0-7]{3,4}$' } as const;
/** The name of an account or a group. */
export const accountName = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_.-]*\\$?$' } as const;

/** The arguments `owner` and `group` of `what`. */
export const ownership = (what: string) =>
  ({
    owner: {
      ...accountName,
      description: `Account that owns ${what}; what is new belongs to the account that does the work.`,
    },
    group: { ...accountName, description: `Group that owns ${what}.` },
  }) as const;

/** The arguments for a whole text: `content` gives it directly, `src` copies a file and `template` renders one. */
export const wholeText = (what: string) =>
  ({
    content: text(what),
    src: text('A file beside the playbook that is copied as it is.', { minLength: 1 }),
    template: text('A file in `templates/` beside the playbook that is rendered.', { minLength: 1 }),
  }) as const;

/** Returns the schema of `state`. `clause` is about `absent`; `ways` is the module's own schema, with the ways to be present. */
export const stateSchema = (clause: string, ways?: Schema): Schema => ({
  enum: [...((ways?.['enum'] as readonly string[] | undefined) ?? ['present']), 'absent'],
  default: ways?.['default'] ?? 'present',
  description: ways
    ? `${ways['description']} \`absent\` ${clause}.`
    : `Whether it exists; \`absent\` ${clause}.`,
});
