import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../dist/reconcile.cjs');

/** The result of a run on a terminal. */
export interface Shown {
  exit: number;
  /** All that was on the terminal. */
  text: string;
}

/** A run on a terminal of its own that goes on. */
export interface Typing {
  child: ChildProcess;
  ended: Promise<Shown>;
}

/** Runs `reconcile` without a terminal and without input. */
export function piped(cwd: string, args: readonly string[], env: Record<string, string>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  return { exit: status, stdout, stderr };
}

/**
 * Runs `reconcile` on a terminal, where each answer is typed when its question is there, in order; one that is a
 * function is called instead.
 */
export function typing(
  cwd: string,
  args: readonly string[],
  env: Record<string, string>,
  answers: readonly (readonly [question: RegExp, answer: string | (() => void)])[],
): Typing {
  const command = [process.execPath, program, ...args].map(word => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd,
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
  });
  const left = [...answers];
  let text = '';
  let unread = '';
  child.stdout.on('data', bytes => {
    text += bytes;
    unread += bytes;
    const [question, answer] = left[0] ?? [];
    if (question?.test(unread) !== true) return;
    unread = '';
    left.shift();
    if (typeof answer === 'function') answer();
    else child.stdin.write(answer!);
  });
  const ended = new Promise<Shown>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ exit: code ?? -1, text }));
  });
  return { child, ended };
}
