import type { Probe } from '../probe.ts';
import type { Reading } from '../probes/probe-kind.ts';

/** What a probe gave when the host was read; undefined = it was not asked, and is asked for the next time. */
export type ReadProbe = (probe: Probe) => Reading | undefined;

/** A value with the resources that it rests on; `open` = they may also leave another one. */
export interface Predicted<T> {
  value: T;
  from: readonly string[];
  open: boolean;
}

/** Who lays an effect: the resource, the account that does it, and whether it is certain to be done. */
export interface Laying {
  by: string;
  /** undefined = not known. */
  account: string | undefined;
  /** Whether it may also not be done. */
  maybe: boolean;
  /** Whether it is not certain what was read to choose the steps. */
  unsure?: boolean;
}

/** The value of a reading; undefined = there is none. */
export function known<T>(reading: Reading | undefined): T | undefined {
  return reading !== undefined && 'value' in reading ? (reading.value as T) : undefined;
}
