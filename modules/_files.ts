import { posix } from 'node:path';
import { text } from '../engine/argument.ts';
import type { Ownership } from '../engine/effect.ts';
import type { Diff, State } from '../engine/module.ts';
import { attributesOf } from '../engine/path-claims.ts';
import type { PathState } from '../engine/probe.ts';
import type { AttributesStep } from '../engine/step.ts';

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

/** Whether one path is below another. */
export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(`${posix.normalize(folder)}/`);

/** The arguments for a text that is given whole: as it is, by a file beside the playbook, or by a template. */
export const wholeText = (what: string) =>
  ({
    content: text(what),
    src: text('A file beside the playbook that is copied as it is.', { minLength: 1 }),
    template: text('A file in `templates/` beside the playbook that is rendered.', { minLength: 1 }),
  }) as const;

/** The state of what is at a path. Its type is a key only when it is not the one wanted: see `wantedType`. */
export function pathState(at: PathState, type: PathState['type']): State {
  if (at.type !== type) return { type: at.type };
  return { owner: at.owner, group: at.group, mode: at.mode };
}

/** `type` as a key of the declared state when something else is in the way, so that the difference names it. */
export function wantedType(at: PathState | null | undefined, type: PathState['type']): State {
  return at && at.type !== type ? { type } : {};
}

/** Says that something else than a `wanted` is at the path: a sentence without its end; undefined = it is not so. */
export function inTheWay(path: string, at: PathState | null, wanted: PathState['type']): string | undefined {
  if (at === null || at.type === wanted) return undefined;
  return `${path} is a ${at.type === 'other' ? 'special file' : at.type}, not a ${wanted}`;
}

/** Sets those attributes that differ. A change of owner clears setuid and setgid bits, so the mode comes with it. */
export function attributesStep(path: string, diff: Diff, args: Ownership): AttributesStep[] {
  const { mode, ...ownership } = attributesOf(args);
  const changed = Object.fromEntries(Object.entries(ownership).filter(([key]) => diff.has(key)));
  const chmod = mode !== undefined && (diff.has('mode') || Object.keys(changed).length > 0);
  const attributes = { ...changed, ...(chmod ? { mode } : {}) };
  return Object.keys(attributes).length === 0 ? [] : [{ do: 'attributes', path, ...attributes }];
}

/**
 * Whether a relative path matches a glob: `*` and `?` stop at a slash, `**` does not, and a glob without a slash is
 * about names at any depth. What is below a match matches too.
 */
export function matches(path: string, glob: string): boolean {
  const trimmed = glob.replace(/\/$/, '');
  const anchored = trimmed.includes('/') ? trimmed.replace(/^\//, '') : `**/${trimmed}`;
  const source = anchored.replace(/\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g, part => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : `\\${part}`;
  });
  return new RegExp(`^${source}(?:/|$)`).test(path);
}
