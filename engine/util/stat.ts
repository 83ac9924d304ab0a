import { type Stats, statSync } from 'node:fs';

/** Returns the stat of the thing at a path, with links followed; undefined if nothing is there or the name is too long. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if (['ENAMETOOLONG', 'ELOOP', 'ENOTDIR'].includes((thrown as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw thrown;
  }
}
