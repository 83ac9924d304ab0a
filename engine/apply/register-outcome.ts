import type { Outcome } from '../events.ts';
import { type PlannedResource, predicted } from '../plan/plan.ts';
import type { RegisteredOutcome, RegisteredOutcomes } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import { Secret } from '../value.ts';
import type { StepOutput } from './step-script.ts';

/**
 * Returns the outcome of a resource for later expressions. Output and exit code are those of its last command. The output
 * of a command with a secret may contain that secret, so it is secret itself, under its registered name.
 */
export function register(
  outcome: Outcome,
  outputs: readonly StepOutput[] = [],
  name = outcome.name,
): RegisteredOutcome {
  const derived = (stream: 'stdout' | 'stderr') => {
    const words = last?.[stream] ?? '';
    return outcome.secrets.length > 0 && words !== '' ? new Secret(words, `${name}.${stream}`) : words;
  };
  const last = outputs.findLast(({ step }) => step.do === 'run' || step.do === 'sql');
  return {
    changed: outcome.status === 'changed',
    failed: outcome.status === 'failed',
    skipped: outcome.status === 'skipped',
    stdout: derived('stdout'),
    stderr: derived('stderr'),
    exit: last?.exit ?? null,
  };
}

/**
 * Returns the registered outcomes of the resources that certainly change nothing, which are those of an apply too;
 * undefined if there are no more of them than in `known`.
 */
export function certainOutcomes(
  planned: readonly PlannedResource[],
  known: RegisteredOutcomes,
): RegisteredOutcomes | undefined {
  const registers: Record<string, Record<string, RegisteredOutcome>> = {};
  for (const { resource, outcome } of planned) {
    const { register: name, when, doneBy, incomplete } = resource;
    const isSkipped = when === false && doneBy === undefined;
    const isSettled = outcome.status === 'unchanged' || outcome.status === 'unknown';
    const isCertain = isSettled && outcome.open !== true && !incomplete;
    if (name === undefined || !(isSkipped || isCertain)) continue;
    registers[name] = { ...registers[name], [resource.name]: register(outcome) };
  }
  return countOf(registers) > countOf(known) ? registers : undefined;
}

const countOf = (registers: RegisteredOutcomes): number =>
  Object.values(registers).reduce((sum, left) => sum + Object.keys(left).length, 0);

/** Returns the plan of the `resources` behind number `i`, resolved again. A resource without a plan is predicted. */
export function planRemaining(
  queue: readonly PlannedResource[],
  i: number,
  resources: readonly Resource[],
): PlannedResource[] {
  const done = new Set(queue.slice(0, i + 1).map(({ resource }) => resource.name));
  return resources
    .filter(({ name }) => !done.has(name))
    .map(resource => {
      const planned = queue.find(item => item.resource.name === resource.name);
      return { resource, outcome: planned?.outcome ?? predicted(resource, queue[i]!.resource.name) };
    });
}
