import { identifier } from '../engine/quote.ts';

/** The JSON Schema of a name in PostgreSQL, which would cut longer ones silently; spread it beside a description. */
export const pgName = { type: 'string', minLength: 1, maxLength: 63, pattern: '^[^\\u0000]+$' } as const;

/** Quoted names, as SQL lists them. */
export function identifiers(names: readonly string[]): string {
  return names.map(identifier).join(', ');
}
