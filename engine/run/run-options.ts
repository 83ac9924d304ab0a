import type { Event } from '../events.ts';
import type { ForecastRecord } from '../plan/forecast-records.ts';
import type { Binding } from '../plan/plan-binding.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import type { Playbook } from '../validate/play.ts';

export interface RunOptions {
  playbook: Playbook;
  /** Whether the run only plans and changes nothing. */
  check: boolean;
  /** Maximum of hosts at the same time. */
  parallel: number;
  emit: (event: Event) => void;
  signal: AbortSignal;
  connect?: ConnectOptions;
  /** Called once after all hosts of a play are planned; false ends the run without changes. */
  confirm?: () => Promise<boolean>;
  /** Asks before batch number `batch` of a roll-out; false ends the run. */
  confirmBatch?: (batch: number, of: number, hosts: readonly string[]) => Promise<boolean>;
  /** Time limit of one host in one play. */
  timeoutMs?: number;
  /** Hides secrets in the names in a host's history. */
  mask?: (text: string) => string;
  /** Called at the end of the plan of a host, with every probe of the plan and its predicted reading. */
  onForecast?: (host: string, values: readonly ForecastRecord[]) => void;
  /** Whether this check precedes an apply, so that it may restore the unfinished changes of an earlier run. */
  ahead?: boolean;
  /** The saved plan that the run makes, with `check`, or applies. */
  binding?: Binding;
}
