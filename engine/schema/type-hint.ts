import type { Path } from '../yaml/source-text.ts';
import { type Failure, isMode, type Schema, type Subject, unwrap } from './schema.ts';

/** Returns the hint to convert the given value into an accepted one, if that was probably meant. */
export function typeHint(
  { parentSchema, data }: Failure,
  path: Path,
  { doc, path: base }: Subject,
): string | undefined {
  const types = typesOf(parentSchema);
  const at = [...base, ...path];
  const wantsText = types.includes('string') && (typeof data === 'number' || typeof data === 'boolean');
  const wantsNumber =
    types.some(type => type === 'integer' || type === 'number') && /^-?\d+$/.test(String(data));
  if (doc.get(at) !== data) {
    // The value comes from an expression, so no other spelling helps.
    if (wantsText)
      return isMode(parentSchema)
        ? 'Quote it where it is set, such as "0644".'
        : 'Add | string to the expression.';
    return wantsNumber ? 'Add | int to the expression.' : undefined;
  }
  const key = typeof path.at(-1) === 'string' ? `${path.at(-1)}: ` : '';
  const written = doc.source(at) ?? data;
  if (types.includes('boolean') && /^(yes|on|no|off)$/i.test(String(data))) {
    return `In YAML 1.2 only true and false are booleans: ${key}${/^(yes|on)$/i.test(String(data))}`;
  }
  if (wantsText) return isMode(parentSchema) ? undefined : `Quote it: ${key}"${written}"`;
  if (wantsNumber) return `Write it without quotes: ${key}${written}`;
  const single = typeof data === 'string' || typeof data === 'number';
  return types.includes('array') && single ? `Write a list: ${key}[${written}]` : undefined;
}

function typesOf(schema: Schema): string[] {
  const choices = (schema['anyOf'] ?? schema['oneOf'] ?? []) as Schema[];
  return [schema.type ?? [], ...choices.map(inner => unwrap(inner).type ?? [])].flat();
}
