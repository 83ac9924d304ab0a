import { spawn } from 'node:child_process';
import { ProblemError } from '../problem.ts';

/** More than this no program has to say; it is ended then. */
const mostBytes = 10_000_000;

/** What a program came to; `exit` is -1 when it was ended because it took too long or said too much. */
export interface ProgramEnd {
  exit: number;
  stdout: Buffer;
  stderr: Buffer;
}

/**
 * Runs a program of the controller, without a shell, with its standard input closed. Rejects with a ProblemError when
 * it cannot be started.
 */
export function runProgram(
  [program, ...args]: readonly string[],
  { cwd, timeoutMs }: { cwd: string; timeoutMs: number },
): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    let ended = false;
    // What it started itself must not outlive it.
    const end = () => {
      ended = true;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {}
    };
    const keep = (into: Buffer[]) => (bytes: Buffer) => {
      size += bytes.length;
      if (size > mostBytes) end();
      else into.push(bytes);
    };
    child.stdout.on('data', keep(out));
    child.stderr.on('data', keep(err));
    const timer = setTimeout(end, timeoutMs);
    child.once('error', ({ message }) => {
      clearTimeout(timer);
      const problem = {
        code: 'file-missing',
        message: `"${program}" could not be started.`,
        cause: message,
      } as const;
      reject(new ProblemError(problem));
    });
    child.once('close', code => {
      clearTimeout(timer);
      resolve({ exit: ended ? -1 : (code ?? -1), stdout: Buffer.concat(out), stderr: Buffer.concat(err) });
    });
  });
}

/** Runs a program that talks to the terminal itself, such as an editor, and returns its exit code. */
export function runOnTerminal([program, ...args]: readonly string[]): Promise<number> {
  return new Promise(resolve => {
    const child = spawn(program!, args, { stdio: 'inherit' });
    child.once('error', () => resolve(127));
    child.once('close', code => resolve(code ?? -1));
  });
}
