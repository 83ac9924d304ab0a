import { isAbsolutePath, isDuration, isMode, type Schema, unwrap } from './schema.ts';

/** Returns the accepted values of a schema in plain words: `a list of text`, `present or absent`. */
export function expectation(schema: Schema): string {
  if (schema['const'] !== undefined) return String(schema['const']);
  if (Array.isArray(schema['enum']))
    return either(schema['enum'].map(value => (value === '' ? '""' : String(value))));
  const choices = alternatives(schema);
  if (choices.length > 0) return either([...new Set(choices.map(expectation))]);
  if (isMode(schema)) return 'an octal mode such as "0644"';
  return either([schema.type ?? []].flat().map(type => typeWords(type, schema)));
}

function typeWords(type: string, schema: Schema): string {
  const words: Record<string, string> = {
    string: isDuration(schema)
      ? 'a duration such as 30s'
      : isAbsolutePath(schema)
        ? 'an absolute path'
        : 'text',
    integer: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    object: 'a map',
    null: 'nothing',
  };
  if (type !== 'array') return words[type] ?? type;
  const element = schema.items === undefined ? undefined : expectation(unwrap(schema.items));
  return element === undefined || element === ''
    ? 'a list'
    : `a list of ${element.replace(/^an? (.*)$/, '$1s')}`;
}

/** Returns the alternatives of a schema. */
export function alternatives(schema: Schema): Schema[] {
  return ((schema['anyOf'] ?? schema['oneOf'] ?? []) as Schema[]).map(unwrap);
}

/** Returns a value in the words of a message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string')
    return `text "${(value.length > 60 ? `${value.slice(0, 60)}…` : value).replaceAll('\n', '␊')}"`;
  return typeof value === 'number' ? `the number ${value}` : String(value);
}

export function quote(value: unknown): string {
  return describe(value).replace(/^text /, '');
}

function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
