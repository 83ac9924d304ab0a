import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { Obstacle } from '../module.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';
import type { Answer } from '../transport/connect.ts';
import type { Risk } from './risky-changes.ts';
import type { StepOutput } from './step-script.ts';

/** Returns the steps up to a reboot, none without a reboot, and the steps after it. */
export function aroundReboot(steps: readonly Step[]): [before: readonly Step[], after: readonly Step[]] {
  const end = steps.findIndex(step => step.do === 'reboot') + 1;
  return [steps.slice(0, end), steps.slice(end)];
}

/** Returns the obstacle of a reboot while the host would revert an unproven risky change at boot. */
export function unprovenBefore(steps: readonly Step[], { armed }: Risk): Obstacle | undefined {
  if (armed.length === 0 || !steps.some(step => step.do === 'reboot')) return undefined;
  return {
    says: `The host reverts ${armed.join(', ')} at boot, because that change has not taken effect yet.`,
    fix: 'Move the resource that makes it take effect, such as the service that restarts, before the reboot.',
  };
}

/**
 * Enters the next boot of a host after the script that restarts it. Rejects with a ProblemError: the end of a script that was
 * cut off, or reboot-failed if the host does not come back in time.
 */
export async function enterAfterReboot(
  connected: ConnectedHost,
  resource: Resource,
  { end, outputs }: { end: Answer | Problem; outputs: readonly StepOutput[] },
): Promise<void> {
  // The session has found that by itself, and is in the new boot.
  if ('code' in end && end.code === 'host-restarted') return;
  if ('code' in end) throw new ProblemError(end);
  const { step, stdout } = outputs.at(-1)!;
  if (step.do === 'reboot') await connected.enterNextBoot(resource, stdout.trim(), step.withinS);
}
