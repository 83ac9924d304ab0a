import type { Ownership } from '../engine/effect.ts';
import type { Diff, Obstacle, State } from '../engine/module.ts';
import { attributesOf } from '../engine/module-kit/path-claims.ts';
import type { PathState } from '../engine/probe.ts';
import type { AttributesStep } from '../engine/step.ts';

/** Returns the state of a path. If the path has another type than wanted, the type is the only key: see `wantedType`. */
export const pathState = (at: PathState, type: PathState['type'], more: State = {}): State =>
  at.type === type ? { owner: at.owner, group: at.group, mode: at.mode, ...more } : { type: at.type };

/** Returns `type` as a key of the declared state if the path has another type, so that the diff names both types. */
export function wantedType(at: PathState | null | undefined, type: PathState['type']): State {
  return at && at.type !== type ? { type } : {};
}

/** Returns a sentence without full stop if a thing of another type is at the path, or undefined if none is. */
export function inTheWay(path: string, at: PathState | null, wanted: PathState['type']): string | undefined {
  if (at === null || at.type === wanted) return undefined;
  return `${path} is a ${at.type === 'other' ? 'special file' : at.type}, not a ${wanted}`;
}

/** Returns the obstacle if a thing other than a directory is at the path, or undefined if none is. */
export function noDirectory(path: string, at: PathState | null): Obstacle | undefined {
  const other = inTheWay(path, at, 'directory');
  const fix = 'Declare it as absent in an earlier resource, or give another path.';
  return other === undefined ? undefined : { says: `${other}; it is left unchanged.`, fix };
}

/** Sets the attributes that differ. The mode is always among them: a change of owner clears setuid and setgid bits. */
export function attributesStep(path: string, diff: Diff, args: Ownership): AttributesStep | undefined {
  const declared = Object.entries(attributesOf(args));
  const set = declared.filter(([key]) => key === 'mode' || diff.has(key));
  const differs = set.some(([key]) => diff.has(key));
  return differs ? { do: 'attributes', path, ...Object.fromEntries(set) } : undefined;
}

const wildcards: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

/**
 * Whether a relative path matches a glob: `*` and `?` stop at a slash, `**` does not, and a glob without a slash
 * matches names at any depth. Everything below a match matches too.
 */
export function matches(path: string, glob: string): boolean {
  const trimmed = glob.replace(/\/$/, '');
  const anchored = trimmed.includes('/') ? trimmed.replace(/^\//, '') : `**/${trimmed}`;
  const parts = /\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g;
  const source = anchored.replace(parts, part => wildcards[part] ?? `\\${part}`);
  return new RegExp(`^${source}(?:/|$)`).test(path);
}
