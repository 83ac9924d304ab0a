import type { ResourceText } from '../playbook/entry-text.ts';
import { UnknownArgument } from '../resource.ts';
import { PendingOutcome, Unknown, type Value } from '../value.ts';
import { refuse } from './loop.ts';
import type { RegisteredOutcomes, Resolved, Resolving } from './resolving.ts';

const ofAll = { changed: ['boolean'], failed: ['boolean'], skipped: ['boolean'] } as const;
const ofLoop = { ...ofAll, results: ['array'] } as const;
const ofOne = { ...ofAll, stdout: ['string'], stderr: ['string'], exit: ['number', 'null'] } as const;

/** Returns the registered outcome of a resource; for a loop, the outcomes of all rounds with their elements. */
export function outcomeOf(
  { loop }: ResourceText,
  all: readonly Resolved[],
  registered: RegisteredOutcomes,
): Value {
  const outcomes = all.map(({ resource: { register, name } }) =>
    Object.hasOwn(registered, register!) ? (registered[register!]![name] as Outcome | undefined) : undefined,
  );
  const waiting = all.find((_, i) => outcomes[i] === undefined)?.resource;
  if (waiting !== undefined)
    return new PendingOutcome(waiting.groups[0] ?? waiting.name, loop === undefined ? ofOne : ofLoop);
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

/** The hint for a value that must be known before the first change. */
export const onlyKnown = 'Use names of the inventory and facts, but no registered outcomes.';

/** Checks that the reactions of a resource are known before the first change. Otherwise it would miss earlier changes. */
export function checkReactions(
  text: ResourceText,
  args: Resolved['resource']['args'],
  { offline, otherFacts }: Resolving,
): void {
  if (offline || otherFacts.asked.size > 0) return;
  try {
    for (const { to, unit } of text.module.reacts?.(args) ?? []) if (to.length > 0) unit();
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
    refuse(
      `${thrown.argument} depends on ${thrown.from}, but it must be known before the first change.`,
      text.doc.place([...text.path, thrown.argument]),
      onlyKnown,
    );
  }
}
