import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { ProblemError } from '../../problem.ts';

/** How long an inventory program may take in all, with one call for each host where it needs those. */
const longestMs = 60_000;

/**
 * Runs a program of this computer that prints an inventory, and returns what it printed, byte by byte as UTF-8. It
 * gets no input, and is killed when all calls together last longer than a minute. Throws a ProblemError.
 */
export function inventoryProgram(path: string, shown: string): (...args: string[]) => string {
  const deadline = Date.now() + longestMs;
  return (...args) => {
    const { status, signal, error, stdout, stderr } = spawnSync(resolve(path), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: Math.max(1, deadline - Date.now()),
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
      encoding: 'utf8',
    });
    if (status === 0 && error === undefined) return stdout;
    const { code } = (error ?? {}) as NodeJS.ErrnoException;
    const why =
      code === 'ETIMEDOUT'
        ? `took longer than ${longestMs / 1000} s`
        : code === 'ENOENT'
          ? 'could not be started: the interpreter in its first line is not on this computer'
          : error !== undefined
            ? `could not be run (${code})`
            : `ended with ${signal ?? status}`;
    const words = String(stderr ?? '')
      .trim()
      .slice(-2000);
    throw new ProblemError({
      code: 'inventory-program',
      message: `The inventory program "${[shown, ...args].join(' ')}" ${why}.`,
      ...(words !== '' && { cause: words }),
    });
  };
}
