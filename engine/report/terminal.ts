import { stripVTControlCharacters } from 'node:util';
import { columnsOf } from './columns.ts';
import { LiveView } from './live.ts';
import { RunRecord } from './record.ts';
import type { Output, Reporter } from './reporter.ts';
import { questionText, type ResultLayout, resultText } from './result-text.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const beginFrame = '\x1b[?2026h';
const endFrame = '\x1b[?2026l';
const eraseLine = '\x1b[K';
const eraseBelow = '\x1b[J';
const frameMs = 100;

/** The layout without the width, which is read at the time of writing. */
export type TerminalLayout = Omit<ResultLayout, 'columns' | 'color' | 'aligned'>;

/** Shows a live line for each running host, redrawn in place, and the result in their place at the end. */
export function terminalReporter(
  output: Output,
  layout: TerminalLayout,
  now: () => number = Date.now,
): Reporter {
  const record = new RunRecord();
  let live: LiveView | undefined;
  let timer: NodeJS.Timeout | undefined;
  let drawn: string[] = [];
  let held = false;
  let explained = false;

  const columns = () => output.columns || 80;
  const fullLayout = (): ResultLayout => ({
    ...layout,
    columns: columns(),
    color: true,
    aligned: true,
    explained,
  });

  /**
   * Moves to the beginning of the first live line, even if the window has become narrower and wrapped some, and if the
   * terminal has echoed a key such as Ctrl-C.
   */
  const home = () => {
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns())), 0);
    drawn = [];
    return rows === 0 ? '\r' : `\x1b[${rows}A\r`;
  };
  const draw = () => {
    // A slow terminal gets fewer frames, because waiting for it could stop the run.
    if (live === undefined || held || output.writableNeedDrain) return;
    const lines = live.lines(now(), columns(), (output.rows || 24) - 2);
    output.write(
      beginFrame + home() + lines.map(line => line + eraseLine + '\n').join('') + eraseBelow + endFrame,
    );
    drawn = lines;
  };
  const start = () => {
    if (timer !== undefined) return;
    output.write(hideCursor);
    timer = setInterval(draw, frameMs).unref();
  };
  const stop = () => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    output.write(home() + eraseBelow + showCursor);
  };

  return {
    report(event) {
      record.add(event);
      live ??= new LiveView(now());
      live.add(event, now());
      if (event.event !== 'run_finished') return start();
      stop();
      output.write(resultText(record, fullLayout()));
    },
    showPlan() {
      stop();
      output.write(questionText(record, fullLayout()));
      explained = true;
    },
    hold(still) {
      held = still;
      if (timer !== undefined) output.write(still ? home() + eraseBelow + showCursor : hideCursor);
    },
    notice(text) {
      output.write(home() + eraseBelow + text + '\n');
      if (timer !== undefined) draw();
    },
    close: stop,
  };
}

function width(line: string): number {
  return columnsOf(stripVTControlCharacters(line));
}
