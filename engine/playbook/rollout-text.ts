import type { Visit } from '../resource.ts';
import { checkKeys, isPlainMap } from '../schema/known-keys.ts';
import { playKeys } from '../schema/resource-keys.ts';
import { durationS } from '../util/duration.ts';
import type { Problems } from '../util/problem-collector.ts';
import type { Plain } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import type { EntryText, Reading } from './entry-text.ts';
import { listOf, readEntries } from './resource-text.ts';

/** A number of hosts, or a share of the hosts of a play in percent. */
export type HostShare = { count: number } | { percent: number };

/** The roll-out of a play as written. */
export interface Rollout {
  /** The sizes of the batches. The last one repeats. */
  batches: readonly HostShare[];
  /** The hosts that may fail before the roll-out stops. */
  maxFailures: HostShare;
  /** Seconds between two batches. */
  pauseS: number;
  /** Whether to ask before each batch but the first. */
  confirm: boolean;
}

/** A roll-out, with the entries around the resources of a play. */
export interface RolloutText {
  rollout?: Rollout;
  before: readonly EntryText[];
  after: readonly EntryText[];
}

/** Reads the roll-out at `path`. Mistakes go to `problems`. */
export function readRollout(doc: Doc, path: Path, reading: Reading, problems: Problems): RolloutText {
  const data = doc.get(path);
  if (data === undefined) return { before: [], after: [] };
  const found = problems.size;
  checkKeys({ doc, path, label: 'rollout' }, data, playKeys['rollout']!, problems);
  if (!isPlainMap(data)) return { before: [], after: [] };
  const around = (visit: Visit) =>
    readEntries(doc, [...path, visit], reading, problems).map(entry => ({
      ...entry,
      visit,
      // --tags selects the resources of a play, and a host leaves and comes back for any of them.
      tags: [...entry.tags, 'always'],
    }));
  const entries = { before: around('before'), after: around('after') };
  if (problems.size > found) return entries;
  const rollout = {
    batches: listOf(data['batches']).map(shareOf),
    maxFailures: shareOf(data['max_failures'] ?? 0),
    pauseS: data['pause'] === undefined ? 0 : durationS(String(data['pause'])),
    confirm: data['confirm'] === true,
  };
  return { rollout, ...entries };
}

function shareOf(written: Plain): HostShare {
  return typeof written === 'number' ? { count: written } : { percent: Number.parseInt(String(written), 10) };
}
