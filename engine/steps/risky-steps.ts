import { riskyPaths, riskyUnits } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import { type Resource, reactionsOf } from '../resource.ts';
import type { Step } from '../step.ts';
import { effectsOf, undoing } from './step-kinds.ts';

/**
 * Whether the change of a resource could lock everybody out, by its key `risky` or else by its steps. `login` is the account
 * that logs in; undefined = not known.
 */
export function isRisky(resource: Resource, steps: readonly Step[], login?: string): boolean {
  if (resource.risky !== undefined) return resource.risky;
  const units = reactionsOf(resource).map(({ unit }) => unit());
  const isEntry = (name: string) => name === login || name === 'root';
  return (
    units.some(unit => riskyUnits.test(unit)) ||
    pathsOf(steps).some(isRiskyPath) ||
    effectsOf(steps).some(
      effect => effect.kind === 'account' && effect.database === 'passwd' && isEntry(effect.name),
    )
  );
}

/** Returns the obstacle of a risky change that the host cannot revert by itself. */
export function irreversible(
  resource: Resource,
  steps: readonly Step[],
  login?: string,
): Obstacle | undefined {
  if (!isRisky(resource, steps, login) || undoing(steps) !== undefined) return undefined;
  return {
    code: 'irreversible',
    says: `${resource.name} is risky, but the host itself cannot revert this change of ${resource.module.name}.`,
    fix: `${'undo' in resource.module.args.properties ? 'Give it an undo. ' : ''}If it can lock nobody out, set risky: false.`,
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
