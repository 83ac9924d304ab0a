import type { Writable } from 'node:stream';
import { type Problem, problemsOf } from '../problem.ts';
import type { Input } from '../util/file-content.ts';

/** Takes the place of bytes that cannot be read. No step takes it for a whole content or for an instruction. */
const filler = Buffer.alloc(64 * 1024, '\n');

/** Writes to a shell in the order of the calls, and no faster than the host reads. */
export class Sender {
  readonly #to: Writable;
  #last: Promise<unknown> = Promise.resolve();
  #goOn = () => {};

  constructor(to: Writable) {
    this.#to = to;
    to.on('drain', () => this.#goOn());
  }

  /**
   * Writes parts behind everything earlier. Returns the problem if one cannot be read to its end; newlines then take the
   * place of the rest of that part, so that the host finds the end of the request.
   */
  send(parts: readonly Input[]): Promise<Problem | undefined> {
    const sent = this.#last.then(() => this.#write(parts));
    this.#last = sent;
    return sent;
  }

  /** Ends the stream behind everything earlier. */
  end(): void {
    this.#last = this.#last.then(() => this.#to.end());
  }

  /** Gives up on everything that is not yet written, because the shell has ended. */
  stop(): void {
    this.#to.destroy();
    this.#goOn();
  }

  async #write(parts: readonly Input[]): Promise<Problem | undefined> {
    let problem: Problem | undefined;
    for (const part of parts) {
      let left = part.length;
      try {
        for await (const piece of part instanceof Uint8Array ? [part] : part.pieces()) {
          if (!this.#to.writable) return undefined;
          left -= piece.length;
          await this.#put(piece);
        }
      } catch (thrown) {
        problem ??= problemsOf(thrown)[0];
        for (; left > 0; left -= filler.length) await this.#put(filler.subarray(0, left));
      }
    }
    return problem;
  }

  async #put(piece: Uint8Array): Promise<void> {
    if (!this.#to.writable || this.#to.write(piece)) return;
    await new Promise<void>(resolve => {
      this.#goOn = resolve;
    });
  }
}
