import { posix } from 'node:path';
import type { PathState, Probe } from '../probe.ts';
import type { Reading } from '../probes/probe-kind.ts';

/** What a probe gave when the host was read; undefined = it was not asked, and is asked for the next time. */
export type Raw = (probe: Probe) => Reading | undefined;

/** A value with the resources that it rests on; `open` = they may also leave another one. */
export interface Foreseen<T> {
  value: T;
  from: readonly string[];
  open: boolean;
}

/** Who lays an effect: the resource, the account that does it, and whether it is certain to be done. */
export interface Laying {
  by: string;
  /** undefined = not known. */
  account: string | undefined;
  /** Whether it may also not be done. */
  maybe: boolean;
  /** Whether it is not certain what was read to choose the steps. */
  unsure?: boolean;
}

/** The value of a reading; undefined = there is none. */
export function known<T>(reading: Reading | undefined): T | undefined {
  return reading !== undefined && 'value' in reading ? (reading.value as T) : undefined;
}

/** Whether a path is below a folder. */
export const isBelow = (at: string, folder: string): boolean =>
  at.startsWith(folder === '/' ? '/' : `${folder}/`);

/** The folders above a path, the highest first, without the root. */
export function ancestors(at: string): string[] {
  return [...at.matchAll(/\//g)].map(({ index }) => at.slice(0, index)).filter(folder => folder !== '');
}

const maxLinks = 40;

/**
 * A path without links, as `peek` tells of each folder on the way, and with `follows` of its end; undefined where links go
 * round in a circle.
 */
export function withoutLinks(
  at: string,
  follows: boolean,
  peek: (real: string) => PathState | null,
): string | undefined {
  let rest = posix.normalize(at).split('/').filter(Boolean);
  let real = '';
  for (let links = 0; rest.length > 0; ) {
    const [name, ...more] = rest;
    if (name === '..') {
      real = posix.dirname(real || '/').replace(/^\/$/, '');
      rest = more;
      continue;
    }
    const next = `${real}/${name}`;
    const there = more.length > 0 || follows ? peek(next) : null;
    if (there?.type !== 'link') {
      real = next;
      rest = more;
      continue;
    }
    if (++links > maxLinks) return undefined;
    const target = there.target ?? '';
    if (target.startsWith('/')) real = '';
    rest = [...target.split('/').filter(part => part !== '' && part !== '.'), ...more];
  }
  return real || '/';
}
