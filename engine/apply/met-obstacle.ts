import type { ConnectedHost } from '../hosts/connected-host.ts';
import { blocking, type Context } from '../module.ts';
import { first } from '../plan/certain-readings.ts';
import type { Comparison } from '../plan/compare.ts';
import { Forecast } from '../plan/forecast.ts';
import { viewOf } from '../plan/host-sight.ts';
import { obstacleTo } from '../plan/obstacles.ts';
import { blockedBy, mostRounds, type Planning } from '../plan/plan.ts';
import { isForRoot } from '../plan/rights.ts';
import type { Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';

/**
 * Returns the module's obstacle in the readings after failed steps, such as a package that is missing from the fresh lists;
 * undefined if there is none.
 */
export function obstacleLeft(
  resource: Resource,
  { work, read }: Comparison,
  context: Context,
): Problem | undefined {
  const all = work ? resource.module.obstacles(resource.args, read as never, work, context) : [];
  const [obstacle] = blocking(all);
  return obstacle && blockedBy(resource, obstacle);
}

/**
 * Reads the host for the obstacle that made a step fail: a missing folder, account, program or right that the plan could
 * not know for certain. Returns undefined if it finds none.
 */
export async function obstacleMet(
  resource: Resource,
  step: Step | undefined,
  all: readonly Step[],
  connected: ConnectedHost,
  context: Context,
): Promise<Problem | undefined> {
  if (step === undefined) return undefined;
  for (let rounds = 0; rounds < mostRounds; rounds++) {
    const unread: Planning['unread'] = [];
    const observed = connected.observed(resource);
    const sight = { observed, context, forecast: new Forecast() };
    const view = viewOf(resource, sight, probe => unread.push({ resource, probe }));
    const obstacle = first([step, ...all.filter(isForRoot)], one => obstacleTo(one, view));
    if (unread.length === 0) return obstacle && blockedBy(resource, obstacle);
    await connected.readProbes(unread);
  }
  return undefined;
}
