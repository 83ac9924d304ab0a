import type { Context } from '../module.ts';
import type { Probe } from '../probe.ts';
import { blank } from '../probes/blank.ts';
import type { Observed } from '../probes/readings.ts';
import type { Resource } from '../resource.ts';
import type { ForecastView } from './compare.ts';
import type { Forecast, ForecastReading } from './forecast.ts';

/** What is known of the host that a resource is done on. */
export interface HostSight {
  /** As the account that the resource is done by reads it. */
  observed: Observed;
  times: Pick<Context, 'nowS' | 'plannedS'>;
  /** What changes planned so far will have made of that host. */
  forecast: Forecast;
  /** The account that logs in; undefined = not known. */
  login: string | undefined;
  /** Whether the host is only imagined: then nothing of it stands in the way. */
  imagined?: boolean;
}

/** How a resource's host looks at its turn; what was not read yet is told to `unread` and not certain. */
export function viewOf(
  resource: Resource,
  { observed, forecast, login }: HostSight,
  unread: (probe: Probe) => void,
): ForecastView & { account: string | undefined; raw(probe: Probe): ReturnType<Observed['of']> } {
  const { become } = resource;
  const raw = (probe: Probe) => {
    const reading = observed.of(probe);
    if (reading === undefined) unread(probe);
    return reading;
  };
  return {
    account: become === undefined || become === false ? login : (become.user ?? 'root'),
    raw,
    predict: (probe): ForecastReading =>
      forecast.predict(probe, raw) ?? { reading: { value: blank(probe) }, from: [], open: true },
    stateLeft: (of, from) => forecast.stateLeft(of, from),
    bringers: tokens => forecast.bringers(tokens),
  };
}

/** A view that notes the resources that its answers rest on. */
export function recordCauses(view: ReturnType<typeof viewOf>) {
  const causes = new Set<string>();
  const noted = <T extends { from: readonly string[] }>(seen: T): T => {
    for (const cause of seen.from) causes.add(cause);
    return seen;
  };
  const own = {
    ...view,
    foresee: (probe: Probe) => noted(view.predict(probe)),
    bringers: (tokens: readonly string[]) => noted({ from: view.bringers(tokens) }).from,
  };
  return { view: own, causes };
}
