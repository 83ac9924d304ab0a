import type { Event } from '../events.ts';
import type { ForecastRecord } from '../plan/forecast-records.ts';
import type { Binding } from '../plan/plan-binding.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import type { Playbook } from '../validate/play.ts';

export interface RunOptions {
  playbook: Playbook;
  /** Plan only; nothing is changed on any host. */
  check: boolean;
  /** Hosts at a time. */
  parallel: number;
  emit: (event: Event) => void;
  signal: AbortSignal;
  connect?: ConnectOptions;
  /** Asked once, when the plans of all hosts of a play are known; false ends the run with nothing changed. */
  confirm?: () => Promise<boolean>;
  /** How long one host may take in one play. */
  timeoutMs?: number;
  /** Hides secrets in the names that a host's history keeps. */
  mask?: (text: string) => string;
  /** Told what the plan of a host ends in: every probe that it rests on, as its steps will leave it. */
  onForecast?: (host: string, values: readonly ForecastRecord[]) => void;
  /** Whether this check looks ahead of an apply, which may finish what an earlier one was cut off in. */
  ahead?: boolean;
  /** The saved plan that is made, with `check`, or applied. */
  binding?: Binding;
}
