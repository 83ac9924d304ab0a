import { posix } from 'node:path';
import type { Claims, Diff, State } from '../engine/module.ts';
import { typeClaim } from '../engine/module.ts';
import { text } from '../engine/plan/diff.ts';
import type { PathState } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { AttributesStep, RunStep } from '../engine/step.ts';

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

/** Owner, group and mode, each only when it is declared. */
export interface Attributes {
  owner?: string | undefined;
  group?: string | undefined;
  mode?: string | undefined;
}

/** The declared attributes and nothing else of the arguments; the mode with four digits, as a host shows it. */
export function attributesOf({ owner, group, mode }: Attributes): Partial<Record<keyof Attributes, string>> {
  return {
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(mode === undefined ? {} : { mode: mode.padStart(4, '0') }),
  };
}

/** What a resource settles of a path: what is there (`nothing`, `file` …), its attributes, and perhaps its content. */
export function pathClaims(
  path: string,
  type: PathState['type'] | 'nothing' | undefined,
  attributes: Attributes = {},
  content?: () => string | Uint8Array | undefined,
): Claims {
  const at = posix.normalize(path);
  const entries = Object.entries(attributesOf(attributes)).map(([key, value]) => [
    `the ${key} of ${at}`,
    value,
  ]);
  return {
    ...(type === undefined ? {} : { [`${typeClaim}${at}`]: type }),
    ...Object.fromEntries(entries),
    ...(content === undefined
      ? {}
      : {
          [`the content of ${at}`]: () => {
            const bytes = content();
            return bytes === undefined ? undefined : text(bytes).sha256;
          },
        }),
  };
}

/** Whether one path is below another. */
export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(`${posix.normalize(folder)}/`);

/** The state of what is at a path. Its type is a key only when it is not the one wanted: see `wantedType`. */
export function pathState(at: PathState, type: PathState['type']): State {
  if (at.type !== type) return { type: at.type };
  return { owner: at.owner, group: at.group, mode: at.mode };
}

/** `type` as a key of the declared state when something else is in the way, so that the difference names it. */
export function wantedType(at: PathState | null | undefined, type: PathState['type']): State {
  return at && at.type !== type ? { type } : {};
}

/** Sets those attributes that differ. A change of owner clears setuid and setgid bits, so the mode comes with it. */
export function attributesStep(path: string, diff: Diff, args: Attributes): AttributesStep[] {
  const { mode, ...ownership } = attributesOf(args);
  const changed = Object.fromEntries(Object.entries(ownership).filter(([key]) => diff.has(key)));
  const chmod = mode !== undefined && (diff.has('mode') || Object.keys(changed).length > 0);
  const attributes = { ...changed, ...(chmod ? { mode } : {}) };
  return Object.keys(attributes).length === 0 ? [] : [{ do: 'attributes', path, ...attributes }];
}

/** Fails with a sentence instead of destroying what nobody has declared. */
export function refuse(sentence: string): RunStep {
  return {
    do: 'run',
    label: 'look before writing',
    // echo would take a backslash for the beginning of a code.
    command: `printf '%s\\n' ${shellQuote(sentence)} >&2; exit 1`,
    undo: {},
  };
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
