import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { preludeFor } from '../../engine/hosts/prelude.ts';
import type { Input } from '../../engine/util/file-content.ts';

/** The shells that a Debian host may have as `sh`; busybox only where it is installed. */
export const shells: [name: string, argv: string[]][] = (
  [
    ['dash', ['dash']],
    ['bash', ['bash', '--norc', '--posix']],
    ['busybox', ['busybox', 'sh']],
  ] as [string, string[]][]
).filter(([, [program]]) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0);

/** The prelude of a session on this machine. */
export const libraries = () => `${preludeFor({ name: 'here', transport: 'local' })}\n`;

/** The state directory of this file's tests. */
export const testState = () => process.env['RECONCILE_TEST_STATE']!;

/** The bytes of an input whose contents are all in memory. */
export const bytesOf = (input: readonly Input[]): Buffer =>
  Buffer.concat(
    input.flatMap(part =>
      part instanceof Uint8Array ? [part] : [...(part.pieces() as Iterable<Uint8Array>)],
    ),
  );

/** Runs a script with the libraries of a session in front of it, as the session would. */
export function sh(script: string, input: Buffer | readonly Input[] = [], argv: string[] = ['sh']) {
  const [program, ...rest] = argv;
  const folder = scratch();
  try {
    writeFileSync(`${folder}/script`, `${libraries()}(${script}\n)`);
    const env = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' };
    const { status, stdout, stderr } = spawnSync(program!, [...rest, `${folder}/script`], {
      input: Buffer.isBuffer(input) ? input : bytesOf(input),
      maxBuffer: 1 << 26,
      env,
    });
    return { exit: status ?? -1, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A fresh directory that is removed with the test process's other ones by `rm -rf`. */
export function scratch(...options: string[]): string {
  return execFileSync('mktemp', ['-d', ...options], { encoding: 'utf8' }).trim();
}

/** The same in memory where that can be, for thousands of files. */
export const scratchInMemory = () => (existsSync('/dev/shm') ? scratch('-p', '/dev/shm') : scratch());
