import type { Outcome } from '../events.ts';
import type { PlannedResource } from '../plan/plan.ts';
import { reactionsByCause } from '../plan/reactions.ts';
import { type Problem, type ProblemCode, problemsOf } from '../problem.ts';
import type { RegisteredOutcome } from '../resolve/resolving.ts';
import { leavesFirst, type Resource } from '../resource.ts';
import type { Applied, ApplyOptions, Done } from './apply-options.ts';
import { deviates, differsFromPlan } from './deviation.ts';
import { resourcesReadAlong } from './read-along.ts';
import { planRemaining, register } from './register-outcome.ts';
import { attempt, type HostApply, type Turn } from './resource-turn.ts';
import { PlayRevert } from './revert.ts';
import type { StepOutput } from './step-script.ts';

/** Problems that end the work on a host, whatever the resource's `on_failure` says. */
const refusals = new Set<string>([
  'locked',
  'lease-lost',
  'plan-applied',
  'deviation',
] satisfies ProblemCode[]);

/**
 * Applies the plan of one host, resource by resource. At its turn, the resource is read again together with the proof of
 * the change before it: one round trip for a changed resource, none for a resource that no change can have touched.
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
  /** Whether something has failed, so that a play with `on_failed_check: revert` is reverted. */
  #isBroken = false;
  /** Whether the host has waited for its batch. */
  #hasWaited = false;
  /** The resource whose failure ends the work on this host. */
  #stopped: string | undefined;
  /** The last resource whose command may have changed anything: the likely cause of a later deviation. */
  #suspect: string | undefined;

  constructor(options: ApplyOptions) {
    this.#options = options;
    this.#shared = {
      connectedTo: resource => options.connectedTo(resource),
      signal: options.signal,
      exclusively: (connected, work) => options.exclusively(connected, work),
      holder: options.holder,
      risks: new Map(),
      reactions: new Map(),
      ...(options.revert && { playRevert: new PlayRevert() }),
    };
    this.#enqueue(options.planned);
  }

  async run(): Promise<Applied> {
    for (let i = 0; i < this.#queue.length; i++) {
      const { resource } = this.#queue[i]!;
      if (resource.visit === 'after') await this.#waitForBatch();
      const startedMs = Date.now();
      const turn = await this.#turn(i);
      const outcome = this.#record(this.#queue[i]!, turn, startedMs);
      const registered = turn.registered ?? register(outcome, turn.outputs, resource.register);
      this.#options.done(resource, { outcome, registered });
      if (resource.register !== undefined) await this.#resolveAgain(i, resource.register, registered);
      if (this.#stopped === undefined && !this.#options.signal.aborted) await this.#settleRisks(i);
    }
    await this.#waitForBatch();
    return this.#end();
  }

  /** Waits, before the host comes back, until the whole batch may. */
  async #waitForBatch(): Promise<void> {
    const { proceed, signal } = this.#options;
    if (proceed === undefined || this.#hasWaited || this.#isBroken || signal.aborted) return;
    this.#hasWaited = true;
    if (await proceed()) return;
    this.#stopped = 'the roll-out';
    this.#isBroken = true;
  }

  #enqueue(planned: readonly PlannedResource[]): void {
    this.#queue = planned;
    this.#shared.reactions = reactionsByCause(planned.map(({ resource }) => resource));
  }

  async #turn(i: number): Promise<Turn> {
    const item = this.#queue[i]!;
    const { resource } = item;
    const { host, play, emit, signal } = this.#options;
    const { savedPlan } = this.#options.holder;
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
      savedPlan &&
      (await differsFromPlan(
        item,
        () => resourcesReadAlong(this.#queue, i),
        this.#shared,
        savedPlan.createdS,
      ));
    if (differs !== undefined) return differs;
    const turnstile = this.#options.turnstile(resource);
    this.#shared.enter = turnstile?.enter;
    const turn = await attempt(this.#queue, i, this.#shared);
    turnstile?.leave(turn.outcome.status === 'failed');
    return turn;
  }

  /** Returns the outcome of a turn, and emits it. */
  #report(item: PlannedResource, turn: Turn, startedMs: number): Outcome {
    const { resource } = item;
    const { host, play, emit } = this.#options;
    const { doubt: _, warning: __, idle: ___, ...shown } = item.outcome;
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
    emit({ event: 'resource', host, play, ...outcome });
    return outcome;
  }

  /** Records the outcome of a turn, and decides whether the next resources can follow. */
  #record(item: PlannedResource, turn: Turn, startedMs: number): Outcome {
    const { resource } = item;
    const outcome = this.#report(item, turn, startedMs);
    this.#outcomes.push(outcome);
    if (outcome.status === 'failed') this.#isBroken = true;
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
      this.#enqueue([...this.#queue.slice(0, i + 1), ...planRemaining(this.#queue, i, resources)]);
    } catch (thrown) {
      // The next resources depend on the outcome.
      this.#problems.push(...problemsOf(thrown));
      this.#isBroken = true;
      this.#stopped ??= resource.name;
    }
  }

  /** Brings a reverted host that has left back, after its checks hold again. */
  async #comeBack(): Promise<void> {
    if (
      !this.#outcomes.some(({ status }, i) => status === 'changed' && leavesFirst(this.#queue[i]!.resource))
    )
      return;
    delete this.#shared.playRevert;
    for (const [i, item] of this.#queue.entries()) {
      const { module, visit, when, name } = item.resource;
      const isCheck = module.check === true && visit === undefined;
      if (when === false || !(isCheck || visit === 'after')) continue;
      const startedMs = Date.now();
      const turn = await attempt(this.#queue, i, this.#shared);
      if (!isCheck) this.#outcomes.splice(i, 1, this.#report(item, turn, startedMs));
      if (turn.outcome.status !== 'failed') continue;
      const message = `The host was reverted, and does not come back: ${name} fails.`;
      this.#problems.push({ code: 'not-back', message, ...causeOf(turn.outcome.error) });
      return;
    }
  }

  /** Confirms the risky changes that no resource behind number `i` makes take effect. */
  async #settleRisks(i: number): Promise<void> {
    for (const [each, risk] of this.#shared.risks) {
      if (!risk.awaitsOthers) continue;
      const later = this.#queue.slice(i + 1).map(({ resource }) => resource);
      const problem = await this.#shared.exclusively(each, () => risk.onlyAwaits(later));
      if (problem === undefined) continue;
      this.#problems.push(problem);
      this.#isBroken = true;
    }
  }

  /** Reverts the unproven risky changes, and all changes of a failed play that asks for it. */
  async #end(): Promise<Applied> {
    const { connected, holder, signal } = this.#options;
    const { risks, exclusively, playRevert } = this.#shared;
    for (const [each, risk] of risks) {
      const problem = await exclusively(each, () => risk.finish());
      if (problem !== undefined) this.#problems.push(problem);
    }
    const named = (status: Outcome['status']) =>
      new Set(this.#outcomes.filter(outcome => outcome.status === status).map(({ name }) => name));
    const reverted =
      this.#isBroken && !signal.aborted
        ? await exclusively(connected, async () => playRevert?.revert(connected, holder, named('changed')))
        : undefined;
    if (reverted !== undefined) {
      const { host, play, emit } = this.#options;
      emit({ event: 'host_reverted', host, play, restored: reverted.restored, kept: reverted.irreversible });
      if (reverted.error === undefined) await this.#comeBack();
    }
    const revertedRisks = new Map([...risks].map(([each, risk]) => [each.host.name, [...risk.reverted]]));
    return {
      outcomes: this.#outcomes,
      ...(reverted && { reverted }),
      revertedRisks,
      problems: this.#problems,
    };
  }
}

/** Whether a step is a command that does not declare its effects. */
const isOpaque = ({ step }: StepOutput): boolean => step.do === 'run' && step.touches === undefined;

/** Returns the turn of a resource that another host does for this one. */
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

/** Whether a resource was skipped because of a failure or an interruption. */
function isNotReached({ status, skipped }: Outcome): boolean {
  return status === 'skipped' && skipped !== 'when' && skipped !== 'run_once';
}

const causeOf = (problem: Problem | undefined) => (problem === undefined ? {} : { cause: problem.message });
