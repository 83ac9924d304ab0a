import type { Obstacle } from '../module.ts';
import { type CommandResult, command, path } from '../probe.ts';
import { foldersAbove, isWithin } from '../util/paths.ts';
import { certain, type ObstacleView } from './certain-readings.ts';

/** The file systems of a host: proc(5), “/proc/pid/mountinfo”. A step that mounts at PATH touches /proc/1/mountinfo/PATH. */
const mountinfo = command('cat /proc/self/mountinfo', { about: ['mount', '/proc/1/mountinfo'] });

interface Mount {
  at: string;
  isReadOnly: boolean;
}

const parsed = new WeakMap<CommandResult, Mount[]>();

function mountsOf(view: ObstacleView): Mount[] {
  const result = certain<CommandResult>(mountinfo, view);
  if (result === undefined) return [];
  const mounts = parsed.get(result) ?? result.stdout.split('\n').flatMap(mountOf);
  parsed.set(result, mounts);
  return mounts;
}

function mountOf(line: string): Mount[] {
  const words = line.split(' ');
  if (words.length < 10) return [];
  const at = words[4]!.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  return [{ at, isReadOnly: [words[5], words.at(-1)].some(options => /^ro(,|$)/.test(options!)) }];
}

/** Returns the obstacle of a folder on a file system that is mounted read-only. */
export function readOnly(folder: string, view: ObstacleView): Obstacle | undefined {
  const above = mountsOf(view).filter(({ at }) => isWithin(folder, at));
  const mount = above.findLast(({ at }) => at.length === Math.max(...above.map(one => one.at.length)));
  // If the root is read-only, the first step fails with that reason, and checks are still possible.
  if (mount === undefined || !mount.isReadOnly || mount.at === '/') return undefined;
  if ([...foldersAbove(folder), folder].some(at => certain(path(at), view)?.type === 'link'))
    return undefined;
  return {
    code: 'read-only',
    says: `${folder} is on a file system that is mounted read-only at ${mount.at}.`,
    fix: `See how with\n    findmnt --target ${folder}`,
  };
}

/** Returns the obstacle of a file or link that would replace a mount point: a rename cannot. */
export function replacesMount(at: string, view: ObstacleView): Obstacle | undefined {
  return mountsOf(view).some(mount => mount.at === at)
    ? {
        says: `${at} is a mount point, which no new file replaces.`,
        fix: 'Change what is mounted there, or unmount it in an earlier resource.',
      }
    : undefined;
}

/** Returns the obstacle of removing a path with a mount point at it or below it. */
export function mounted(at: string, view: ObstacleView): Obstacle | undefined {
  const mount = mountsOf(view).find(one => isWithin(one.at, at));
  return (
    mount && {
      says: `${mount.at} is a mount point, and no file system that is mounted there is removed.`,
      fix: 'Unmount it in an earlier resource, or leave this resource out.',
    }
  );
}
