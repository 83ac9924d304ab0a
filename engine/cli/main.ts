import { Redactor } from '../secrets/redaction.ts';
import { startedBy } from '../util/own-command.ts';
import { program } from './commands.ts';
import type { Io } from './io.ts';

const aborter = new AbortController();
startedBy(process.env);

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let beforeExit: Io['beforeExit'];

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  argv: process.argv.slice(2),
  signal: aborter.signal,
  interrupt,
  redactor: new Redactor(),
  get beforeExit() {
    return beforeExit;
  },
  // A signal at any other time ends the program at once, even while it waits for a pipe to open.
  set beforeExit(last) {
    for (const signal of signals) process.off(signal, interrupt);
    if (last !== undefined) for (const signal of signals) process.on(signal, interrupt);
    beforeExit = last;
  },
};

let unwritten: Error | undefined;
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that ends early, such as `head`, must not end a run in the middle.
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') unwritten ??= error;
  });

void program(io).then(exitCode => {
  // Waits for output that is still on its way through a pipe, and then for its errors.
  process.stdout.write('', () => setImmediate(finish, exitCode));
});

/** Ends the program. Output that could not be written is a failure. */
function finish(exitCode: number): void {
  if (unwritten === undefined) process.stderr.write('', () => end(exitCode));
  else {
    const message = `The output could not be written completely: ${unwritten.message}.\n`;
    process.stderr.write(message, () => end(exitCode === 0 || exitCode === 2 ? 1 : exitCode));
  }
}

/** The first time, lets the current steps finish. The second time, or without work on hosts, ends at once. */
function interrupt(): void {
  if (io.beforeExit === undefined || aborter.signal.aborted) end(130);
  aborter.abort();
}

function end(exitCode: number): never {
  io.beforeExit?.();
  process.exit(exitCode);
}
