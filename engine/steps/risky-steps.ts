import { riskyPaths, riskyUnits } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import { type Resource, reactionsOf } from '../resource.ts';
import type { Step } from '../step.ts';
import { undoing } from './step-kinds.ts';

/** Whether the change of a resource could lock everybody out, as it says itself or as its steps suggest. */
export function isRisky(resource: Resource, steps: readonly Step[]): boolean {
  if (resource.risky !== undefined) return resource.risky;
  const units = reactionsOf(resource).map(({ unit }) => unit());
  return units.some(unit => riskyUnits.test(unit)) || pathsOf(steps).some(isRiskyPath);
}

/** Why a risky change cannot be made: the host could not put it back by itself. */
export function irreversible(resource: Resource, steps: readonly Step[]): Obstacle | undefined {
  if (!isRisky(resource, steps) || undoing(steps) !== undefined) return undefined;
  return {
    code: 'irreversible',
    says: `${resource.name} is risky, but what ${resource.module.name} does here cannot be put back by the host itself.`,
    fix: 'If nobody can be locked out by it, say so with risky: false.',
  };
}

function pathsOf(steps: readonly Step[]): string[] {
  return steps.flatMap(step =>
    step.do === 'checked' ? pathsOf(step.steps) : 'path' in step ? [step.path] : [],
  );
}

function isRiskyPath(path: string): boolean {
  return (
    /\/\.ssh(\/|$)/.test(path) ||
    riskyPaths.some(
      risky => path === risky.replace(/\/$/, '') || (risky.endsWith('/') && path.startsWith(risky)),
    )
  );
}
