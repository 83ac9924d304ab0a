import { Readable } from 'node:stream';
import { program } from '../../../engine/cli/commands.ts';
import type { Io } from '../../../engine/cli/io.ts';
import { Redactor } from '../../../engine/secrets/redaction.ts';

/** The world of a command that prints nothing, is told nothing, and is not at a terminal. */
export function silentIo(): Io {
  return {
    argv: [],
    stdout: { write: () => true },
    stderr: { write: () => true },
    stdin: Readable.from([]),
    env: {},
    signal: new AbortController().signal,
    interrupt: () => {},
    redactor: new Redactor(),
  };
}

/** Runs the program in this process, in a folder if one is given, without an environment. */
export async function runProgram(
  argv: readonly string[],
  folder?: string,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  const output = (name: keyof typeof texts) => ({ write: (text: string) => (texts[name] += text) });
  const before = process.cwd();
  if (folder !== undefined) process.chdir(folder);
  try {
    const io = { ...silentIo(), argv, stdout: output('stdout'), stderr: output('stderr') };
    return { exitCode: await program(io), ...texts };
  } finally {
    process.chdir(before);
  }
}
