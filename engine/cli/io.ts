import type { Problem, Warning } from '../problem.ts';
import { renderProblems } from '../report/problem-text.ts';
import type { Output } from '../report/reporter.ts';
import type { Redactor } from '../secrets/redaction.ts';

/** The environment of a command: its streams, variables, arguments and signals. */
export interface Io {
  stdout: Output & { isTTY?: boolean };
  stderr: Output & { isTTY?: boolean };
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  env: Readonly<Record<string, string | undefined>>;
  /** The words after the name of the program. */
  argv: readonly string[];
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal;
  /** Acts like Ctrl-C, which a terminal in raw mode passes on as a key. */
  interrupt(): void;
  redactor: Redactor;
  /** Set during the work on hosts: the first Ctrl-C then waits for the current steps, and the end calls this. */
  beforeExit?: (() => void) | undefined;
}

/** Whether a stream takes escape codes: a terminal, unless the environment forbids them. */
export function isColorful({ isTTY }: { isTTY?: boolean }, env: Io['env']): boolean {
  return isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && env['CI'] === undefined;
}

/** Says on stderr that a pattern selects no host, which is no error. */
export function tellNoHost(pattern: string, { stderr, redactor }: Io, play?: string): void {
  const end = play === undefined ? '.' : `: the play "${play}" does nothing.`;
  stderr.write(`${redactor.mask(`There is no host in "${pattern}"${end}`)}\n`);
}

/** Returns the width of the terminal, or Infinity without one. */
export function columnsOfOutput(output: Output & { isTTY?: boolean }): number {
  return output.isTTY ? output.columns || 80 : Infinity;
}

/** Returns problems as text for standard error. */
export function problemText(problems: readonly (Problem | Warning)[], { stderr, env }: Io): string {
  return renderProblems(problems, { color: isColorful(stderr, env), columns: columnsOfOutput(stderr) });
}
