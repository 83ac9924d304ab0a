const newline = 10;

/** Maximum length of the words of a mark: two short numbers. A longer line is no mark. */
const wordsBytes = 64;

/**
 * Splits one stream of a session at its marks, `\nNONCE WORDS\n`. Passes bytes on as soon as they cannot belong to a mark,
 * and holds back at most the length of one.
 */
export class MarkReader {
  readonly #prefix: Buffer;
  readonly #onBytes: (bytes: Buffer) => void;
  readonly #onMark: (words: readonly string[]) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(nonce: string, onBytes: (bytes: Buffer) => void, onMark: (words: readonly string[]) => void) {
    this.#prefix = Buffer.from(`\n${nonce} `);
    this.#onBytes = onBytes;
    this.#onMark = onMark;
  }

  push(chunk: Buffer): void {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let start = rest.indexOf(this.#prefix);
    while (start >= 0) {
      const end = rest.indexOf(newline, start + this.#prefix.length);
      const words = (end < 0 ? rest.length : end) - start - this.#prefix.length;
      if (words > wordsBytes) {
        start = rest.indexOf(this.#prefix, start + 1);
        continue;
      }
      if (end < 0) break;
      this.#pass(rest.subarray(0, start));
      this.#onMark(rest.toString('latin1', start + this.#prefix.length, end).split(' '));
      rest = rest.subarray(end + 1);
      start = rest.indexOf(this.#prefix);
    }
    this.#keep(rest, start >= 0 ? start : this.#possibleMark(rest));
  }

  /** Returns the beginning of a possibly incomplete mark: only the last newline, because a nonce has none. */
  #possibleMark(bytes: Buffer): number {
    const start = bytes.lastIndexOf(newline);
    if (start < 0 || bytes.length - start >= this.#prefix.length) return bytes.length;
    return this.#prefix.indexOf(bytes.subarray(start)) === 0 ? start : bytes.length;
  }

  #keep(bytes: Buffer, start: number): void {
    this.#pass(bytes.subarray(0, start));
    this.#held = bytes.subarray(start);
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > 0) this.#onBytes(bytes);
  }
}
