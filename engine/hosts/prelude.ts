import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Host } from '../host.ts';
import { allFunctions } from '../host-shell/shell-functions.ts';
import { ProblemError } from '../problem.ts';
import { shellQuote } from '../quote.ts';

/**
 * Returns the shell functions that scripts call on a host; a session defines them once. Throws a ProblemError if the
 * state directory of tests is not private to this account.
 */
export function preludeFor(host: Pick<Host, 'name' | 'transport'>): string {
  return host.transport === 'local' ? allFunctions + testState(host.name) : allFunctions;
}

/**
 * RECONCILE_TEST_STATE is for tests that apply to the machine that they run on. It has no effect on a host behind a
 * connection, and a directory that other accounts can enter is refused.
 */
function testState(host: string): string {
  const folder = process.env['RECONCILE_TEST_STATE'];
  if (folder === undefined) return '';
  const stat = isAbsolute(folder) ? statSync(folder, { throwIfNoEntry: false }) : undefined;
  if (!stat?.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    const message =
      'RECONCILE_TEST_STATE is not the absolute path of a directory that only this account can enter.';
    const hint = 'Only the tests of reconcile use it. Unset it.';
    throw new ProblemError({ code: 'invalid-value', message, hint, host });
  }
  return `\n[ ! -w ${shellQuote(folder)} ] || { r_base=${shellQuote(folder)}; r_home=$r_base; r_records=$r_base; }\n`;
}
