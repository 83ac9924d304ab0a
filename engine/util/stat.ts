import { type Stats, statSync } from 'node:fs';

/** What is at a path, links followed; undefined where nothing is, or could be: no name is that long. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if (['ENAMETOOLONG', 'ELOOP'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw thrown;
  }
}
