import { createHash } from 'node:crypto';
import type { Outcome, Status } from '../events.ts';
import type { Holder } from '../hosts/host-lease.ts';
import type { Diff } from '../module.ts';
import { readFile } from '../util/read-file.ts';

/** The changes of an apply on a host: names and kinds of change, without values. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  time: string;
  run: string;
  who: string;
  from: string;
  playbook: string;
  /** Hash of the playbook file; null if it could not be read again. */
  sha256: string | null;
  play: string;
  /** The ID of the saved plan, if one was applied. */
  plan?: string;
  counts: { unchanged: number; changed: number; failed: number; skipped: number };
  changed: { name: string; module: string; change: Diff['kind'] }[];
  failed: { name: string; module: string; code: string }[];
  /** Names of the resources whose change was reverted. */
  reverted?: string[];
}

/** Resources that an entry names. The counts include all resources. */
const mostNames = 200;
const nameCharacters = 120;

/** Returns the line of an apply that has begun a change. `mask` hides secrets in names. */
export function historyLine(
  { run, who, from, savedPlan }: Holder,
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
    ...(savedPlan && { plan: savedPlan.id }),
    counts: {
      unchanged: of('unchanged').length,
      changed: changed.length,
      failed: failed.length,
      skipped: of('skipped').length,
    },
    changed: changed.slice(0, mostNames).map(({ name, module, diff }) => {
      // The diff of a changed resource was read, so it is never the `write` of a plan.
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

/** Returns the entries of a history file, newest first, without invalid lines. */
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

/** Whether a line has the form of an entry. Every root account of a host can write to its history. */
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
    return createHash('sha256').update(readFile(file)).digest('hex');
  } catch {
    return null;
  }
}
