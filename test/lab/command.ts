import { spawn, spawnSync } from 'node:child_process';

/** The result of a finished command: its exit code (or 128 + signal), and its output as text. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** A program and its arguments; never a shell's text. */
export type Argv = readonly [string, ...string[]];

const largestOutput = 64 * 1024 * 1024;

function failure(argv: Argv, outcome: Outcome): Error {
  return new Error(`${argv.join(' ')} exited ${outcome.code}: ${(outcome.stderr || outcome.stdout).trim()}`);
}

/** Runs a command that takes milliseconds and returns its outcome; also usable while the process exits. */
export function runNow(argv: Argv): Outcome {
  const [program, ...rest] = argv;
  const done = spawnSync(program, rest, { encoding: 'utf8', maxBuffer: largestOutput });
  return {
    code: done.status ?? 127,
    stdout: done.stdout ?? '',
    stderr: done.stderr || String(done.error ?? ''),
  };
}

/** Like `runNow`, returns the standard output, and throws when the command fails. */
export function mustNow(argv: Argv): string {
  const outcome = runNow(argv);
  if (outcome.code !== 0) throw failure(argv, outcome);
  return outcome.stdout;
}

/** Removes a tree, but never what is mounted in it. */
export function removeTree(dir: string): void {
  const remove: Argv = ['rm', '-rf', '--one-file-system', dir];
  if (runNow(remove).code === 0) return;
  // Files that chattr has made immutable stay.
  runNow(['chattr', '-R', '-f', '-ia', dir]);
  mustNow(remove);
}

/** Runs a command to its end; it is killed after `timeoutMs` (ten minutes when left out). */
export function run(argv: Argv, options: { input?: string; timeoutMs?: number } = {}): Promise<Outcome> {
  const [program, ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { timeout: options.timeoutMs ?? 600_000, killSignal: 'SIGKILL' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', chunk => stdout.push(chunk));
    child.stderr.on('data', chunk => stderr.push(chunk));
    child.stdin.on('error', () => {}); // a command may end without reading its input
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (signal) stderr.push(Buffer.from(`ended by ${signal}\n`));
      resolve({
        code: status ?? 137,
        stdout: String(Buffer.concat(stdout)),
        stderr: String(Buffer.concat(stderr)),
      });
    });
  });
}

/** Like `run`, returns the standard output, and throws when the command fails. */
export async function must(
  argv: Argv,
  options: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  const outcome = await run(argv, options);
  if (outcome.code !== 0) throw failure(argv, outcome);
  return outcome.stdout;
}

/** Holds an exclusive lock on a file, also against other processes, while `action` runs. A killed owner frees it. */
export async function withLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.once('exit', code => reject(new Error(`flock ${file} exited ${code}`)));
    holder.stdout.once('data', () => resolve());
  });
  const released = new Promise(resolve => holder.once('close', resolve));
  try {
    return await action();
  } finally {
    holder.stdin.end();
    // A caller that blocks from here on must not keep the lock with it.
    await released;
  }
}

/** Calls `probe` every 50 ms until it returns something other than undefined; throws after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  probe: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
