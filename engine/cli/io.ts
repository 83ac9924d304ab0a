import type { Output } from '../report/reporter.ts';
import type { Redactor } from '../secrets/redaction.ts';

/** The world of a command: what it may print to, and what it is told from outside. */
export interface Io {
  stdout: Output & { isTTY?: boolean };
  stderr: Output & { isTTY?: boolean };
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  env: Readonly<Record<string, string | undefined>>;
  /** The words after the program's name. */
  argv: readonly string[];
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal;
  /** Does what Ctrl-C does, for when the terminal hands it over as a key. */
  interrupt(): void;
  redactor: Redactor;
  /** Set while hosts are being worked on: then Ctrl-C waits for the current steps, and this is called before the end. */
  beforeExit?: (() => void) | undefined;
}

/** Whether escape codes may be sent: a terminal that is not told to do without. */
export function isColorful({ isTTY }: { isTTY?: boolean }, env: Io['env']): boolean {
  return isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && env['CI'] === undefined;
}

/** The terminal's width; Infinity where lines are read by something else. */
export function columnsOfOutput(output: Output & { isTTY?: boolean }): number {
  return output.isTTY ? output.columns || 80 : Infinity;
}
