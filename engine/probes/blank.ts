import { stoppedUnit } from '../host-knowledge.ts';
import type { Probe } from '../probe.ts';

/** Returns the reading of a probe on a host without the thing that it reads. */
export function blank(probe: Probe): unknown {
  switch (probe.kind) {
    case 'unit':
      return { ...stoppedUnit, LoadState: 'not-found', UnitFileState: '' };
    case 'sql':
    case 'owed':
      return [];
    case 'command':
      return { exit: 127, stdout: '', stderr: '' };
    case 'path':
    case 'content':
    case 'entries':
    case 'flags':
    case 'package':
    case 'candidate':
    case 'account':
    case 'user':
    case 'group':
    case 'program':
      return null;
    default:
      return probe satisfies never;
  }
}

/** Returns the blank readings of a record of probes, by the same names. */
export const blankReadings = (probes: Readonly<Record<string, Probe>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(probes).map(([key, probe]) => [key, blank(probe)]));
