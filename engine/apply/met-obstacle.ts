import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { Context } from '../module.ts';
import { first } from '../plan/certain-readings.ts';
import type { Comparison } from '../plan/compare.ts';
import { Forecast } from '../plan/forecast.ts';
import { viewOf } from '../plan/host-sight.ts';
import { isForRoot, obstacleTo } from '../plan/obstacles.ts';
import { blockedBy, mostRounds, type Planning } from '../plan/plan.ts';
import type { Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';

/**
 * Returns the obstacle of the module that the readings after failed steps show, such as a package that only the fresh
 * lists lack; undefined if there is none.
 */
export function obstacleLeft(resource: Resource, { work, read }: Comparison): Problem | undefined {
  const [obstacle] = work ? resource.module.obstacles(resource.args, read as never, work) : [];
  return obstacle && blockedBy(resource, obstacle);
}

/**
 * Returns the obstacle that made a step fail, as far as it can be read: a missing folder, account, program or right of
 * which the plan could not be sure. Reads the host for it.
 */
export async function obstacleMet(
  resource: Resource,
  step: Step | undefined,
  all: readonly Step[],
  connected: ConnectedHost,
  times: Context,
): Promise<Problem | undefined> {
  if (step === undefined) return undefined;
  for (let rounds = 0; rounds < mostRounds; rounds++) {
    const unread: Planning['unread'] = [];
    const observed = connected.observed(resource);
    const sight = { observed, times, forecast: new Forecast(), login: connected.login };
    const view = viewOf(resource, sight, probe => unread.push({ resource, probe }));
    const obstacle = first([step, ...all.filter(isForRoot)], one => obstacleTo(one, view));
    if (unread.length === 0) return obstacle && blockedBy(resource, obstacle);
    await connected.readProbes(unread);
  }
  return undefined;
}
