/**
 * The TypeScript types of the values that fit a JSON Schema, for the few keywords that modules use. The general inference
 * of libraries takes the compiler a minute for a schema with nested choices.
 */

/** A JSON Schema (draft-07) of a module. A test checks the keywords with ajv's strict mode. */
export type Schema = { readonly [keyword: string]: unknown };

/** The arguments of a module with their defaults: an argument with a default is never undefined. */
export type ArgumentsOf<S> = S extends { properties: infer P }
  ? ObjectOf<P, RequiredOf<S>>
  : Record<string, unknown>;

type RequiredOf<S> = S extends { required: readonly (infer R)[] } ? R : never;

/** The values of arguments with the schemas `P`, of which those named `R` are required. */
export type ObjectOf<P, R> = {
  -readonly [K in keyof P as P[K] extends { default: unknown } ? K : K extends R ? K : never]: ValueOf<P[K]>;
} & {
  -readonly [K in keyof P as P[K] extends { default: unknown } ? never : K extends R ? never : K]?: ValueOf<
    P[K]
  >;
};

interface Scalars {
  string: string;
  integer: number;
  number: number;
  boolean: boolean;
  null: null;
}

type ValueOf<S> = S extends { const: infer C }
  ? C
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { anyOf: readonly (infer O)[] } | { oneOf: readonly (infer O)[] }
      ? ValueOf<O>
      : S extends { type: 'array'; items: infer I }
        ? ValueOf<I>[]
        : S extends { type: 'object'; properties: infer P }
          ? ObjectOf<P, RequiredOf<S>>
          : S extends { type: 'object'; additionalProperties: infer V extends Schema }
            ? Record<string, ValueOf<V>>
            : S extends { type: 'object' }
              ? Record<string, unknown>
              : S extends { type: infer T extends keyof Scalars }
                ? Scalars[T]
                : S extends { type: readonly (infer T)[] }
                  ? T extends keyof Scalars
                    ? Scalars[T]
                    : unknown
                  : unknown;
