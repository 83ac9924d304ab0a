import type { PathState } from '../probe.ts';
import type { Output, Reading } from './probe-kind.ts';

/** The lines that are not empty. */
export function lines(output: Output): string[] {
  return output.stdout
    .toString()
    .split('\n')
    .filter(line => line !== '');
}

/** The reading where a command failed for a reason that is none of the expected ones. */
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

/** NUL-separated fields in groups of `width`. */
export function records(bytes: Buffer, width: number): string[][] {
  const fields = bytes.toString().split('\0');
  const groups: string[][] = [];
  for (let i = 0; i + width <= fields.length; i += width) groups.push(fields.slice(i, i + width));
  return groups;
}

const types: Readonly<Record<string, PathState['type']>> = { f: 'file', d: 'directory', l: 'link' };

/** The fields of `find` after the path: type, owner, group, mode, size, time of change, target. */
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

/** What `sha256sum -z` prints. */
export function hashes(bytes: Buffer): [path: string, sha256: string][] {
  return bytes
    .toString()
    .split('\0')
    .filter(line => line.length > 66)
    .map(line => [line.slice(66), line.slice(0, 64)]);
}
