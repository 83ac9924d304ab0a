import { setTimeout as sleep } from 'node:timers/promises';
import { durationS } from '../duration.ts';
import type { Emit, Outcome } from '../events.ts';
import type { Context, Diff } from '../module.ts';
import { lacks } from '../plan/diff.ts';
import { reactionsOf } from '../plan/foresight.ts';
import { type Comparison, compare, type PlannedResource, unmet } from '../plan/plan.ts';
import { type Problem, type ProblemCode, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { KeepStep, Step } from '../step.ts';
import type { Visit } from '../visit.ts';
import { deviates, strayed } from './deviation.ts';
import { failure } from './failure.ts';
import { undoing } from './journal.ts';
import { type Holder, lockedProblem } from './lease.ts';
import { type Registered, register, renewed } from './registered.ts';
import { Reversal, type Reverted } from './revert.ts';
import { armedS, proofS, Risk } from './risky.ts';
import { describe, type StepOutput, script } from './script.ts';
import { inSets } from './sets.ts';

/** Seconds that the steps of one resource may take before the session counts as hanging. */
const stepsTimeoutS = 1800;

/** Problems that end the work on a host whatever the resource says. */
const refusals = new Set<string>(['locked', 'plan-applied', 'deviation'] satisfies ProblemCode[]);

export interface ApplyOptions {
  host: string;
  play: string;
  planned: readonly PlannedResource[];
  visit: Visit;
  holder: Holder;
  emit: Emit;
  signal: AbortSignal;
  /** Whether what changed is put back when something fails. */
  revert: boolean;
  /** Gives the resources anew once a registered outcome is known. */
  resolve(registered: Readonly<Record<string, Registered>>): Resource[];
}

/** What an apply came to on one host. */
export interface Applied {
  outcomes: Outcome[];
  /** What was put back because something failed; undefined = nothing was. */
  reverted?: Reverted;
  /** What went wrong beside the resources. */
  problems: Problem[];
}

/** What the turns of all resources share. */
interface Run {
  visit: Visit;
  holder: Holder;
  risk: Risk;
  /** Given when what changed is put back after a failure. */
  reversal?: Reversal;
}

/**
 * Brings one host to what its plan shows, a resource at a time. Each is read again at its turn, together with the
 * proof of the change before it: one round trip a changed resource, none for those that nothing can have touched.
 */
export async function apply(options: ApplyOptions): Promise<Applied> {
  const { host, play, visit, holder, emit, signal } = options;
  const run: Run = {
    visit,
    holder,
    risk: new Risk(visit),
    ...(options.revert && { reversal: new Reversal() }),
  };
  let queue = [...options.planned];
  const outcomes: Outcome[] = [];
  const unmetNeeds = new Set<string>();
  const registered: Record<string, Registered> = {};
  let stopped: string | undefined;

  for (let i = 0; i < queue.length; i++) {
    const item = queue[i]!;
    const { resource } = item;
    const blocker = signal.aborted
      ? 'the interruption'
      : (stopped ?? resource.needs.find(name => unmetNeeds.has(name)));
    const startedMs = Date.now();
    let turn: Turn;
    if (resource.when === false) turn = { outcome: { status: 'skipped', skipped: 'when' } };
    else if (blocker !== undefined) turn = { outcome: { status: 'skipped', skipped: blocker } };
    else {
      emit({ event: 'resource_started', host, play, name: resource.name, index: i, of: queue.length });
      const { plan } = holder;
      turn =
        (plan && (await strayed(item, window(queue, i), visit, plan.createdS))) ??
        (await attempt(queue, i, run));
    }
    const outcome: Outcome = {
      ...item.outcome,
      diff: null,
      ...turn.outcome,
      durationMs: Date.now() - startedMs,
    };
    if (turn.found !== undefined && deviates(item, turn.found))
      outcome.deviation = { planned: item.outcome.diff };
    if (outcome.error !== undefined)
      outcome.error = { at: resource.at, resource: resource.name, ...outcome.error, host };
    outcomes.push(outcome);
    emit({ event: 'resource', host, play, ...outcome });

    if (outcome.status === 'failed' || (outcome.status === 'skipped' && outcome.skipped !== 'when'))
      unmetNeeds.add(resource.name);
    const refused = refusals.has(outcome.error?.code ?? '');
    if (outcome.status === 'failed' && (resource.onFailure === 'stop' || refused)) stopped = resource.name;
    if (resource.register !== undefined) {
      registered[resource.register] = register(outcome, turn.outputs, resource.register);
      queue = [...queue.slice(0, i + 1), ...renewed(queue, i, options.resolve(registered))];
    }
  }
  const unproven = await run.risk.finish();
  const named = (status: Outcome['status']) =>
    new Set(outcomes.filter(outcome => outcome.status === status).map(({ name }) => name));
  const failed = named('failed').size > 0 && !signal.aborted;
  const reverted = failed ? await run.reversal?.revert(visit, holder, named('changed')) : undefined;
  return { outcomes, ...(reverted && { reverted }), problems: unproven === undefined ? [] : [unproven] };
}

/** What came of a resource's turn; `found` is the difference that was there when it began. */
interface Turn {
  outcome: Pick<Outcome, 'status'> & Partial<Outcome>;
  found?: Diff | null;
  outputs?: readonly StepOutput[];
}

/** Failures that another attempt would not make good, or would make worse. */
const finalCodes = new Set<string>([
  'connection-lost',
  'timeout',
  'cut-off',
  'host-restarted',
  'locked-out',
] satisfies ProblemCode[]);

async function attempt(queue: readonly PlannedResource[], i: number, run: Run): Promise<Turn> {
  const { resource } = queue[i]!;
  const check = resource.module.check === true;
  const attempts = check
    ? Number(resource.args.attempts ?? resource.retry.attempts)
    : resource.retry.attempts;
  const delayS =
    check && resource.args.delay !== undefined ? durationS(resource.args.delay) : resource.retry.delayS;
  for (let tried = 1; ; tried++) {
    const turn = await once(queue, i, run).catch(
      (thrown: unknown): Turn => ({ outcome: { status: 'failed', error: problemsOf(thrown)[0]! } }),
    );
    const final = finalCodes.has(turn.outcome.error?.code ?? '');
    if (turn.outcome.status !== 'failed' || tried >= attempts || final) return turn;
    await sleep(delayS * 1000);
    run.visit.forget();
  }
}

async function once(queue: readonly PlannedResource[], i: number, run: Run): Promise<Turn> {
  const { visit, holder } = run;
  const { resource } = queue[i]!;
  await visit.ensure(resource, window(queue, i));
  const context: Context = {
    verifying: false,
    ...visit.times(holder.plan?.createdS),
    name: resource.name,
  };
  const before = compare(resource, visit.observed(resource), context);
  const found = before.diff;
  if (before.problem !== undefined) return { outcome: { status: 'failed', error: before.problem } };
  if (found === null) return { outcome: { status: 'unchanged' }, found };
  if (resource.module.check)
    return { outcome: { status: 'failed', diff: found, error: unmet(resource, found) } };

  const own = stepsOf(queue, resource, before, context);
  const { steps, risky, problem } = guarded(own, resource, run);
  if (problem !== undefined) return { outcome: { status: 'failed', diff: found, error: problem }, found };
  const compiled = script(steps);
  const timeoutMs = (resource.module.timeoutS?.(resource.args) ?? stepsTimeoutS) * 1000;
  const running = visit
    .change(resource, holder, { script: compiled.script, input: compiled.input, timeoutMs })
    .catch(cutOff);
  const reading = visit.ensure(resource, window(queue, i)).catch((thrown: unknown) => thrown);
  const [answer, unread] = await Promise.all([running, reading]);
  const outputs = 'exit' in answer ? compiled.outputs(answer) : [];
  const commands = shown(outputs);
  const failed = (error: Problem): Turn => ({
    outcome: { status: 'failed', diff: found, commands, error },
    found,
    outputs,
  });
  const broken = 'exit' in answer ? answer.exit !== 0 : false;
  const locked = 'exit' in answer ? lockedProblem(visit.host.name, answer) : undefined;
  if (locked !== undefined) return failed(locked);
  if (risky) {
    const later = queue.slice(i + 1).map(item => item.resource);
    const obstacle = await run.risk.settle(resource, later, broken);
    if (obstacle !== undefined) return failed(obstacle);
  }
  if ('exit' in answer && broken) return failed(failure(outputs, answer));
  if (unread !== undefined) throw unread;
  const unproven = 'exit' in answer ? undefined : answer;
  // What it printed is lost with it, so that nobody may be told a word of it.
  const untold = resource.register !== undefined || resource.module.verifies?.(resource.args) === false;
  if (unproven !== undefined && untold) return failed(unproven);
  const error = verify(resource, visit, context);
  if (error !== undefined) return failed(unproven ?? error);
  return { outcome: { status: 'changed', diff: found, commands }, found, outputs };
}

/** A change that did not come to its end is no failure yet: what it left is read. */
function cutOff(thrown: unknown): Problem {
  const problem = thrown instanceof ProblemError ? thrown.problems[0] : undefined;
  if (problem?.code === 'cut-off' || problem?.code === 'host-restarted') return problem;
  throw thrown;
}

/** The steps with those in front of them that keep what they change, for what may have to be put back. */
function guarded(
  own: readonly Step[],
  resource: Resource,
  { risk, reversal }: Run,
): { steps: readonly Step[]; risky: boolean; problem?: Problem } {
  const undo = undoing(own);
  const risky = risk.concerns(resource, own);
  reversal?.note(resource, undo !== undefined);
  if (risky && undo === undefined) return { steps: own, risky, problem: irreversible(resource) };
  const keep = (journal: KeepStep['journal']): Step[] => (undo ? [{ do: 'keep', journal, ...undo }] : []);
  const steps = [...(reversal ? keep('revert') : []), ...(risky ? keep('armed') : [])];
  const arm = (afterS: number): Step[] => (risky ? [{ do: 'arm', afterS }] : []);
  return { steps: [...steps, ...arm(armedS), ...own, ...arm(proofS)], risky };
}

function irreversible({ name, module }: Resource): Problem {
  return {
    code: 'irreversible',
    message: `${name} is risky, but what ${module.name} does here cannot be put back by the host itself.`,
    hint: 'If nobody can be locked out by it, say so with risky: false.',
  };
}

/** A note for everybody who answers this change comes first, so that a cut cannot lose it. */
function stepsOf(
  queue: readonly PlannedResource[],
  resource: Resource,
  before: Comparison,
  context: Context,
): Step[] {
  const reactions = reactionsOf(queue.map(item => item.resource)).get(resource.name) ?? [];
  return [
    ...reactions.map(({ unit, action }): Step => ({ do: 'owe', unit, action, because: resource.name })),
    ...inSets(resource.module.steps(before.diff!, resource.args, before.read as never, context)),
  ];
}

/** The resources to read along with number `i`, by the same shell: up to the next one that has something to do. */
function window(queue: readonly PlannedResource[], i: number): Resource[] {
  const account = JSON.stringify(queue[i]!.resource.become);
  const next = queue.findIndex(
    ({ outcome }, at) => at > i && outcome.status !== 'unchanged' && outcome.status !== 'skipped',
  );
  return queue
    .slice(i, next < 0 ? undefined : next + 1)
    .map(({ resource }) => resource)
    .filter(resource => JSON.stringify(resource.become) === account);
}

function verify(resource: Resource, visit: Visit, context: Context): Problem | undefined {
  if (resource.module.verifies?.(resource.args) === false) return undefined;
  const after = compare(resource, visit.observed(resource), { ...context, verifying: true });
  if (after.problem !== undefined) return after.problem;
  if (after.diff === null) return undefined;
  return {
    code: 'not-as-declared',
    message: `After the change ${resource.name} is not as declared: ${lacks(after.diff)}.`,
  };
}

function shown(outputs: readonly StepOutput[]): NonNullable<Outcome['commands']> {
  return outputs.map(({ step, stdout, stderr }) => ({
    command: describe(step),
    output: [stdout, stderr].filter(Boolean).join('\n'),
  }));
}
