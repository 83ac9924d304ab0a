import { posix } from 'node:path';
import type { PathState } from '../probe.ts';
import { memoized } from '../util/memoized.ts';
import type { ReadProbe } from './forecast-types.ts';

const maxLinks = 40;

/** Returns a store of the folders without links, for each reader of a host. */
export const foldersByReader = () => memoized((_: ReadProbe) => new Map<string, string | undefined>());

/**
 * Returns a path without links, or undefined if the links form a circle. `peek` returns the state of each folder on the way
 * and, with `follows`, of the path itself. `folders` keeps the answers for folders, because many paths share one.
 */
export function withoutLinks(
  at: string,
  follows: boolean,
  peek: (real: string) => PathState | null,
  folders: Map<string, string | undefined>,
): string | undefined {
  // The links of /proc lead each process to another place.
  const seen = (path: string) => (path.startsWith('/proc/') ? null : peek(path));
  const [, folder, name] = /^(.+)\/([^/]+)$/s.exec(at) ?? [];
  if (folder === undefined || name === '.' || name === '..') return walked(at, follows, seen);
  if (!folders.has(folder)) folders.set(folder, walked(folder, true, seen));
  const real = folders.get(folder);
  if (real === undefined) return undefined;
  const end = `${real === '/' ? '' : real}/${name}`;
  return follows && seen(end)?.type === 'link' ? walked(at, follows, seen) : end;
}

function walked(at: string, follows: boolean, peek: (real: string) => PathState | null): string | undefined {
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
