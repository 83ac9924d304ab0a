import type { HostContext } from '../module.ts';
import type { Probe } from '../probe.ts';
import { blank } from '../probes/blank.ts';
import type { Observed } from '../probes/readings.ts';
import type { Resource } from '../resource.ts';
import type { ForecastView } from './compare.ts';
import type { Forecast } from './forecast.ts';
import type { ForecastReading, ReadProbe } from './forecast-types.ts';

/** The knowledge of the host that a resource is applied to. */
export interface HostSight {
  /** The readings by the account that applies the resource. */
  observed: Observed;
  context: HostContext;
  /** The forecast of that host after the changes planned so far. */
  forecast: Forecast;
  /** Whether the host is only imagined: then it has no obstacles. */
  imagined?: boolean;
}

/** The predictions for a resource, the account that applies it, and the present readings. */
export interface ResourceView extends ForecastView {
  /** The account that applies the resource; undefined = not known. */
  account: string | undefined;
  raw: ReadProbe;
}

/** Returns the predictions of a resource's host at its turn. A probe that was not read goes to `unread`, and its value is open. */
export function viewOf(
  resource: Resource,
  { observed, forecast, context }: HostSight,
  unread: (probe: Probe) => void,
): ResourceView {
  const { become } = resource;
  const raw = (probe: Probe) => {
    const reading = observed.of(probe);
    if (reading === undefined) unread(probe);
    return reading;
  };
  return {
    account: become === undefined || become === false ? context.login : (become.user ?? 'root'),
    raw,
    predict: (probe): ForecastReading =>
      forecast.predict(probe, raw) ?? { reading: { value: blank(probe) }, from: [], open: true },
    stateLeft: (of, from) => forecast.stateLeft(of, from),
    bringers: tokens => forecast.bringers(tokens),
  };
}

/** Returns a view that records the resources that its predictions depend on. */
export function recordCauses(view: ResourceView) {
  const causes = new Set<string>();
  const noted = <T extends { from: readonly string[] }>(seen: T): T => {
    for (const cause of seen.from) causes.add(cause);
    return seen;
  };
  const own: ResourceView = {
    ...view,
    predict: probe => noted(view.predict(probe)),
    bringers: tokens => noted({ from: view.bringers(tokens) }).from,
  };
  return { view: own, causes };
}
