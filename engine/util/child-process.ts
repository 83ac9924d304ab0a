import { spawn, spawnSync } from 'node:child_process';

/** More than this no program has to say; it is ended then. */
const mostBytes = 64 * 1024 * 1024;

/** What a program of the controller came to. */
export interface ProgramEnd {
  /** Its exit code; -1 when there is none. */
  exit: number;
  /** The end of a sentence about it, such as `exited 3` or `did not end within 30 s`. */
  how: string;
  stdout: Buffer;
  stderr: Buffer;
}

/** In which folder a program runs, and how long it may. */
export interface ProgramLimits {
  cwd: string;
  timeoutMs: number;
}

const nothing = Buffer.alloc(0);

/**
 * Runs a program of the controller, without a shell, with its standard input closed. It is ended, with all that it
 * started, when it takes too long or says more than 64 MiB.
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

/** As `runProgram`, for who cannot wait; what the program started itself is not ended with it. */
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

/** Runs a program that talks to the terminal itself, such as an editor, and returns its exit code. */
export function runOnTerminal([program, ...args]: readonly string[]): Promise<number> {
  return new Promise(resolve => {
    const child = spawn(program!, args, { stdio: 'inherit' });
    child.once('error', () => resolve(127));
    child.once('close', code => resolve(code ?? -1));
  });
}
