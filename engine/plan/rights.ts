import { posix } from 'node:path';
import type { Effect } from '../effect.ts';
import type { Obstacle } from '../module.ts';
import { type CommandResult, command, flags, path } from '../probe.ts';
import { stateDirectory } from '../state-directory.ts';
import type { Step } from '../step.ts';
import { foldersAbove } from '../util/paths.ts';
import { certain, first, followed, type ObstacleView } from './certain-readings.ts';
import { readOnly } from './mounts.ts';

/** Whether only root can do a step. */
export const isForRoot = (step: Step): boolean => step.do === 'run' && (step.touches ?? []).some(needsRoot);

/** Whether only root can cause an effect. */
const needsRoot = (effect: Effect): boolean =>
  ['packages', 'mark', 'unit', 'boot', 'daemon-reload', 'package-lists', 'account', 'membership'].includes(
    effect.kind,
  ) ||
  ('path' in effect && effect.path.startsWith(`${stateDirectory}/`));

/** Returns the obstacle of an account that may not act as `wanted`. */
export function rights(
  { account: own }: ObstacleView,
  wanted: string,
  what = `may not act as ${wanted} on the host`,
): Obstacle | undefined {
  return own === undefined || own === 'root' || own === wanted ? undefined : forbidden(own, what);
}

/** Returns the obstacle of an account that may not change the owner and mode of a path. */
export function owned(at: string, view: ObstacleView): Obstacle | undefined {
  const { account: own } = view;
  if (own === undefined || own === 'root') return undefined;
  const there = followed(at, view);
  return there && there.owner !== own
    ? forbidden(own, `may not change ${at}, which belongs to ${there.owner}`)
    : undefined;
}

/** Returns the obstacle of removing a path from a sticky folder such as /tmp: only the owner of either may. */
export function sticky(at: string, view: ObstacleView): Obstacle | undefined {
  const { account: own } = view;
  const folder = followed(posix.dirname(at), view);
  if (own === undefined || own === 'root' || !folder || folder.owner === own) return undefined;
  return (Number(folder.mode[0]) & 1) === 0 ? undefined : owned(at, view);
}

const forbidden = (account: string, what: string): Obstacle => ({
  says: `${account} ${what}.`,
  fix: 'Did you mean become: true?',
});

/** Returns the obstacle of a path with one of the attribute `letters`: not even root may change it. */
export function immutable(at: string, letters: RegExp, view: ObstacleView): Obstacle | undefined {
  const there = certain(path(at), view);
  if (there === null || there?.type === 'link' || there?.type === 'other') return undefined;
  // The flags are asked for with the path, not in a round of readings after it.
  const letter = letters.exec(certain(flags(at), view) ?? '')?.[0];
  return there === undefined || letter === undefined
    ? undefined
    : {
        says: `${at} is ${letter === 'i' ? 'immutable' : 'append-only'}: not even root may change it.`,
        fix: `Allow it in an earlier resource, with\n    chattr -${letter} ${at}`,
      };
}

/** Returns the obstacle of an account that can create and remove nothing in a folder. */
export const changeable = (folder: string, view: ObstacleView): Obstacle | undefined =>
  readOnly(folder, view) ?? immutable(folder, /i/, view) ?? writable(folder, view);

function writable(folder: string, view: ObstacleView): Obstacle | undefined {
  const { account: own } = view;
  if (own === undefined || own === 'root') return undefined;
  const there = followed(folder, view);
  if (there?.type !== 'directory') return undefined;
  const groups = certain<CommandResult>(command('id -Gn', { about: [] }), view)
    ?.stdout.trim()
    .split(/\s+/);
  if (groups === undefined) return undefined;
  const digit = there.owner === own ? 1 : groups.includes(there.group) ? 2 : 3;
  if ((Number(there.mode[digit]) & 2) !== 0) return undefined;
  return forbidden(own, `may not write to ${folder}`);
}

/** Returns the obstacle of an account that may not enter a folder above `at`. Its groups are not considered. */
export function enterable(at: string, account: string | undefined, view: ObstacleView): Obstacle | undefined {
  if (account === undefined || account === 'root') return undefined;
  return first(foldersAbove(at), folder => {
    const there = followed(folder, view);
    if (there?.type !== 'directory') return undefined;
    const isOwner = there.owner === account;
    const digits = there.mode.slice(-3);
    if (isOwner ? /^[1357]/.test(digits) : /[1357]/.test(digits.slice(1))) return undefined;
    return {
      says: `${account} may not enter ${folder}, whose mode is ${there.mode}.`,
      fix:
        account === view.account && !isOwner
          ? 'Did you mean become: true? Otherwise add x to the mode of the directory, for example 0755.'
          : 'Add x to the mode of the directory, for example 0755.',
    };
  });
}
