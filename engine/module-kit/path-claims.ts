import { posix } from 'node:path';
import type { Ownership } from '../effect.ts';
import { attributeClaim, type Claims, presenceClaim, typeClaim } from '../module.ts';
import type { PathState } from '../probe.ts';
import { defined } from '../util/defined.ts';
import type { NewContent } from '../util/file-content.ts';
import { textOf } from './state-text.ts';

/** Returns the declared attributes, with a mode of four digits, as a host shows it. */
export function attributesOf({ owner, group, mode }: Ownership): Partial<Record<keyof Ownership, string>> {
  return defined({ owner, group, mode: mode?.padStart(4, '0') }) as Partial<Record<keyof Ownership, string>>;
}

/** Returns the claims on a path: its type (`nothing`, `file` …), its attributes and, if given, its content. */
export function pathClaims(
  path: string,
  type: PathState['type'] | 'nothing' | undefined,
  attributes: Ownership = {},
  content?: () => NewContent | undefined,
): Claims {
  const at = posix.normalize(path);
  const entries = Object.entries(attributesOf(attributes)).map(([key, value]) => [
    attributeClaim(key, at),
    value,
  ]);
  const digest = content && (() => digestOf(content()));
  return {
    ...(type && { [`${typeClaim}${at}`]: type, ...presence(at, type === 'nothing' ? type : 'something') }),
    ...Object.fromEntries(entries),
    ...(digest && { [attributeClaim('content', at)]: digest }),
  };
}

/** Returns the claims that a path and all folders above it exist. */
export function presenceWithin(path: string): Claims {
  const above = (at: string): string[] => (at === '/' ? [] : [at, ...above(posix.dirname(at))]);
  return Object.assign({}, ...above(posix.normalize(path)).map(at => presence(at, 'something')));
}

/** Returns the claim that something of any type is at a path, or nothing. */
export const presence = (path: string, is: 'something' | 'nothing'): Claims => ({
  [`${presenceClaim}${posix.normalize(path)}`]: is,
});

const digestOf = (bytes: NewContent | undefined) => (bytes === undefined ? undefined : textOf(bytes).sha256);
