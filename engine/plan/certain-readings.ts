import { posix } from 'node:path';
import type { Obstacle } from '../module.ts';
import { account, type PathState, type Probe, path } from '../probe.ts';
import type { ForecastReading } from './forecast.ts';

/** What obstacles are looked for in. */
export interface Outlook {
  predict(probe: Probe): ForecastReading;
  /** The account that does the steps; undefined = not known. */
  account: string | undefined;
}

/** The value of a probe where it is certain. */
export function certain<T>(probe: Probe<T>, { predict }: Outlook): T | undefined {
  const { reading, open } = predict(probe);
  return open || !('value' in reading) ? undefined : (reading.value as T);
}

/** What a path leads to; undefined = not certain. */
export function followed(at: string, view: Outlook, links = 0): PathState | null | undefined {
  const there = certain(path(at), view);
  if (there?.type !== 'link' || links > 40) return there;
  return followed(posix.resolve(posix.dirname(at), there.target ?? ''), view, links + 1);
}

/** Whether an account or a group is there. */
export function accountThere(
  database: 'passwd' | 'group',
  name: string,
  view: Outlook,
): Obstacle | undefined {
  if (/^\d+$/.test(name) || certain(account(database, name), view) !== null) return undefined;
  const what = database === 'passwd' ? 'account' : 'group';
  return {
    says: `There is no ${what} ${name} on the host, and nothing before this makes one.`,
    fix: `Make it first, or give the name of one that is there.`,
  };
}

/** The first obstacle of several things. */
export function first<T>(all: readonly T[], ask: (one: T) => Obstacle | undefined): Obstacle | undefined {
  for (const one of all) {
    const found = ask(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
