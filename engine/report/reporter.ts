import type { EventView } from './view.ts';

/** Where a reporter writes to: a stream such as standard output, or something that gathers text. */
export interface Output {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
  /** True while the other side has not read what it was given. */
  writableNeedDrain?: boolean;
}

/** Shows a run while it happens. It never fails and never waits. */
export interface Reporter {
  report(event: EventView): void;
  /** Shows what would change in full and then stays quiet, so that a question can be asked below it. */
  showPlan(): void;
  /** Keeps still while a question stands on the terminal. */
  hold(held: boolean): void;
  /** Says something that is not an event, such as that an interrupt was noticed. */
  notice(text: string): void;
  /** Leaves the terminal as it was found; what was not shown by then is lost. */
  close(): void;
}
