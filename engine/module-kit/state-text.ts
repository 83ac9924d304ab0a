import { createHash } from 'node:crypto';
import type { StateValue, Text } from '../module.ts';
import { FileContent, type NewContent } from '../util/file-content.ts';

export function isText(value: StateValue | undefined): value is Text {
  return typeof value === 'object' && value !== null && 'sha256' in value;
}

/** The texts of contents in memory, because a tree compares each of its files several times. */
const known = new WeakMap<Uint8Array, Text>();

/** Returns a text in the form of a state. */
export function textOf(content: NewContent): Text {
  if (content instanceof FileContent) return { sha256: content.sha256, sizeBytes: content.length };
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const text = known.get(bytes) ?? {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  };
  known.set(bytes, text);
  return text;
}

/** Returns the first `most` bytes of a content, or all of a shorter one. */
export function headOf(content: NewContent, most: number): Buffer {
  if (content instanceof FileContent) return content.head(most);
  return Buffer.from(content as Uint8Array).subarray(0, most);
}
