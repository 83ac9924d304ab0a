import type { Obstacle } from '../module.ts';
import { type CommandResult, command, path } from '../probe.ts';
import { foldersAbove, isWithin } from '../util/paths.ts';
import { certain, type Outlook } from './certain-readings.ts';

/** The file systems of a host: proc(5), “/proc/pid/mountinfo”. */
const mountinfo = command('cat /proc/self/mountinfo', { about: ['mount'] });

interface Mount {
  at: string;
  isReadOnly: boolean;
}

const parsed = new WeakMap<CommandResult, Mount[]>();

function mountsOf(view: Outlook): Mount[] {
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

/** Whether nothing can be changed in a folder, because its file system is mounted read-only. */
export function readOnly(folder: string, view: Outlook): Obstacle | undefined {
  const above = mountsOf(view).filter(({ at }) => isWithin(folder, at));
  const mount = above.findLast(({ at }) => at.length === Math.max(...above.map(one => one.at.length)));
  // Where all is read-only, its first step says so, and a check can still be made.
  if (mount === undefined || !mount.isReadOnly || mount.at === '/') return undefined;
  if ([...foldersAbove(folder), folder].some(at => certain(path(at), view)?.type === 'link'))
    return undefined;
  return {
    code: 'read-only',
    says: `${folder} is on a file system that is mounted read-only at ${mount.at}.`,
    fix: `See how with\n    findmnt --target ${folder}`,
  };
}

/** Whether something is mounted at a path, or below it: then it is not removed. */
export function mounted(at: string, view: Outlook): Obstacle | undefined {
  const mount = mountsOf(view).find(one => isWithin(one.at, at));
  return (
    mount && {
      says: `${mount.at} is a mount point; what is mounted there is not removed.`,
      fix: 'Unmount it in an earlier resource, or leave it out.',
    }
  );
}
