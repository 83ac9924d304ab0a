import type { Schema } from '../schema-types.ts';
import { durationPattern } from '../util/duration.ts';

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

/** An absolute path without a slash at its end; `/` itself is not one. */
export const absolutePath = { type: 'string', pattern: '^(/[^/]+)+$' } as const;
export const fileMode = { type: 'string', pattern: '^[0-7]{3,4}$' } as const;
export const accountName = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_.-]*\\$?$' } as const;

/** The arguments for who owns `what`. */
export const ownership = (what: string) =>
  ({
    owner: {
      ...accountName,
      description: `Account that owns ${what}; what is new belongs to the account that does the work.`,
    },
    group: { ...accountName, description: `Group that owns ${what}.` },
  }) as const;

/** The arguments for a text that is given whole: as it is, by a file beside the playbook, or by a template. */
export const wholeText = (what: string) =>
  ({
    content: text(what),
    src: text('A file beside the playbook that is copied as it is.', { minLength: 1 }),
    template: text('A file in `templates/` beside the playbook that is rendered.', { minLength: 1 }),
  }) as const;
