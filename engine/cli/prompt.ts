import { StringDecoder } from 'node:string_decoder';
import { visible } from '../report/visible.ts';
import type { Io } from './io.ts';

/**
 * Asks on the terminal, on one line of which a host may have written a part, and returns what was typed, which is not shown unless `shown`. Undefined when nobody can answer:
 * standard input is no terminal, its end was typed, or the run was interrupted.
 */
export function askOnTerminal(io: Io, question: string, shown = false): Promise<string | undefined> {
  const stdin = io.stdin as Io['stdin'] & { setRawMode?(raw: boolean): void };
  if (!stdin.isTTY || stdin.setRawMode === undefined) return Promise.resolve(undefined);
  return new Promise(resolve => {
    const decoder = new StringDecoder();
    let typed: string[] = [];
    const done = (answer: string | undefined) => {
      stdin.off('data', take);
      io.signal.removeEventListener('abort', interrupted);
      stdin.setRawMode!(false);
      stdin.pause();
      io.stderr.write('\n');
      resolve(answer);
    };
    const interrupted = () => done(undefined);
    const take = (bytes: Buffer | string) => {
      for (const key of decoder.write(bytes as Buffer)) {
        if (key === '\r' || key === '\n') return done(typed.join(''));
        if (key === '\x03') {
          done(undefined);
          return io.interrupt();
        }
        if (key === '\x04') return done(typed.length === 0 ? undefined : typed.join(''));
        if (key === '\x7f' || key === '\b') {
          if (typed.pop() !== undefined && shown) io.stderr.write('\b \b');
        } else if (key === '\x15') typed = [];
        else if (key >= ' ') {
          typed.push(key);
          if (shown) io.stderr.write(key);
        }
      }
    };
    io.signal.addEventListener('abort', interrupted);
    // Before the question: who answers at once must not be shown either.
    stdin.setRawMode!(true);
    stdin.on('data', take);
    stdin.resume();
    io.stderr.write(visible(question));
  });
}
