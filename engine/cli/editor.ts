import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Problem, ProblemError } from '../problem.ts';
import { renderProblems } from '../report/problem-text.ts';
import { problemView } from '../report/view.ts';
import { runOnTerminal } from '../util/child-process.ts';
import { type Io, isColorful } from './io.ts';
import { askOnTerminal } from './prompt.ts';

/**
 * The text as somebody left it in $EDITOR; undefined when they gave up. Rejects with a ProblemError when it cannot be
 * used and nobody can be asked. It is in a file for its owner alone, in a
 * folder for its owner alone, in memory where there is such a place, and gone at the end, also after Ctrl-C.
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
      // With nobody to ask, what was typed cannot be kept anywhere: it holds secrets.
      if (io.stdin.isTTY !== true) throw new ProblemError(...problems);
      const shown = problems.map(problem => problemView(problem, io.redactor));
      io.stderr.write(renderProblems(shown, { color: isColorful(io.stderr, io.env) }));
      const answer = await askOnTerminal(io, 'Edit it again? Otherwise the changes are lost. [Y/n] ', true);
      if (answer === undefined || /^n/i.test(answer.trim())) return undefined;
    }
  } finally {
    remove();
    process.off('exit', remove);
    io.beforeExit = undefined;
  }
}
