import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** The most bytes of a pipe or a device, which may be endless. */
const limitBytes = 64 * 1024 * 1024;

/** The contents of pipes and devices so far: they can be read only once. */
const readSoFar = new Map<string, Buffer>();

/** Returns the bytes of a file; those of a pipe or a device each time, too. Throws an error with `code`. */
export function readFile(path: string): Buffer {
  const stat = statSync(path);
  if (stat.isFile() || stat.isDirectory()) return readFileSync(path);
  const key = resolve(path);
  const known = readSoFar.get(key);
  if (known !== undefined) return known;
  const bytes = readStream(path);
  readSoFar.set(key, bytes);
  return bytes;
}

function readStream(path: string): Buffer {
  const pieces: Buffer[] = [];
  const file = openSync(path, 'r');
  try {
    for (let left = limitBytes; ; ) {
      const piece = Buffer.alloc(64 * 1024);
      const length = readSync(file, piece);
      if (length === 0) return Buffer.concat(pieces);
      left -= length;
      if (left < 0) throw Object.assign(new Error(`${path} does not end`), { code: 'EFBIG' });
      pieces.push(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}
