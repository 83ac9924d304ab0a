import type { PathState } from '../probe.ts';
import type { Output, Reading } from './probe-kind.ts';

/** Returns the lines that are not empty. */
export function lines(output: Output): string[] {
  return output.stdout
    .toString()
    .split('\n')
    .filter(line => line !== '');
}

/** Returns the reading of a command that failed for an unexpected reason. */
export function failed(command: string, output: Output): Reading {
  const cause = output.stderr.trim() || output.stdout.toString().trim();
  const isForbidden = /^runuser: /m.test(cause);
  return {
    problem: {
      code: 'read-failed',
      message: `${command} exited ${output.exit}.`,
      cause,
      ...(isForbidden && { hint: 'Only root may act as another account. Did you mean become: true?' }),
    },
  };
}

/** Returns NUL-separated fields in groups of `width`. */
export function records(bytes: Buffer, width: number): string[][] {
  const fields = bytes.toString().split('\0');
  const groups: string[][] = [];
  for (let i = 0; i + width <= fields.length; i += width) groups.push(fields.slice(i, i + width));
  return groups;
}

const types: Readonly<Record<string, PathState['type']>> = { f: 'file', d: 'directory', l: 'link' };

/** Returns the state in the fields of `find` after the path: type, owner, group, mode, size, time of change, target. */
export function pathState([type, owner, group, mode, size, modified, target]: string[]): PathState {
  return {
    type: types[type ?? ''] ?? 'other',
    owner: owner ?? '',
    group: group ?? '',
    mode: (mode ?? '').padStart(4, '0'),
    sizeBytes: Number(size),
    modifiedS: Number(modified),
    ...(type === 'l' ? { target: target ?? '' } : {}),
  };
}

/** Returns the paths and hashes in the output of `sha256sum -z`. */
export function hashes(bytes: Buffer): [path: string, sha256: string][] {
  return bytes
    .toString()
    .split('\0')
    .filter(line => line.length > 66)
    .map(line => [line.slice(66), line.slice(0, 64)]);
}
