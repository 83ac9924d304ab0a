import { writeFileSync } from 'node:fs';
import type { ForecastRecord } from '../plan/forecast-records.ts';

/**
 * Keeps what the plans of a run foresee, and writes it as JSON: `{hosts: {NAME: [{probe, value, certainty, from}]}}`, for
 * the property test of plans, which compares it with a later reading. undefined without a `file`.
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
