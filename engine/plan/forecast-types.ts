import { Missing, type Probe } from '../probe.ts';
import type { Reading } from '../probes/probe-kind.ts';

/** Returns the present reading of a probe, or undefined if it was not read. The next round reads it. */
export type ReadProbe = (probe: Probe) => Reading | undefined;

/**
 * A predicted reading. Its value is known, open or missing, as decision 0002 defines the words:
 * - known: `reading` has a value, and `open` is false. Without `from`, the host was read so; otherwise an earlier resource
 *   sets the value.
 * - open: `open` is true. The value of `reading` is the most probable one, or the present one.
 * - missing: `reading` has a Missing. With `open`, the resources in `from` may bring the missing thing.
 */
export interface ForecastReading {
  reading: Reading;
  /** Names of the resources that the reading depends on; none for a reading of the host itself. */
  from: readonly string[];
  /** Whether the reading may be another one. */
  open: boolean;
  /** Set if Debian's packages usually leave this value. */
  expected?: boolean;
  /** The value if the expected one does not come. */
  otherwise?: unknown;
  /** Set if the needed thing is probably absent: no package has its name, or another thing is in its place. */
  unlikely?: boolean;
}

/** A value with the resources that it depends on; `open` if they may also leave another value. */
export interface Predicted<T> {
  value: T;
  from: readonly string[];
  open: boolean;
}

/** The origin of an effect, and its certainty. */
export interface Laying {
  /** The name of the resource. */
  by: string;
  /** The account that does the step; undefined = not known. */
  account: string | undefined;
  /** Whether the step may be left out. */
  maybe: boolean;
  /** Whether the readings that the steps were chosen from are open. */
  unsure?: boolean;
}

/** Returns the value of a reading, or undefined if there is none. */
export function known<T>(reading: Reading | undefined): T | undefined {
  return reading !== undefined && 'value' in reading ? (reading.value as T) : undefined;
}

/** Returns a value that is open if any resource may change it. */
export const openedBy = (from: readonly string[], value: unknown): ForecastReading => ({
  reading: { value },
  from: [...new Set(from)],
  open: from.length > 0,
});

/** Returns a prediction with the reading itself as the alternative to an expected value. */
export const orAsRead = (seen: ForecastReading, otherwise: unknown): ForecastReading =>
  seen.expected ? { ...seen, otherwise } : seen;

/** The thing that a probe in SQL lacks while no server answers. */
export const noServer = new Missing('a running PostgreSQL server', [
  'package:postgresql',
  'running:postgresql*',
]);
