import { spawn, spawnSync } from 'node:child_process';

/** Maximum of output. A program that prints more is ended. */
const mostBytes = 64 * 1024 * 1024;

/** The end of a program of the controller. */
export interface ProgramEnd {
  /** The exit code; -1 = none. */
  exit: number;
  /** The predicate of a sentence, such as `exited 3` or `did not end within 30 s`. */
  how: string;
  stdout: Buffer;
  stderr: Buffer;
}

/** The folder and the time limit of a program. */
export interface ProgramLimits {
  cwd: string;
  timeoutMs: number;
}

const nothing = Buffer.alloc(0);

/**
 * Runs a program of the controller, without a shell, with its standard input closed. Ends it and its children if it
 * exceeds the time limit or prints more than 64 MiB.
 */
export function runProgram(
  [program, ...args]: readonly string[],
  { cwd, timeoutMs }: ProgramLimits,
): Promise<ProgramEnd> {
  return new Promise(resolve => {
    const child = spawn(program!, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    let why: string | undefined;
    const end = (reason: string) => {
      why ??= reason;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {}
    };
    const keep = (into: Buffer[]) => (bytes: Buffer) => {
      size += bytes.length;
      if (size > mostBytes) end(saidTooMuch);
      else into.push(bytes);
    };
    child.stdout.on('data', keep(out));
    child.stderr.on('data', keep(err));
    const timer = setTimeout(() => end(tookTooLong(timeoutMs)), timeoutMs);
    child.once('error', error => {
      clearTimeout(timer);
      resolve({ exit: -1, how: notStarted(error), stdout: nothing, stderr: nothing });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const exit = why === undefined ? (code ?? -1) : -1;
      resolve({
        exit,
        how: why ?? ended(code, signal),
        stdout: Buffer.concat(out),
        stderr: Buffer.concat(err),
      });
    });
  });
}

/** Like `runProgram`, but synchronous. It does not end the children of the program. */
export function runProgramNow(
  [program, ...args]: readonly string[],
  { cwd, timeoutMs }: ProgramLimits,
): ProgramEnd {
  const { status, signal, error, stdout, stderr } = spawnSync(program!, args, {
    ...{ cwd, stdio: ['ignore', 'pipe', 'pipe'], killSignal: 'SIGKILL' },
    ...{ timeout: timeoutMs, maxBuffer: mostBytes },
  });
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  const how =
    error === undefined
      ? ended(status, signal)
      : code === 'ETIMEDOUT'
        ? tookTooLong(timeoutMs)
        : code === 'ENOBUFS'
          ? saidTooMuch
          : notStarted(error);
  const exit = error === undefined ? (status ?? -1) : -1;
  return { exit, how, stdout: stdout ?? nothing, stderr: stderr ?? nothing };
}

const saidTooMuch = `printed more than ${mostBytes / 1024 / 1024} MiB`;
const tookTooLong = (timeoutMs: number) => `did not end within ${timeoutMs / 1000} s`;
const ended = (code: number | null, signal: string | null) =>
  code === null ? `was ended by ${signal}` : `exited ${code}`;

function notStarted({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT')
    return 'could not be started: it, or the interpreter in its first line, is not on this computer';
  return code === 'EACCES'
    ? 'could not be started: it may not be executed'
    : `could not be started: ${message}`;
}

/** Runs a program that uses the terminal itself, such as an editor, and returns its exit code. */
export function runOnTerminal([program, ...args]: readonly string[]): Promise<number> {
  return new Promise(resolve => {
    const child = spawn(program!, args, { stdio: 'inherit' });
    child.once('error', () => resolve(127));
    child.once('close', code => resolve(code ?? -1));
  });
}
