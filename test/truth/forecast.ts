import { existsSync, readFileSync } from 'node:fs';

/** The content of the file in RECONCILE_FORECAST, which the program writes at the end of a check. */
interface ForecastFile {
  hosts: Record<string, ForecastEntry[]>;
}

/** A value that the plan expects to read after an apply, or that was read where there is nothing to apply. */
interface ForecastEntry {
  probe: { kind: string };
  value: unknown;
  certainty: 'known' | 'open';
}

/** The number of values in a forecast, and its wrong known ones. */
export interface ForecastVerdict {
  known: number;
  open: number;
  /** Number of open values for each kind of probe. */
  openOf: Record<string, number>;
  wrong: { probe: unknown; forecast: unknown; read: unknown }[];
}

/** The forecast that a check wrote; undefined where the program writes none. */
export function readForecast(file: string): ForecastFile | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/**
 * Compares a forecast with what a check after the apply read. A probe that was read only once says nothing: it is left
 * out of the comparison, and counts among the known or open ones all the same.
 */
export function compareForecast(
  forecast: ForecastFile | undefined,
  readings: ForecastFile | undefined,
): ForecastVerdict | undefined {
  if (forecast === undefined || readings === undefined) return undefined;
  const verdict: ForecastVerdict = { known: 0, open: 0, openOf: {}, wrong: [] };
  for (const host of Object.keys(forecast.hosts)) {
    const read = lastOfEach(readings.hosts[host] ?? []);
    for (const [key, { probe, value, certainty }] of lastOfEach(forecast.hosts[host]!)) {
      verdict[certainty] += 1;
      if (certainty === 'open') verdict.openOf[probe.kind] = (verdict.openOf[probe.kind] ?? 0) + 1;
      const now = read.get(key);
      if (certainty === 'open' || now === undefined || canonical(now.value) === canonical(value)) continue;
      verdict.wrong.push({ probe, forecast: value, read: now.value });
    }
  }
  return verdict;
}

/** The last entry of each probe: every play has its own forecast, and a later one knows more. */
const lastOfEach = (entries: readonly ForecastEntry[]): Map<string, ForecastEntry> =>
  new Map(entries.map(each => [canonical(each.probe), each]));

/** JSON with sorted keys, so that equal values are equal texts. */
function canonical(value: unknown): string {
  const sorted = (_key: string, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each;
  return JSON.stringify(value, sorted) ?? 'undefined';
}
