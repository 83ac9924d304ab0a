import type { Change, Diff, Notes, PlannedDiff, State, StateValue } from '../module.ts';
import { isText } from '../module-kit/state-text.ts';

/** Returns the diff between `actual` and `desired`, or null if there is none. Keys that `desired` leaves out do not count. */
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

/** Returns a diff with the notes of the elements that it adds to lists. */
export function withNotes(found: Diff | null, notes: Notes = {}): Diff | null {
  if (found === null || Object.keys(notes).length === 0) return found;
  const changes = found.changes.map(change => {
    const { key, before, after } = change;
    if (!Array.isArray(after)) return change;
    const added = after.filter(element => !Array.isArray(before) || !before.includes(element));
    const own = Object.entries(notes[key] ?? {}).filter(([element]) => added.includes(element));
    return own.length === 0 ? change : { ...change, notes: Object.fromEntries(own) };
  });
  return differ(found.kind, changes);
}

/**
 * Whether the diff at a resource's turn agrees with the planned one. A planned `write` says nothing about the state before:
 * then only the planned keys may change, and to the planned values.
 */
export function keepsTo(planned: PlannedDiff | null, found: Diff | null): boolean {
  if (planned === null || found === null) return planned === found;
  const write = planned.kind === 'write';
  return (
    (write ? found.kind !== 'remove' : planned.kind === found.kind) &&
    (write || planned.changes.length === found.changes.length) &&
    found.changes.every(change => {
      const other = planned.changes.find(candidate => candidate.key === change.key);
      return (
        other !== undefined &&
        equal(change.after, other.after) &&
        (write || equal(change.before, other.before))
      );
    })
  );
}

/** Returns the differences in words: `answer is 502, not 200`. */
export function lacks(found: PlannedDiff): string {
  return found.changes
    .map(({ key, before, after }) => `${key} is ${said(before)}, not ${said(after)}`)
    .join('; ');
}

function said(value: unknown): string {
  if (value === undefined || value === null) return 'absent';
  if (typeof value === 'object' && 'sha256' in value) return 'another text';
  if (Array.isArray(value)) return value.join(', ') || 'empty';
  const text = String(value).replace(/\s+/g, ' ');
  const quote = text.includes('"') ? "'" : '"';
  return text.includes(' ') ? quote + text + quote : text;
}

/** Returns the changes to show for a thing whose state before is not known: only the state after. */
export function changesOf(work: Diff, desired: State | null): Change[] {
  if (desired === null) return [{ key: 'state', before: undefined, after: 'absent' }];
  if (work.kind !== 'create') return [...work.changes];
  return Object.entries(desired).map(([key, after]) => ({ key, before: undefined, after }));
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
