import type { Effect } from '../effect.ts';
import { packagesWrite } from '../host-knowledge.ts';
import type { PathState } from '../probe.ts';
import { isBelow } from '../util/paths.ts';
import type { Predicted } from './forecast-types.ts';

/** An effect on everything below a folder, or on all paths where packages write. */
export interface FolderEffect {
  /** The number of the effect. Paths that a later effect sets are not concerned. */
  sequence: number;
  by: string;
  /** Whether it concerns all paths where packages write. */
  wide?: boolean;
  covers(path: string): boolean;
  /** Exempts a path whose folder already exists. */
  unlessInside?(path: string): boolean;
  /** Whether it may concern a path below the folder. */
  reaches(folder: string): boolean;
  apply(was: Predicted<PathState | null>): Predicted<PathState | null>;
}

/** Returns the effects on folders of one step effect; `real` is its path without links. */
export function folderEffectsOf(
  effect: Effect,
  real: string | undefined,
  by: string,
): Omit<FolderEffect, 'sequence'>[] {
  const opens = (
    covers: FolderEffect['covers'],
    reaches: FolderEffect['reaches'],
    may: (value: PathState | null) => boolean,
  ): Omit<FolderEffect, 'sequence'> => ({
    by,
    covers,
    reaches,
    apply: seen => (may(seen.value) ? { value: seen.value, from: [...seen.from, by], open: true } : seen),
  });
  switch (effect.kind) {
    case 'below': {
      const root = real ?? effect.path;
      const covers = (one: string) => one === root || isBelow(one, root);
      return [
        opens(
          covers,
          folder => covers(folder) || isBelow(root, folder),
          () => true,
        ),
      ];
    }
    case 'packages': {
      const { comes, goes, whole, purges } = effect;
      const names = [...comes.keys()];
      const come = (one: string) => packagesWrite(one, names) !== false;
      const theirs = (one: string) => packagesWrite(one, goes, true) === true;
      const gone = (one: string) => theirs(one) && (purges === true || !/^\/(etc|var)\//.test(one));
      const unlessInside = (one: string) => whole && packagesWrite(one, names) === 'with-folder';
      const coming = { ...opens(come, come, value => value === null), unlessInside, wide: true };
      const going = { ...opens(gone, gone, value => value !== null), wide: true };
      // dpkg keeps configuration files, but not empty configuration folders.
      const emptied = { ...opens(theirs, theirs, value => value?.type === 'directory'), wide: true };
      return [...(comes.size > 0 || !whole ? [coming] : []), ...(goes.length > 0 ? [going, emptied] : [])];
    }
    case 'account': {
      if (effect.line !== null && !effect.renumbers) return [];
      const key = effect.database === 'passwd' ? 'owner' : 'group';
      const all = () => true;
      return [{ ...opens(all, all, value => value?.[key] === effect.name), wide: true }];
    }
    case 'anything': {
      const named = pathsIn(effect.text);
      const own = pathsIn(effect.command ?? '');
      const within = (one: string) => own.some(other => other === one || isBelow(one, other));
      const around = (folder: string) => within(folder) || own.some(one => isBelow(one, folder));
      const covers = (one: string) =>
        named.some(other => other === one || isBelow(one, other) || isBelow(other, one));
      const reaches = (folder: string) => named.some(one => isBelow(one, folder)) || covers(folder);
      return [
        opens(covers, reaches, value => value === null),
        opens(within, around, value => value !== null),
      ];
    }
    default:
      return [];
  }
}

/** Returns the absolute paths that a text names. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w.])\/[\w.@:+-]+(?:\/[\w.@:+-]+)*/g)].map(([one]) => one);
