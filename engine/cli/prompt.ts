import { StringDecoder } from 'node:string_decoder';
import { visible } from '../report/visible.ts';
import type { Io } from './io.ts';

/**
 * Asks a question on the terminal and returns the answer, which the terminal shows only if `shown`. Returns undefined if
 * standard input is no terminal, its end was typed, or the run was interrupted. A host may have written a part of the
 * question, so control characters in it are made visible.
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
    // Before the question, so that an immediate answer is hidden too.
    stdin.setRawMode!(true);
    stdin.on('data', take);
    stdin.resume();
    io.stderr.write(visible(question));
  });
}
