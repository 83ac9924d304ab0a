import type { EventView } from './view.ts';

/** The output of a reporter: a stream such as standard output, or a collector of text. */
export interface Output {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
  /** Whether the reader has not read all output yet. */
  writableNeedDrain?: boolean;
}

/** Shows a run in progress. It never fails and never waits. */
export interface Reporter {
  report(event: EventView): void;
  /** Shows the whole plan and then pauses, so that a question can follow. */
  showPlan(): void;
  /** Pauses the output during a question on the terminal. */
  hold(held: boolean): void;
  /** Prints a message that is no event, such as the notice of an interruption. */
  notice(text: string): void;
  /** Restores the terminal. Output that was not shown is lost. */
  close(): void;
}
