import { isAbsolute, join } from 'node:path';
import type { Place } from '../problem.ts';
import { durationS } from '../util/duration.ts';
import { isMap } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';

/** One source of a play's secrets: an entry under `secrets:`. */
export type SecretSource = { at: Place } & (
  | { file: string }
  | {
      command: readonly string[];
      /** The name of the secret; undefined if the output is a map of secrets. */
      as?: string;
      timeoutS: number;
    }
);

/** Returns the entries under `secrets` at `path`. The validation reports invalid ones. */
export function secretSources(doc: Doc, path: Path): SecretSource[] {
  const data = doc.get(path);
  if (!Array.isArray(data)) return [];
  return data.flatMap((entry, index): SecretSource[] => {
    const at = doc.place([...path, index]);
    if (typeof entry === 'string') return [{ at, file: entry }];
    if (!isMap(entry) || !Array.isArray(entry['command'])) return [];
    const { command, as, timeout } = entry;
    let timeoutS = 30;
    try {
      if (timeout !== undefined) timeoutS = durationS(String(timeout));
    } catch {}
    return [
      { at, command: (command as unknown[]).map(String), timeoutS, ...(typeof as === 'string' && { as }) },
    ];
  });
}

/** Returns a key for a source, relative to the folder of the playbook. */
export function keyOf(source: SecretSource, folder: string): string {
  if ('command' in source) return JSON.stringify([source.command, folder]);
  return isAbsolute(source.file) ? source.file : join(folder, source.file);
}
