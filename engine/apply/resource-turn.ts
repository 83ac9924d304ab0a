import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../events.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import { leaseHeldProblem } from '../hosts/host-lease.ts';
import { blocking, type Context, type Diff } from '../module.ts';
import { asRead, type Comparison, compare } from '../plan/compare.ts';
import { lacks } from '../plan/diff.ts';
import { blockedBy, type PlannedResource, settled, unmet } from '../plan/plan.ts';
import type { Reaction } from '../plan/reactions.ts';
import { type Problem, type ProblemCode, problemsOf } from '../problem.ts';
import type { RegisteredOutcome } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import type { JournalStep, Step } from '../step.ts';
import { irreversible } from '../steps/risky-steps.ts';
import { describe, undoing } from '../steps/step-kinds.ts';
import { reloading } from '../steps/unit-steps.ts';
import type { Answer } from '../transport/connect.ts';
import { durationS } from '../util/duration.ts';
import { joined } from '../util/file-content.ts';
import type { ApplyOptions, Turnstile } from './apply-options.ts';
import { inSets } from './checked-sets.ts';
import { cutOffProblem, failure } from './failure.ts';
import { obstacleLeft, obstacleMet } from './met-obstacle.ts';
import { isTogether, resourcesReadAlong } from './read-along.ts';
import { aroundReboot, enterAfterReboot, unprovenBefore } from './reboot.ts';
import type { PlayRevert } from './revert.ts';
import { armedS, proofS, Risk } from './risky-changes.ts';
import { type StepOutput, script } from './step-script.ts';

/** Seconds that the steps of one resource may take before the session counts as hanging. */
const stepsTimeoutS = 1800;
/** Bytes of input per second that a slow connection takes. The time for them is in addition to that of the steps. */
const slowestBytesPerS = 64 * 1024;

/** One apply of a play on one host, shared by the turns of all its resources. */
export interface HostApply extends Pick<ApplyOptions, 'connectedTo' | 'exclusively' | 'holder' | 'signal'> {
  risks: Map<ConnectedHost, Risk>;
  /** The restarts and reloads that answer a change, by the name of the resource that changes. */
  reactions: ReadonlyMap<string, readonly Reaction[]>;
  /** Waits before a change until fewer hosts apply the resource than it allows. Returns the problem that forbids the change. */
  enter?: Turnstile['enter'] | undefined;
  /** The changes to revert after a failure; undefined if the play reverts nothing. */
  playRevert?: PlayRevert;
}

/** The end of a resource's turn. */
export interface Turn {
  outcome: Pick<Outcome, 'status'> & Partial<Outcome>;
  /** The diff at the beginning of the turn; null = none, undefined = unknown or irrelevant. */
  found?: Diff | null;
  outputs?: readonly StepOutput[];
  /** The outcome that another host's turn registered for this resource. */
  registered?: RegisteredOutcome;
}

/** Problems after which another attempt is useless or harmful. */
const finalCodes = new Set<string>([
  'connection-lost',
  'timeout',
  'cut-off',
  'host-restarted',
  'reboot-failed',
  'locked-out',
  'lease-lost',
] satisfies ProblemCode[]);

/** Number of times that a turn begins again with fresh readings after it lost the lease. */
const mostLosses = 3;

/** Takes the turn of resource number `i`, in several attempts if the resource allows them. Never throws. */
export async function attempt(queue: readonly PlannedResource[], i: number, apply: HostApply): Promise<Turn> {
  const { resource } = queue[i]!;
  const check = resource.module.check === true;
  const attempts = check
    ? Number(resource.args.attempts ?? resource.retry.attempts)
    : resource.retry.attempts;
  const delayS =
    check && resource.args.delay !== undefined ? durationS(resource.args.delay) : resource.retry.delayS;
  let losses = 0;
  for (let tried = 1; ; tried++) {
    const turn = await once(queue, i, apply, tried > 1).catch(
      (thrown: unknown): Turn => ({ outcome: { status: 'failed', error: problemsOf(thrown)[0]! } }),
    );
    const { code = '' } = turn.outcome.error ?? {};
    if (code === 'lease-lost' && apply.holder.savedPlan === undefined && losses++ < mostLosses) {
      tried--;
      continue;
    }
    const final = finalCodes.has(code);
    if (turn.outcome.status !== 'failed' || tried >= attempts || final) return turn;
    await sleep(delayS * 1000, undefined, { signal: apply.signal }).catch(() => {});
    // An interruption ends the attempts.
    if (apply.signal.aborted) return turn;
  }
}

