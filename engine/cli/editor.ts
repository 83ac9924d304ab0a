import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Problem, ProblemError } from '../problem.ts';
import { problemView } from '../report/view.ts';
import { runOnTerminal } from '../util/child-process.ts';
import { type Io, problemText } from './io.ts';
import { askOnTerminal } from './prompt.ts';

/**
 * Opens a text in $EDITOR and returns the edited text, or undefined if the user gave up. Rejects with a ProblemError if
 * the text is invalid and nobody can answer. The file and its folder are private to their owner, in memory if possible, and
 * removed at the end, also after Ctrl-C.
 */
export async function edited(
  text: string,
  problemsOf: (text: string) => readonly Problem[],
  io: Io,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(io.env['XDG_RUNTIME_DIR'] || tmpdir(), 'reconcile-'));
  const file = join(folder, 'secrets.yml');
  const remove = () => {
    try {
      writeFileSync(file, '\0'.repeat(readFileSync(file).length));
    } catch {}
    rmSync(folder, { recursive: true, force: true });
  };
  io.beforeExit = remove;
  process.once('exit', remove);
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    const editor = io.env['VISUAL'] || io.env['EDITOR'] || 'vi';
    for (;;) {
      const exit = await runOnTerminal(['sh', '-c', `${editor} "$1"`, 'sh', file]);
      const problems: Problem[] =
        exit === 0
          ? [...problemsOf(readFileSync(file, 'utf8'))]
          : [{ code: 'usage', message: `The editor exited ${exit}.` }];
      if (problems.length === 0) return readFileSync(file, 'utf8');
      // Without anybody to ask, the text is lost: it holds secrets, so it cannot be saved in clear.
      if (io.stdin.isTTY !== true) throw new ProblemError(...problems);
      const shown = problems.map(problem => problemView(problem, io.redactor));
      io.stderr.write(problemText(shown, io));
      const answer = await askOnTerminal(io, 'Edit it again? Otherwise the changes are lost. [Y/n] ', true);
      if (answer === undefined || /^n/i.test(answer.trim())) return undefined;
    }
  } finally {
    remove();
    process.off('exit', remove);
    io.beforeExit = undefined;
  }
}
