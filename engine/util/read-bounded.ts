import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

const pieceBytes = 64 * 1024;

/** The most bytes of a file that is read as text, such as an inventory, and of anything that is not a regular file. */
export const textLimitBytes = 64 * 1024 * 1024;

/** The most bytes of a file whose content goes to a host, or of a saved plan. A text of Node can hold no more. */
export const contentLimitBytes = 512 * 1024 * 1024 - 64;

/** A file that is longer than the limit, or that never ends. */
export class TooLarge extends Error {
  readonly limit: string;
  constructor(limitBytes: number) {
    const limit = `${Math.ceil(limitBytes / 1024 / 1024)} MiB`;
    super(`it is larger than ${limit}`);
    this.limit = limit;
  }
}

/** Returns the bytes of a file, pipe or device. Throws `TooLarge` beyond the limit, or the error of the file system. */
export function readBounded(path: string, limit = textLimitBytes): Buffer {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    const limitBytes = stat.isFile() ? limit : Math.min(limit, textLimitBytes);
    if (stat.size > limitBytes) throw new TooLarge(limitBytes);
    if (stat.isFile() && stat.size > 0) return readFileSync(file);
    const pieces: Buffer[] = [];
    for (let size = 0; size <= limitBytes; ) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const read = readSync(file, piece, 0, pieceBytes, null);
      if (read === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, read));
      size += read;
    }
    throw new TooLarge(limitBytes);
  } finally {
    closeSync(file);
  }
}
