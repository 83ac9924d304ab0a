import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the existing paths that match an absolute pattern of `*`, `?` and `[…]`, in the order of their bytes. */
export function glob(pattern: string): string[] {
  let found = ['/'];
  for (const segment of pattern.split('/').filter(Boolean)) {
    found = /[*?[]/.test(segment)
      ? found.flatMap(folder => entriesOf(folder, patternOf(segment)).map(name => join(folder, name)))
      : found.map(folder => join(folder, segment));
  }
  return found.filter(path => existsSync(path));
}

function entriesOf(folder: string, fits: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter(name => fits.test(name))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch {
    return [];
  }
}

/** Only a pattern that begins with a dot matches a name that begins with one. */
function patternOf(segment: string): RegExp {
  const source = segment.replace(/\*+|\?|\[!?[^\]]+\]|[\\^$.*+?()[\]{}|]/g, part => {
    if (part.startsWith('*')) return '.*';
    if (part === '?') return '.';
    return part.length > 1 ? part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\') : `\\${part}`;
  });
  return new RegExp(`^${segment.startsWith('.') ? '' : '(?!\\.)'}${source}$`, 's');
}
