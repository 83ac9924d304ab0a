import { posix } from 'node:path';
import type { PathState } from '../probe.ts';

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
