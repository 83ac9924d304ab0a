import type { Outcome } from '../events.ts';
import type { PlannedResource } from '../plan/plan.ts';
import { reactionsOf } from '../plan/reactions.ts';
import { type Problem, type ProblemCode, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Applied, ApplyOptions, Done } from './apply-options.ts';
import { deviates, strayed } from './deviation.ts';
import { type Registered, register, renewed } from './register-outcome.ts';
import { attempt, type Run, type Turn, window } from './resource-turn.ts';
import { Reversal } from './revert.ts';
import type { StepOutput } from './step-script.ts';

/** Problems that end the work on a host whatever the resource says. */
const refusals = new Set<string>([
  'locked',
  'lease-lost',
  'plan-applied',
  'deviation',
] satisfies ProblemCode[]);

/**
 * Brings one host to what its plan shows, a resource at a time. Each is read again at its turn, together with the
 * proof of the change before it: one round trip a changed resource, none for those that nothing can have touched.
 */
export async function apply(options: ApplyOptions): Promise<Applied> {
  const { host, play, holder, emit, signal } = options;
  const run: Run = {
    connectedTo: resource => options.connectedTo(resource),
    alone: (connected, work) => options.alone(connected, work),
    holder,
    risks: new Map(),
    reactions: new Map(),
    ...(options.revert && { reversal: new Reversal() }),
  };
  let queue: readonly PlannedResource[] = [];
  const enqueue = (planned: readonly PlannedResource[]) => {
    queue = planned;
    run.reactions = reactionsOf(planned.map(({ resource }) => resource));
  };
  enqueue(options.planned);
  const outcomes: Outcome[] = [];
  const unmetNeeds = new Set<string>();
  const registered: Record<string, Record<string, Registered>> = {};
  const problems: Problem[] = [];
  let stopped: string | undefined;
  let suspect: string | undefined;

  for (let i = 0; i < queue.length; i++) {
    const item = queue[i]!;
    const { resource } = item;
    const blocker = signal.aborted
      ? 'the interruption'
      : (stopped ?? resource.needs.find(name => unmetNeeds.has(name)));
    const startedMs = Date.now();
    let turn: Turn;
    const starts = () =>
      emit({ event: 'resource_started', host, play, name: resource.name, index: i, of: queue.length });
    if (blocker !== undefined && (resource.when !== false || resource.doneBy !== undefined))
      turn = { outcome: { status: 'skipped', skipped: blocker } };
    else if (resource.doneBy !== undefined) {
      starts();
      turn = elsewhere(resource, await options.doneElsewhere(resource));
    } else if (resource.when === false) turn = { outcome: { status: 'skipped', skipped: 'when' } };
    else {
      starts();
      const { plan } = holder;
      turn =
        (plan && (await strayed(item, window(queue, i), run, plan.createdS))) ??
        (await attempt(queue, i, run));
    }
    const { doubt: _, ...shown } = item.outcome;
    const outcome: Outcome = {
      ...shown,
      diff: null,
      ...turn.outcome,
      durationMs: Date.now() - startedMs,
    };
    if (turn.found !== undefined && deviates(item, turn.found))
      outcome.deviation = { planned: item.outcome.diff, ...(suspect !== undefined && { suspect }) };
    if (outcome.status === 'changed' && (turn.outputs ?? []).some(isOpaque)) suspect = resource.name;
    if (outcome.error !== undefined)
      outcome.error = { at: resource.at, resource: resource.name, ...outcome.error, host };
    outcomes.push(outcome);
    emit({ event: 'resource', host, play, ...outcome });

    const isWanted = outcome.skipped === 'when' || outcome.skipped === 'run_once';
    if (outcome.status === 'failed' || (outcome.status === 'skipped' && !isWanted))
      unmetNeeds.add(resource.name);
    const refused = refusals.has(outcome.error?.code ?? '');
    if (outcome.status === 'failed' && (resource.onFailure === 'stop' || refused)) stopped = resource.name;
    const left = turn.registered ?? register(outcome, turn.outputs, resource.register);
    options.done(resource, { outcome, registered: left });
    if (resource.register !== undefined) {
      registered[resource.register] = { ...registered[resource.register], [resource.name]: left };
      try {
        const resources = await options.resolve(registered);
        enqueue([...queue.slice(0, i + 1), ...renewed(queue, i, resources)]);
      } catch (thrown) {
        // What follows rests on it.
        problems.push(...problemsOf(thrown));
        stopped ??= resource.name;
      }
    }
  }
  const broken = problems.length > 0;
  for (const [connected, risk] of run.risks) {
    const problem = await run.alone(connected, () => risk.finish());
    if (problem !== undefined) problems.push(problem);
  }
  const named = (status: Outcome['status']) =>
    new Set(outcomes.filter(outcome => outcome.status === status).map(({ name }) => name));
  const failed = (broken || named('failed').size > 0) && !signal.aborted;
  const reverted = failed
    ? await run.alone(options.connected, async () =>
        run.reversal?.revert(options.connected, holder, named('changed')),
      )
    : undefined;
  const putBack = new Map(
    [...run.risks].map(([connected, risk]) => [connected.host.name, [...risk.putBack]]),
  );
  return { outcomes, ...(reverted && { reverted }), putBack, problems };
}

/** Whether a step is a command that may have changed anything. */
const isOpaque = ({ step }: StepOutput): boolean => step.do === 'run' && step.touches === undefined;

/** What a resource comes to that another host does for this one. */
function elsewhere(resource: Resource, done: Done | undefined): Turn {
  const { name, doneBy } = resource;
  if (done !== undefined && done.outcome.status !== 'failed' && !isNotReached(done.outcome))
    return { outcome: { status: 'skipped', skipped: 'run_once' }, registered: done.registered };
  const why = done?.outcome.status === 'failed' ? 'failed there' : 'was not reached there';
  const error: Problem = {
    code: 'run-once-failed',
    message: `${name} is done once, on ${doneBy}, for all hosts of the play; it ${why}.`,
  };
  return { outcome: { status: 'failed', error }, ...(done && { registered: done.registered }) };
}

/** Whether a resource was skipped because of something that went wrong. */
function isNotReached({ status, skipped }: Outcome): boolean {
  return status === 'skipped' && skipped !== 'when' && skipped !== 'run_once';
}
