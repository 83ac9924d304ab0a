import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Outcome, Status } from '../events.ts';
import type { Holder } from '../hosts/host-lease.ts';
import type { Diff } from '../module.ts';

/** What an apply did to a host: names and kinds of change, no values. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  time: string;
  run: string;
  who: string;
  from: string;
  playbook: string;
  /** Of the playbook file; null when it could not be read again. */
  sha256: string | null;
  play: string;
  /** The saved plan that was applied, if it was one. */
  plan?: string;
  counts: { unchanged: number; changed: number; failed: number; skipped: number };
  changed: { name: string; module: string; change: Diff['kind'] }[];
  failed: { name: string; module: string; code: string }[];
  /** Names of what was changed and put back, because something failed. */
  reverted?: string[];
}

/** How many resources an entry names; the counts are of all. */
const mostNames = 200;
const nameCharacters = 120;

/** The line of an apply that has begun to change something. `mask` hides secrets that a name may hold. */
export function historyLine(
  { run, who, from, plan }: Holder,
  playbook: string,
  play: string,
  outcomes: readonly Outcome[],
  mask: (text: string) => string,
  reverted: readonly string[] = [],
): string {
  const short = (text: string) => mask(text).slice(0, nameCharacters);
  const of = (status: Status) => outcomes.filter(outcome => outcome.status === status);
  const [changed, failed] = [of('changed'), of('failed')];
  const entry: HistoryEntry = {
    time: new Date().toISOString(),
    run,
    who,
    from,
    playbook,
    sha256: digest(playbook),
    play: short(play),
    ...(plan && { plan: plan.id }),
    counts: {
      unchanged: of('unchanged').length,
      changed: changed.length,
      failed: failed.length,
      skipped: of('skipped').length,
    },
    changed: changed.slice(0, mostNames).map(({ name, module, diff }) => {
      // What was done was found, so it is never the `write` of a plan.
      const change = diff === null || diff.kind === 'write' ? 'update' : diff.kind;
      return { name: short(name), module, change };
    }),
    failed: failed
      .slice(0, mostNames)
      .map(({ name, module, error }) => ({ name: short(name), module, code: error?.code ?? 'bug' })),
    ...(reverted.length > 0 && { reverted: reverted.slice(0, mostNames).map(short) }),
  };
  return JSON.stringify(entry);
}

/** The entries of a history file, newest first. Lines that are none are left out. */
export function decodeHistory(text: string): HistoryEntry[] {
  return text
    .split('\n')
    .flatMap((line): HistoryEntry[] => {
      try {
        const entry = JSON.parse(line);
        return isEntry(entry) ? [entry] : [];
      } catch {
        return [];
      }
    })
    .reverse();
}

/** Whoever is root on a host can write into its history. */
function isEntry(entry: HistoryEntry | null): boolean {
  const {
    time,
    who,
    from,
    playbook,
    sha256,
    counts,
    changed,
    failed,
    plan = '',
    reverted = [],
  } = entry ?? {};
  const areNamed = (list: unknown) =>
    Array.isArray(list) && list.every(one => typeof one?.name === 'string' && typeof one.module === 'string');
  return (
    [time, who, from, playbook, sha256 ?? '', plan].every(text => typeof text === 'string') &&
    [counts?.changed, counts?.unchanged, counts?.failed].every(count => typeof count === 'number') &&
    [changed, failed].every(areNamed) &&
    Array.isArray(reverted)
  );
}

function digest(file: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return null;
  }
}
