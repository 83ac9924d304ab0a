import { createHash } from 'node:crypto';
import type { Change, Diff, State, StateValue, Text } from '../module.ts';

/** A text as a state holds it. */
export function text(content: string | Uint8Array): Text {
  const bytes = Buffer.from(content as Uint8Array);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
}

export function isText(value: StateValue | undefined): value is Text {
  return typeof value === 'object' && value !== null && 'sha256' in value;
}

/** What `actual` lacks to be `desired`; null = nothing. Keys that `desired` leaves out are not compared. */
export function diff(actual: State | null, desired: State | null): Diff | null {
  if (desired === null) {
    if (actual === null) return null;
    return differ(
      'remove',
      Object.entries(actual).map(([key, before]) => ({ key, before, after: undefined })),
    );
  }
  const changes: Change[] = [];
  for (const [key, after] of Object.entries(desired)) {
    const before = actual?.[key];
    if (actual === null || !equal(before, after)) changes.push({ key, before, after });
  }
  if (actual === null) return differ('create', changes);
  return changes.length === 0 ? null : differ('update', changes);
}

/** Whether two differences would show a reader the same thing. */
export function sameDiff(a: Diff | null, b: Diff | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.kind === b.kind &&
    a.changes.length === b.changes.length &&
    a.changes.every(change => {
      const other = b.changes.find(candidate => candidate.key === change.key);
      return other !== undefined && equal(change.before, other.before) && equal(change.after, other.after);
    })
  );
}

/** What is not as declared, in words: `answer is 502, not 200`. */
export function lacks(found: Diff): string {
  return found.changes
    .map(({ key, before, after }) => `${key} is ${said(before)}, not ${said(after)}`)
    .join('; ');
}

function said(value: unknown): string {
  if (value === undefined || value === null) return 'absent';
  if (typeof value === 'object' && 'sha256' in value) return 'another text';
  return Array.isArray(value) ? value.join(', ') || 'empty' : String(value);
}

function differ(kind: Diff['kind'], changes: readonly Change[]): Diff {
  return { kind, changes, has: key => changes.some(change => change.key === key) };
}

function equal(a: StateValue | undefined, b: StateValue | undefined): boolean {
  if (isText(a) && isText(b)) return a.sha256 === b.sha256;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => item === b[i]);
  return a === b;
}
