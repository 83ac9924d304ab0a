import { posix } from 'node:path';
import type { Obstacle } from '../module.ts';
import { account, type PathState, type Probe, path } from '../probe.ts';
import type { ResourceView } from './host-sight.ts';

/** The part of a resource's view that obstacles are found in. */
export type ObstacleView = Pick<ResourceView, 'predict' | 'account'>;

/** Returns the value of a probe, or undefined if it is open or missing. */
export function certain<T>(probe: Probe<T>, { predict }: ObstacleView): T | undefined {
  const { reading, open } = predict(probe);
  return open || !('value' in reading) ? undefined : (reading.value as T);
}

/** Returns the thing at the end of a path's links, null if nothing is there, or undefined if that is open. */
export function followed(at: string, view: ObstacleView, links = 0): PathState | null | undefined {
  const there = certain(path(at), view);
  if (there?.type !== 'link' || links > 40) return there;
  return followed(posix.resolve(posix.dirname(at), there.target ?? ''), view, links + 1);
}

/** Returns the obstacle of an account or a group that does not exist. */
export function accountThere(
  database: 'passwd' | 'group',
  name: string,
  view: ObstacleView,
): Obstacle | undefined {
  if (/^\d+$/.test(name) || certain(account(database, name), view) !== null) return undefined;
  const what = database === 'passwd' ? 'account' : 'group';
  return {
    says: `There is no ${what} ${name} on the host, and no earlier resource creates it.`,
    fix: `Create it in an earlier resource, or name an existing ${what}.`,
  };
}

/** Returns the first obstacle that `ask` finds. */
export function first<T>(all: readonly T[], ask: (one: T) => Obstacle | undefined): Obstacle | undefined {
  for (const one of all) {
    const found = ask(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
