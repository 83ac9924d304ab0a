import { posix } from 'node:path';
import type { PathState } from '../probe.ts';

const maxLinks = 40;

/**
 * Returns a path without links, or undefined if the links form a circle. `peek` returns the state of each folder on the way
 * and, with `follows`, of the path itself.
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
