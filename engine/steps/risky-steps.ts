import { riskyPaths, riskyUnits } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import { type Resource, reactionsOf } from '../resource.ts';
import type { Step } from '../step.ts';
import { undoing } from './step-kinds.ts';

/** Whether the change of a resource could lock everybody out, by its key `risky` or else by its steps. */
export function isRisky(resource: Resource, steps: readonly Step[]): boolean {
  if (resource.risky !== undefined) return resource.risky;
  const units = reactionsOf(resource).map(({ unit }) => unit());
  return units.some(unit => riskyUnits.test(unit)) || pathsOf(steps).some(isRiskyPath);
}

/** Returns the obstacle of a risky change that the host cannot revert by itself. */
export function irreversible(resource: Resource, steps: readonly Step[]): Obstacle | undefined {
  if (!isRisky(resource, steps) || undoing(steps) !== undefined) return undefined;
  return {
    code: 'irreversible',
    says: `${resource.name} is risky, but the host itself cannot revert this change of ${resource.module.name}.`,
    fix: 'If it can lock nobody out, set risky: false.',
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
