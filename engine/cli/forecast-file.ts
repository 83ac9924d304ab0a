import { writeFileSync } from 'node:fs';
import type { ForecastRecord } from '../plan/forecast-records.ts';

/**
 * Collects the forecasts of a run and writes them as JSON: `{hosts: {NAME: [{probe, value, certainty, from}]}}`. The
 * property test of plans compares them with a later reading. Returns undefined without a `file`.
 */
export function forecastFile(file: string | undefined) {
  if (file === undefined || file === '') return undefined;
  const hosts: Record<string, ForecastRecord[]> = {};
  return {
    add(host: string, values: readonly ForecastRecord[]): void {
      hosts[host] = [...(hosts[host] ?? []), ...values];
    },
    write(): void {
      writeFileSync(file, JSON.stringify({ hosts }), { mode: 0o600 });
    },
  };
}
