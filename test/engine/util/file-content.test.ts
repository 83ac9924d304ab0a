import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contentLimitBytes } from '../../../engine/probe.ts';
import { FileContent, joined } from '../../../engine/util/file-content.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'content-'));
  file = join(folder, 'large');
});
afterEach(() => rmSync(folder, { recursive: true }));

const large = Buffer.alloc(contentLimitBytes + 300_000, 'some text\n');
const contentOf = (bytes: Uint8Array) => {
  writeFileSync(file, bytes);
  return new FileContent(file, 'files/large', statSync(file));
};
async function read({
  pieces,
}: {
  pieces: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces()) all.push(piece);
  return Buffer.concat(all);
}
const changed = 'The file "files/large" has changed during the run.';

it('a large file is read in pieces, once for its digest and once for each reader', async () => {
  const content = contentOf(large);
  expect([content.length, String(content)]).toEqual([large.length, '']);
  expect(content.sha256).toBe(createHash('sha256').update(large).digest('hex'));
  for await (const piece of content.pieces()) expect(piece.length).toBeLessThanOrEqual(256 * 1024);
  const all = joined([Buffer.from('a'), content, Buffer.from('z')]);
  expect(all.length).toBe(large.length + 2);
  expect((await read(all as never)).equals(Buffer.concat([Buffer.from('a'), large, Buffer.from('z')]))).toBe(
    true,
  );
});

it('a small file shows its text', () => {
  expect(String(contentOf(Buffer.from('text')))).toBe('text');
});

it('a file that has changed has no digest and is not read', async () => {
  const content = contentOf(large);
  writeFileSync(file, 'another');
  expect(() => content.sha256).toThrow(changed);
  expect(() => content.ensureUnchanged()).toThrow(changed);
  await expect(read({ pieces: () => content.pieces() })).rejects.toThrow();
  rmSync(file);
  expect(() => content.sha256).toThrow('The file "files/large" cannot be read any more (ENOENT).');
});

it('a small file with other bytes of the same length and time is refused', () => {
  const content = contentOf(Buffer.from('text'));
  const { atime, mtime } = statSync(file);
  expect(content.sha256).toMatch(/^982d9e3e/);
  writeFileSync(file, 'TEXT');
  utimesSync(file, atime, mtime);
  expect(() => content.bytes()).toThrow(changed);
});

it('a file that becomes shorter while it is read is refused', async () => {
  const pieces = contentOf(large).pieces();
  await pieces.next();
  truncateSync(file, 300_000);
  await expect(read({ pieces: () => pieces })).rejects.toThrow(changed);
});
