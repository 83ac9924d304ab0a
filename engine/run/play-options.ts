import type { Holder } from '../hosts/host-lease.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { Forecast } from '../plan/forecast.ts';
import type { EarlierPlays } from './earlier-plays.ts';
import type { FactReader } from './fact-reader.ts';
import type { RunOnce } from './run-once.ts';
import type { RunOptions } from './run-options.ts';

/** The run and the play of a host. */
export type PlayOptions = RunOptions & {
  holder: Holder;
  index: number;
  forecasts: Map<string, Forecast>;
  earlier: EarlierPlays;
  pool: HostPool;
  once: RunOnce;
  otherFacts: FactReader;
};
