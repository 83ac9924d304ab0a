import { Redactor } from '../secrets/redaction.ts';
import { startedBy } from '../util/own-command.ts';
import { program } from './commands.ts';
import type { Io } from './io.ts';

const aborter = new AbortController();
startedBy(process.env);

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  argv: process.argv.slice(2),
  signal: aborter.signal,
  interrupt,
  redactor: new Redactor(),
};

// A reader that ends early, such as `head`, must not end a run in the middle.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);

void program(io).then(exitCode => {
  // Waits for output that is still on its way through a pipe.
  process.stdout.write('', () => process.stderr.write('', () => end(exitCode)));
});

/** The first time, lets the current steps finish. The second time, or without work on hosts, ends at once. */
function interrupt(): void {
  if (io.beforeExit === undefined || aborter.signal.aborted) end(130);
  aborter.abort();
}

function end(exitCode: number): never {
  io.beforeExit?.();
  process.exit(exitCode);
}