/** Takes one attempt; a later attempt reads everything `anew`. */
async function once(
  queue: readonly PlannedResource[],
  i: number,
  apply: HostApply,
  anew: boolean,
): Promise<Turn> {
  const connected = apply.connectedTo(queue[i]!.resource);
  if (anew) connected.forget();
  return apply.exclusively(connected, () => new ResourceTurn(queue, i, connected, apply).take());
}

/** The steps of a change, and the surrounding steps that make a revert possible. */
interface GuardedSteps {
  own: readonly Step[];
  all: readonly Step[];
  /** Whether the host reverts the change unless it can be entered afterwards. */
  risky: boolean;
}

/** The end of the script of a change. */
interface ScriptEnd {
  /** The answer of the script, or the problem if the session ended before the script. */
  end: Answer | Problem;
  outputs: readonly StepOutput[];
  /** The error of the reading that proves the change; undefined if it succeeded. */
  unread: unknown;
}

/** One attempt at a resource, in four phases: read, guard, change, prove. */
class ResourceTurn {
  readonly #queue: readonly PlannedResource[];
  readonly #index: number;
  readonly #resource: Resource;
  readonly #connected: ConnectedHost;
  readonly #apply: HostApply;
  /** All phases of a turn use the time of its reading. */
  #context!: Context;

  constructor(queue: readonly PlannedResource[], index: number, connected: ConnectedHost, apply: HostApply) {
    this.#queue = queue;
    this.#index = index;
    this.#resource = queue[index]!.resource;
    this.#connected = connected;
    this.#apply = apply;
  }

