/**
 * Damaged versions of files: a bit of each byte flipped, a cut at each byte, and each field of another type. A quick run
 * takes a sample; with DAMAGE=all, which `npm run damage` sets, each of them is tried, on hosts by one shell.
 */
import { appendFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { Random } from '../engine/validate/fuzz/random.ts';
import { seed } from '../random.ts';

/** A damaged file, and the damage in words. */
export interface Damaged {
  how: string;
  bytes: Buffer;
}

export const full = process.env['DAMAGE'] === 'all';
const sampleSize = 60;

/** Returns all of a list, or a sample of it. `npm run damage` adds up the numbers. */
export function some<T>(all: readonly T[], quick = sampleSize, isWhole = full): readonly T[] {
  const random = new Random(seed);
  const chosen = isWhole || all.length <= quick ? all : Array.from({ length: quick }, () => random.pick(all));
  const counts = process.env['DAMAGE_COUNTS'];
  if (counts !== undefined) appendFileSync(counts, `${chosen.length}\n`);
  return chosen;
}

/** Returns the file with one bit of each byte flipped, and cut before each byte. */
export function brokenBytes(file: string | Buffer): Damaged[] {
  const whole = Buffer.from(file);
  const random = new Random(seed);
  return [...whole].flatMap((byte, at) => {
    const flipped = Buffer.from(whole);
    flipped[at] = byte ^ (1 << random.below(8));
    return [
      { how: `byte ${at}: ${byte} → ${flipped[at]}`, bytes: flipped },
      { how: `cut at ${at}`, bytes: whole.subarray(0, at) },
    ];
  });
}

const others = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  '\u0000',
  'x\ny\tz',
  '../..',
  [],
  [[]],
  {},
  { x: {} },
  ['x'],
];

/** Returns data with each of its fields, at any depth, left out or replaced by a value of another type. */
function retyped(data: unknown): { how: string; data: unknown }[] {
  return pathsOf(data).flatMap(path =>
    [undefined, ...others].map(other => ({
      how: `${path.join('.')} = ${JSON.stringify(other)}`,
      data: replaced(data, path, other),
    })),
  );
}

/** Returns the same as JSON. */
export const retypedJson = (data: unknown): Damaged[] =>
  retyped(data).map(({ how, data }) => ({ how, bytes: Buffer.from(JSON.stringify(data, null, 2)) }));

/** Returns the same as YAML. */
export const retypedYaml = (data: unknown): Damaged[] =>
  retyped(data).map(({ how, data }) => ({ how, bytes: Buffer.from(stringify(data)) }));

/** Returns lines of fields with each field, up to `separator`, left out, emptied or replaced. */
export function brokenFields(text: string, separator: string | RegExp): Damaged[] {
  const parts = text.split(
    new RegExp(`(${typeof separator === 'string' ? separator : separator.source}|\n)`),
  );
  return parts.flatMap((part, at) =>
    [
      '',
      '0',
      '-1',
      '99999999999999999999',
      'x',
      '$(touch run)',
      '`touch run`',
      "'",
      '../..',
      'a b',
      '/',
      '\u00ff',
    ]
      .filter(other => other !== part)
      .map(other => ({
        how: `field ${at}: ${JSON.stringify(part)} → ${JSON.stringify(other)}`,
        bytes: Buffer.from(parts.with(at, other).join('')),
      })),
  );
}

function pathsOf(data: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof data !== 'object' || data === null) return [at];
  const keys = Array.isArray(data) ? data.keys() : Object.keys(data);
  return [at, ...[...keys].flatMap(key => pathsOf(data[key as never], [...at, key]))];
}

function replaced(data: unknown, [key, ...rest]: readonly (string | number)[], other: unknown): unknown {
  if (key === undefined) return other ?? null;
  const copy = Array.isArray(data) ? [...data] : { ...(data as object) };
  copy[key as never] = replaced(copy[key as never], rest, other) as never;
  if (rest.length === 0 && other === undefined) delete copy[key as never];
  return copy;
}
