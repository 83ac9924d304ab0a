import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ProblemError } from '../problem.ts';

/** Writes a file atomically: at any time, `file` is the old one or the whole new one. Without a `mode`, it is private. */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  let staged: string | undefined;
  try {
    const folder = realpathSync(dirname(file));
    staged = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}`);
    const descriptor = openSync(staged, 'wx', mode);
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(staged, join(folder, basename(file)));
  } catch (thrown) {
    if (staged !== undefined) rmSync(staged, { force: true });
    const message = `"${file}" could not be written: ${(thrown as Error).message}.`;
    throw new ProblemError({ code: 'usage', message });
  }
}
