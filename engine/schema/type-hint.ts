import { durationText } from '../util/duration.ts';
import { isMap } from '../value.ts';
import type { Path } from '../yaml/source-text.ts';
import {
  type Failure,
  isAbsolutePath,
  isDuration,
  isMode,
  type Schema,
  type Subject,
  unwrap,
} from './schema.ts';

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
  const duration = durationHint(parentSchema, data, key);
  if (duration !== undefined) return duration;
  if (wantsText) return isMode(parentSchema) ? undefined : `Quote it: ${key}"${written}"`;
  if (wantsNumber) return `Write it without quotes: ${key}${written}`;
  if (path.at(-1) === 'when' && Array.isArray(data) && data.every(one => typeof one === 'string'))
    return `Write one expression: when: ${data.length === 1 ? data[0] : data.map(one => `(${one})`).join(' and ')}`;
  const single = typeof data === 'string' || typeof data === 'number';
  if (types.includes('array') && isMap(data) && Object.keys(data).length > 0)
    return `Write a list, with "- " before each element: - ${Object.keys(data)[0]}:`;
  return types.includes('array') && single ? `Write a list: ${key}[${written}]` : undefined;
}

/** Returns the hint to give a duration its unit. */
export function durationHint(schema: Schema, data: unknown, key: string): string | undefined {
  if (!isDuration(schema)) return undefined;
  if (typeof data === 'boolean') return `Write a duration: ${key}1h`;
  return /^\d+$/.test(String(data))
    ? `Write the duration with its unit: ${key}${durationText(Number(data))}`
    : undefined;
}

/** Whether a text is an absolute path without a slash or a line break at its end. */
const isPath = (data: unknown): boolean => /^(?:\/[^/]+)*\/[^/]*[^/\n]$/.test(String(data));

/** Returns the hint to make a text an absolute path. */
export function pathHint({ parentSchema, data }: Failure, path: Path): string | undefined {
  if (!isAbsolutePath(parentSchema) || isPath(data)) return undefined;
  const key = typeof path.at(-1) === 'string' ? `${path.at(-1)}: ` : '';
  const text = String(data);
  if (/^~/.test(text))
    return `Write out the home directory: ${key}${text.replace(/^~(\w*)/, (_, name) => `/home/${name || 'NAME'}`)}`;
  if (text.endsWith('\n'))
    return `Write it on one line, or with >- instead of >, which keeps the line break at its end.`;
  const plain = text.replaceAll(/\/+/g, '/').replace(/\/$/, '');
  if (isPath(plain)) return `Write it without a slash at its end or two in a row: ${key}${plain}`;
  if (text === '/') return `Name a path below the root, such as ${key}/srv`;
  return text.startsWith('/')
    ? undefined
    : `Begin it with a slash, such as ${key}/srv/${text.replace(/^\.\//, '')}`;
}

function typesOf(schema: Schema): string[] {
  const choices = (schema['anyOf'] ?? schema['oneOf'] ?? []) as Schema[];
  return [schema.type ?? [], ...choices.map(inner => unwrap(inner).type ?? [])].flat();
}
