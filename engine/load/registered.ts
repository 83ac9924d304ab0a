import { Unknown, type Value } from '../value.ts';
import type { Resolved } from './resolve.ts';
import type { ResourceText } from './resource-text.ts';

/** Outcomes as maps of plain data, by `register` name and by the name of the resource. */
export type Registered = Readonly<Record<string, Readonly<Record<string, object>>>>;

/** What a resource has registered; of a loop, what all its rounds have, and each with its element. */
export function outcomeOf({ loop }: ResourceText, all: readonly Resolved[], registered: Registered): Value {
  const outcomes = all.map(({ resource: { register, name } }) =>
    Object.hasOwn(registered, register!) ? (registered[register!]![name] as Outcome | undefined) : undefined,
  );
  const waiting = all.find((_, i) => outcomes[i] === undefined)?.resource;
  if (waiting !== undefined) return new Unknown(waiting.groups[0] ?? waiting.name);
  const known = outcomes as Outcome[];
  if (loop === undefined) return known[0] ?? new Unknown('register');
  return {
    results: known.map((outcome, i) => ({ ...outcome, item: all[i]!.item ?? null })),
    changed: known.some(({ changed }) => changed === true),
    failed: known.some(({ failed }) => failed === true),
    skipped: known.every(({ skipped }) => skipped === true),
  };
}

type Outcome = { [key: string]: Value };
