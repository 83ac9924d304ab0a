import type { Outcome } from '../events.ts';
import type { PlannedResource } from '../plan/plan.ts';
import { reactionsByCause } from '../plan/reactions.ts';
import { type Problem, type ProblemCode, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Applied, ApplyOptions, Done } from './apply-options.ts';
import { deviates, differsFromPlan } from './deviation.ts';
import { type RegisteredOutcome, register, renewed } from './register-outcome.ts';
import { attempt, type HostApply, type Turn, window } from './resource-turn.ts';
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
 * Brings one host to the state that its plan shows, a resource at a time. Each is read again at its turn, together with
 * the proof of the change before it: one round trip a changed resource, none for those that nothing can have touched.
 */
export function apply(options: ApplyOptions): Promise<Applied> {
  return new PlanApply(options).run();
}

class PlanApply {
  readonly #options: ApplyOptions;
  readonly #shared: HostApply;
  #queue: readonly PlannedResource[] = [];
  readonly #outcomes: Outcome[] = [];
  readonly #problems: Problem[] = [];
  /** Names of the resources that failed or were not reached. */
  readonly #unmetNeeds = new Set<string>();
  readonly #registered: Record<string, Record<string, RegisteredOutcome>> = {};
  /** The resource whose failure ends the work on this host. */
  #stopped: string | undefined;
  /** The last command that may have changed anything: the likely cause of a deviation behind it. */
  #suspect: string | undefined;

  constructor(options: ApplyOptions) {
    this.#options = options;
    this.#shared = {
      connectedTo: resource => options.connectedTo(resource),
      alone: (connected, work) => options.alone(connected, work),
      holder: options.holder,
      risks: new Map(),
      reactions: new Map(),
      ...(options.revert && { reversal: new Reversal() }),
    };
    this.#enqueue(options.planned);
  }

  async run(): Promise<Applied> {
    for (let i = 0; i < this.#queue.length; i++) {
      const { resource } = this.#queue[i]!;
      const startedMs = Date.now();
      const turn = await this.#turn(i);
      const outcome = this.#record(this.#queue[i]!, turn, startedMs);
      const registered = turn.registered ?? register(outcome, turn.outputs, resource.register);
      this.#options.done(resource, { outcome, registered });
      if (resource.register !== undefined) await this.#resolveAgain(i, resource.register, registered);
    }
    return this.#end();
  }

  #enqueue(planned: readonly PlannedResource[]): void {
    this.#queue = planned;
    this.#shared.reactions = reactionsByCause(planned.map(({ resource }) => resource));
  }

  async #turn(i: number): Promise<Turn> {
    const item = this.#queue[i]!;
    const { resource } = item;
    const { host, play, emit, signal } = this.#options;
    const { plan } = this.#options.holder;
    const blocker = signal.aborted
      ? 'the interruption'
      : (this.#stopped ?? resource.needs.find(name => this.#unmetNeeds.has(name)));
    const isWanted = resource.when !== false;
    if (!isWanted && resource.doneBy === undefined)
      return { outcome: { status: 'skipped', skipped: 'when' } };
    if (blocker !== undefined) return { outcome: { status: 'skipped', skipped: blocker } };

    emit({ event: 'resource_started', host, play, name: resource.name, index: i, of: this.#queue.length });
    if (resource.doneBy !== undefined)
      return doneElsewhere(resource, await this.#options.doneElsewhere(resource));
    const differs =
      plan && (await differsFromPlan(item, window(this.#queue, i), this.#shared, plan.createdS));
    return differs ?? (await attempt(this.#queue, i, this.#shared));
  }

  /** Makes the outcome of a turn known, and decides what it means for the resources that follow. */
  #record(item: PlannedResource, turn: Turn, startedMs: number): Outcome {
    const { resource } = item;
    const { host, play, emit } = this.#options;
    const { doubt: _, ...shown } = item.outcome;
    const outcome: Outcome = {
      ...shown,
      diff: null,
      ...turn.outcome,
      durationMs: Date.now() - startedMs,
    };
    if (turn.found !== undefined && deviates(item, turn.found))
      outcome.deviation = {
        planned: item.outcome.diff,
        ...(this.#suspect !== undefined && { suspect: this.#suspect }),
      };
    if (outcome.status === 'changed' && (turn.outputs ?? []).some(isOpaque)) this.#suspect = resource.name;
    if (outcome.error !== undefined)
      outcome.error = { at: resource.at, resource: resource.name, ...outcome.error, host };
    this.#outcomes.push(outcome);
    emit({ event: 'resource', host, play, ...outcome });

    if (outcome.status === 'failed' || isNotReached(outcome)) this.#unmetNeeds.add(resource.name);
    const refused = refusals.has(outcome.error?.code ?? '');
    if (outcome.status === 'failed' && (resource.onFailure === 'stop' || refused))
      this.#stopped = resource.name;
    return outcome;
  }

  /** Resolves the resources behind number `i` again, with its outcome known. */
  async #resolveAgain(i: number, name: string, registered: RegisteredOutcome): Promise<void> {
    const { resource } = this.#queue[i]!;
    this.#registered[name] = { ...this.#registered[name], [resource.name]: registered };
    try {
      const resources = await this.#options.resolve(this.#registered);
      this.#enqueue([...this.#queue.slice(0, i + 1), ...renewed(this.#queue, i, resources)]);
    } catch (thrown) {
      // The resources that follow depend on it.
      this.#problems.push(...problemsOf(thrown));
      this.#stopped ??= resource.name;
    }
  }

  /** Puts back what may not stay. */
  async #end(): Promise<Applied> {
    const { connected, holder, signal } = this.#options;
    const { risks, alone, reversal } = this.#shared;
    const isBroken = this.#problems.length > 0;
    for (const [each, risk] of risks) {
      const problem = await alone(each, () => risk.finish());
      if (problem !== undefined) this.#problems.push(problem);
    }
    const named = (status: Outcome['status']) =>
      new Set(this.#outcomes.filter(outcome => outcome.status === status).map(({ name }) => name));
    const failed = (isBroken || named('failed').size > 0) && !signal.aborted;
    const reverted = failed
      ? await alone(connected, async () => reversal?.revert(connected, holder, named('changed')))
      : undefined;
    const putBack = new Map([...risks].map(([each, risk]) => [each.host.name, [...risk.putBack]]));
    return {
      outcomes: this.#outcomes,
      ...(reverted && { reverted }),
      putBack,
      problems: this.#problems,
    };
  }
}

/** Whether a step is a command that may have changed anything. */
const isOpaque = ({ step }: StepOutput): boolean => step.do === 'run' && step.touches === undefined;

/** The turn of a resource that another host does for this one. */
function doneElsewhere(resource: Resource, done: Done | undefined): Turn {
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
