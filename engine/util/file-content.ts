import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { contentLimitBytes } from '../probe.ts';
import { ProblemError } from '../problem.ts';

const pieceBytes = 256 * 1024;

/** Bytes for a host: in memory, or in pieces that are produced while they are sent. */
export type Input = Uint8Array | { readonly length: number; pieces(): Pieces };

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Returns inputs as one, behind one another. */
export const joined = (parts: readonly Input[]): Input => ({
  length: parts.reduce((sum, { length }) => sum + length, 0),
  async *pieces() {
    for (const part of parts) {
      if (part instanceof Uint8Array) yield part;
      else yield* part.pieces();
    }
  },
});

/** The declared content of a file on a host. */
export type NewContent = string | Uint8Array | FileContent;

/**
 * The content of a file of this computer, which is not held in memory: it is read once for its digest, and once for each
 * host. All functions throw a ProblemError if the file cannot be read or has changed since it was first seen.
 */
export class FileContent {
  /** Bytes. */
  readonly length: number;
  readonly #path: string;
  readonly #shown: string;
  readonly #seen: string;
  #sha256: string | undefined;

  /** `shown` is the path for messages. */
  constructor(path: string, shown: string, stat: Stats) {
    this.#path = path;
    this.#shown = shown;
    this.#seen = versionOf(stat);
    this.length = stat.size;
  }

  /** The digest in hexadecimal digits. */
  get sha256(): string {
    this.#sha256 ??= this.#reading(() => digestOf(this.#path));
    return this.#sha256;
  }

  /** Throws a ProblemError if the file has changed. */
  ensureUnchanged(): void {
    this.#reading(() => {});
  }

  /** Returns the whole content. Only for a file of at most `contentLimitBytes`. */
  bytes(): Buffer {
    const bytes = this.#reading(() => readFileSync(this.#path));
    if (this.#sha256 !== undefined && sha256Of(bytes) !== this.#sha256) throw this.#changed();
    return bytes;
  }

  /** Returns the first `most` bytes, or all of a shorter file. */
  head(most: number): Buffer {
    return this.#reading(() => {
      const file = openSync(this.#path, 'r');
      try {
        const head = Buffer.alloc(Math.min(most, this.length));
        return head.subarray(0, readSync(file, head, 0, head.length, 0));
      } finally {
        closeSync(file);
      }
    });
  }

  /** Returns the text of a file of at most `contentLimitBytes`, and an empty text for a larger one. */
  toString(): string {
    return this.length > contentLimitBytes ? '' : this.bytes().toString();
  }

  /** Yields exactly `length` bytes, or throws. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    this.ensureUnchanged();
    if (this.length <= contentLimitBytes) {
      yield this.bytes();
      return;
    }
    let left = this.length;
    const pieces = createReadStream(this.#path, { end: this.length - 1, highWaterMark: pieceBytes });
    for await (const piece of pieces) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) throw this.#changed();
  }

  #reading<T>(read: () => T): T {
    let result: T;
    try {
      result = read();
      if (versionOf(statSync(this.#path)) === this.#seen) return result;
    } catch (thrown) {
      const { code = '' } = thrown as NodeJS.ErrnoException;
      throw this.#problem(`The file "${this.#shown}" cannot be read any more (${code}).`);
    }
    throw this.#changed();
  }

  #changed(): ProblemError {
    return this.#problem(`The file "${this.#shown}" has changed during the run.`);
  }

  #problem(message: string): ProblemError {
    const hint = 'Apply again once nothing writes to it.';
    return new ProblemError({ code: 'source-changed', message, hint });
  }
}

const versionOf = ({ size, mtimeMs, ino }: Stats): string => `${size} ${mtimeMs} ${ino}`;

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function digestOf(path: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(file, piece);
      if (length === 0) break;
      hash.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
