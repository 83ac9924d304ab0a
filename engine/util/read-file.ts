import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

const pieceBytes = 64 * 1024;

/** The most bytes of a file that is read as text, such as an inventory or a template, and of anything that is not a regular file. */
export const textLimitBytes = 64 * 1024 * 1024;

/** The most bytes of a saved plan. A text of Node can hold no more. */
export const planLimitBytes = 512 * 1024 * 1024 - 64;

/** A file that is longer than the limit, or that never ends. */
export class TooLarge extends Error {
  readonly limit: string;
  constructor(limitBytes: number) {
    const limit = `${Math.ceil(limitBytes / 1024 / 1024)} MiB`;
    super(`it is larger than ${limit}`);
    this.limit = limit;
  }
}

/** The contents of pipes and devices so far: they can be read only once. */
const readSoFar = new Map<string, Buffer>();

/**
 * Returns the bytes of a file; those of a pipe or a device each time, too. Throws `TooLarge` beyond the limit, or the error of
 * the file system.
 */
export function readFile(path: string, limit = textLimitBytes): Buffer {
  const stat = statSync(path);
  if (stat.isFile() && stat.size > limit) throw new TooLarge(limit);
  if (stat.isDirectory() || stat.size > 0) return readFileSync(path);
  // The files of /proc have no size.
  if (stat.isFile()) return readStream(path, limit);
  const key = resolve(path);
  const known = readSoFar.get(key) ?? readStream(path, Math.min(limit, textLimitBytes));
  readSoFar.set(key, known);
  return known;
}

function readStream(path: string, limitBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let size = 0; size <= limitBytes; ) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const length = readSync(file, piece, 0, pieceBytes, null);
      if (length === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, length));
      size += length;
    }
    throw new TooLarge(limitBytes);
  } finally {
    closeSync(file);
  }
}
