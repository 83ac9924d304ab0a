/** Whether a path is below a folder. */
export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder === '/' ? '/' : `${folder}/`);

/** Whether a path is a folder itself or below it. */
export const isWithin = (path: string, folder: string): boolean => path === folder || isBelow(path, folder);

/** Returns the folders above a path, the highest first, without the root. */
export function foldersAbove(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index)).filter(folder => folder !== '');
}