  async take(): Promise<Turn> {
    let before = await this.#read();
    if (hasWork(before) && this.#apply.enter !== undefined) {
      const error = await this.#apply.enter();
      if (error !== undefined) return { outcome: { status: 'failed', error } };
      // The wait may have been long.
      before = await this.#read();
    }
    if (before.problem !== undefined) return { outcome: { status: 'failed', error: before.problem } };
    const { work, unknown } = before;
    if (unknown !== undefined) return { outcome: { status: 'unknown', unknown }, found: null };
    if (!work) return { outcome: settled(this.#resource, before, this.#context), found: null };
    if (this.#resource.module.check)
      return { outcome: { status: 'failed', diff: work, error: unmet(this.#resource, work) } };

    const guarded = this.#guard(before, work);
    if ('code' in guarded) return { outcome: { status: 'failed', diff: work, error: guarded }, found: work };

    const change = await this.#change(guarded.all);
    const error = await this.#prove(guarded, change);
    const outcome = { diff: work, commands: shown(change.outputs) };
    return {
      outcome:
        error === undefined ? { ...outcome, status: 'changed' } : { ...outcome, status: 'failed', error },
      found: work,
      outputs: change.outputs,
    };
  }

  /** Compares the resource with valid readings. */
  async #read(): Promise<Comparison> {
    await this.#connected.ensure(this.#resource, () => resourcesReadAlong(this.#queue, this.#index));
    const context = this.#connected.context(this.#apply.holder.savedPlan?.createdS);
    this.#context = { ...context, verifying: false, name: this.#resource.name };
    return this.#compare(this.#context);
  }

  #compare(context: Context): Comparison {
    return compare(this.#resource, asRead(this.#connected.observed(this.#resource)), context);
  }

  /** Returns the steps of the change, with journal steps around them if needed; or the problem that forbids the change. */
  #guard(before: Comparison, work: Diff): GuardedSteps | Problem {
    const resource = this.#resource;
    const { playRevert, risks } = this.#apply;
    const said = resource.module.obstacles(resource.args, before.read as never, work, this.#context);
    const obstacle = blocking(said).find(({ unsure }) => !unsure);
    if (obstacle !== undefined) return blockedBy(resource, obstacle);

    const own = this.#steps(before, work);
    const risk = risks.get(this.#connected) ?? new Risk(this.#connected);
    risks.set(this.#connected, risk);
    const undo = undoing(own);
    const risky = risk.concerns(resource, own);
    // The journal of another host belongs to the play of that host.
    const isJournaled = resource.delegatedTo === undefined && playRevert !== undefined;
    playRevert?.note(resource, isJournaled && undo !== undefined);
    const stuck =
      unprovenBefore(own, risk) ??
      (risky ? irreversible({ ...resource, risky }, own, this.#connected.login) : undefined);
    if (stuck !== undefined) return blockedBy(resource, stuck);
    const journal = (into: JournalStep['into']): Step[] => (undo ? [{ do: 'journal', into, ...undo }] : []);
    const arm = (afterS: number): Step[] => (risky ? [{ do: 'arm', afterS }] : []);
    const journals = [...(isJournaled ? journal('revert') : []), ...(risky ? journal('armed') : [])];
    return { own, risky, all: [...journals, ...arm(armedS), ...own, ...arm(proofS)] };
  }

  /** Returns the module's steps. The notes of the restarts that they make necessary come first, so no cut loses them. */
  #steps(before: Comparison, work: Diff): Step[] {
    const { module, args, name } = this.#resource;
    const reactions = this.#apply.reactions.get(name) ?? [];
    return [
      ...reactions.map(({ unit, action }): Step => ({ do: 'owe', unit, action, because: name })),
      ...inSets(reloading(module.steps(work, args, before.read as never, this.#context))),
    ];
  }

  /** Runs the steps, and reads the resource again in the same round trip. Those after a reboot run in the new boot. */
  async #change(steps: readonly Step[]): Promise<ScriptEnd> {
    const [before, after] = aroundReboot(steps);
    const start = before.length > 0 ? await this.#run(before) : undefined;
    if (start && 'exit' in start.end && start.end.exit !== 0) return { ...start, unread: start.end };
    if (start) await enterAfterReboot(this.#connected, this.#resource, start);
    const running = this.#run(after);
    const reading = this.#connected
      .ensure(this.#resource, () => resourcesReadAlong(this.#queue, this.#index))
      .catch((thrown: unknown) => thrown);
    const [{ end, outputs }, unread] = await Promise.all([running, reading]);
    return { end, outputs: [...(start?.outputs ?? []), ...outputs], unread };
  }

  async #run(steps: readonly Step[]): Promise<Omit<ScriptEnd, 'unread'>> {
    const resource = this.#resource;
    const compiled = script(steps);
    const input = joined(compiled.input);
    const stepsS = resource.module.timeoutS?.(resource.args) ?? stepsTimeoutS;
    const timeoutMs = (stepsS + input.length / slowestBytesPerS) * 1000;
    const end = await this.#connected
      .change(resource, this.#apply.holder, { script: compiled.script, input, timeoutMs })
      .catch(cutOffProblem);
    return { end, outputs: 'exit' in end ? compiled.outputs(end) : [] };
  }

  /** Returns the problem of a change that failed, locks everybody out or is not as declared; undefined if it is proven. */
  async #prove(
    { own, risky }: GuardedSteps,
    { end, outputs, unread }: ScriptEnd,
  ): Promise<Problem | undefined> {
    const resource = this.#resource;
    const connected = this.#connected;
    const isBroken = 'exit' in end && end.exit !== 0;
    const locked = 'exit' in end ? leaseHeldProblem(connected.host.name, end) : undefined;
    if (locked !== undefined) return locked;
    if (risky) {
      const later = this.#queue
        .slice(this.#index + 1)
        .flatMap(item => (isTogether(item.resource, resource) ? [item.resource] : []));
      const lockedOut = await this.#apply.risks.get(connected)!.prove(resource, later, isBroken);
      if (lockedOut !== undefined) return lockedOut;
    }
    if (isBroken) {
      const left = unread === undefined ? this.#compare(this.#context) : undefined;
      const obstacle =
        (left && obstacleLeft(resource, left, this.#context)) ??
        (await obstacleMet(resource, outputs.at(-1)?.step, own, connected, this.#context));
      return { ...failure(outputs, end), ...obstacle, ...end.unsent };
    }
    if (unread !== undefined) throw unread;
    const unproven = 'exit' in end ? undefined : end;
    // The output of a script is lost with its session.
    const needsOutput =
      resource.register !== undefined || resource.module.verifies?.(resource.args) === false;
    if (unproven !== undefined && needsOutput) return unproven;
    const error = this.#verify();
    return error && (unproven ?? error);
  }

  #verify(): Problem | undefined {
    const { module, args, name } = this.#resource;
    if (module.verifies?.(args) === false) return undefined;
    const { problem, diff } = this.#compare({ ...this.#context, verifying: true });
    if (problem !== undefined) return problem;
    if (diff === null || diff === undefined) return undefined;
    const message = module.unproven?.(args) ?? `After the change ${name} is not as declared: ${lacks(diff)}.`;
    return { code: 'not-as-declared', message };
  }
}

function shown(outputs: readonly StepOutput[]): NonNullable<Outcome['commands']> {
  return outputs.map(({ step, stdout, stderr }) => ({
    command: describe(step),
    output: [stdout, stderr].filter(Boolean).join('\n'),
  }));
}

const hasWork = ({ problem, work }: Comparison): boolean => problem === undefined && Boolean(work);
