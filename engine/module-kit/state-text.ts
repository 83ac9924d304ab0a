import { createHash } from 'node:crypto';
import type { StateValue, Text } from '../module.ts';

export function isText(value: StateValue | undefined): value is Text {
  return typeof value === 'object' && value !== null && 'sha256' in value;
}

/** Returns a text in the form of a state. */
export function textOf(content: string | Uint8Array): Text {
  const bytes = Buffer.from(content as Uint8Array);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
}
