import { setTimeout as sleep } from 'node:timers/promises';
import { durationS } from '../duration.ts';
import type { Outcome } from '../events.ts';
import type { Context, Diff } from '../module.ts';
import { asRead, type Comparison, compare } from '../plan/compare.ts';
import { lacks } from '../plan/diff.ts';
import { Forecast } from '../plan/forecast.ts';
import { obstacleTo } from '../plan/obstacles.ts';
import { blockedBy, mostRounds, type Plan, type PlannedResource, unmet } from '../plan/plan.ts';
import type { Reaction } from '../plan/reactions.ts';
import { viewOf } from '../plan/sight.ts';
import { type Problem, type ProblemCode, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { KeepStep, Step } from '../step.ts';
import { describe, undoing } from '../steps/kinds.ts';
import { irreversible } from '../steps/risky.ts';
import { reloading } from '../steps/units.ts';
import type { Visit } from '../visit.ts';
import type { ApplyOptions } from './apply.ts';
import { failure } from './failure.ts';
import { lockedProblem } from './lease.ts';
import type { Registered } from './registered.ts';
import type { Reversal } from './revert.ts';
import { armedS, proofS, Risk } from './risky.ts';
import { type StepOutput, script } from './script.ts';
import { inSets } from './sets.ts';

/** Seconds that the steps of one resource may take before the session counts as hanging. */
const stepsTimeoutS = 1800;

/** What the turns of all resources share. */
export interface Run extends Pick<ApplyOptions, 'visitOf' | 'alone' | 'holder'> {
  risks: Map<Visit, Risk>;
  /** What answers a change, by the name of the resource that changes. */
  reactions: ReadonlyMap<string, readonly Reaction[]>;
  /** Given when what changed is put back after a failure. */
  reversal?: Reversal;
}

/** What came of a resource's turn; `found` is the difference that was there when it began. */
export interface Turn {
  outcome: Pick<Outcome, 'status'> & Partial<Outcome>;
  found?: Diff | null;
  outputs?: readonly StepOutput[];
  /** What another host's turn has left, in the place of one's own. */
  registered?: Registered;
}

/** Failures that another attempt would not make good, or would make worse. */
const finalCodes = new Set<string>([
  'connection-lost',
  'timeout',
  'cut-off',
  'host-restarted',
  'locked-out',
  'lease-lost',
] satisfies ProblemCode[]);

/** How often a resource begins anew, with everything read again, because the lease was lost. */
const mostLosses = 3;

/** Does a resource, as often as it may be tried. */
export async function attempt(queue: readonly PlannedResource[], i: number, run: Run): Promise<Turn> {
  const { resource } = queue[i]!;
  const check = resource.module.check === true;
  const attempts = check
    ? Number(resource.args.attempts ?? resource.retry.attempts)
    : resource.retry.attempts;
  const delayS =
    check && resource.args.delay !== undefined ? durationS(resource.args.delay) : resource.retry.delayS;
  let losses = 0;
  for (let tried = 1; ; tried++) {
    const turn = await inTurn(queue, i, run).catch(
      (thrown: unknown): Turn => ({ outcome: { status: 'failed', error: problemsOf(thrown)[0]! } }),
    );
    const { code = '' } = turn.outcome.error ?? {};
    if (code === 'lease-lost' && run.holder.plan === undefined && losses++ < mostLosses) {
      tried--;
      continue;
    }
    const final = finalCodes.has(code);
    if (turn.outcome.status !== 'failed' || tried >= attempts || final) return turn;
    await sleep(delayS * 1000);
    run.visitOf(resource).forget();
  }
}

async function inTurn(queue: readonly PlannedResource[], i: number, run: Run): Promise<Turn> {
  const visit = run.visitOf(queue[i]!.resource);
  return run.alone(visit, () => once(queue, i, visit, run));
}

async function once(queue: readonly PlannedResource[], i: number, visit: Visit, run: Run): Promise<Turn> {
  const { holder } = run;
  const { resource } = queue[i]!;
  await visit.ensure(resource, window(queue, i));
  const context: Context = {
    verifying: false,
    ...visit.times(holder.plan?.createdS),
    name: resource.name,
  };
  const before = compare(resource, asRead(visit.observed(resource)), context);
  const found = before.work ?? null;
  if (before.problem !== undefined) return { outcome: { status: 'failed', error: before.problem } };
  if (found === null) return { outcome: { status: 'unchanged' }, found };
  if (resource.module.check)
    return { outcome: { status: 'failed', diff: found, error: unmet(resource, found) } };

  const obstacle = resource.module
    .obstacles(resource.args, before.read as never, found)
    .find(({ unsure }) => !unsure);
  if (obstacle !== undefined)
    return { outcome: { status: 'failed', diff: found, error: blockedBy(resource, obstacle) }, found };
  const own = stepsOf(resource, before, context, run.reactions.get(resource.name));
  const risk = run.risks.get(visit) ?? new Risk(visit);
  run.risks.set(visit, risk);
  const { steps, risky, problem } = guarded(own, resource, risk, run);
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
    const later = queue
      .slice(i + 1)
      .flatMap(item => (isTogether(item.resource, resource) ? [item.resource] : []));
    const lockedOut = await risk.settle(resource, later, broken);
    if (lockedOut !== undefined) return failed(lockedOut);
  }
  if ('exit' in answer && broken) {
    const told = failure(outputs, answer);
    const why =
      (unread === undefined ? obstacleLeft(resource, visit, context) : undefined) ??
      (await obstacleMet(resource, outputs.at(-1)?.step, visit, context));
    return failed(why === undefined ? told : { ...told, ...why });
  }
  if (unread !== undefined) throw unread;
  const unproven = 'exit' in answer ? undefined : answer;
  // What it printed is lost with it, so that nobody may be told a word of it.
  const untold = resource.register !== undefined || resource.module.verifies?.(resource.args) === false;
  if (unproven !== undefined && untold) return failed(unproven);
  const error = verify(resource, visit, context);
  if (error !== undefined) return failed(unproven ?? error);
  return { outcome: { status: 'changed', diff: found, commands }, found, outputs };
}

/** What keeps a resource from being as declared that only its own steps could bring to light, such as fresh package lists. */
function obstacleLeft(resource: Resource, visit: Visit, context: Context): Problem | undefined {
  const { work, read } = compare(resource, asRead(visit.observed(resource)), context);
  const [obstacle] = work ? resource.module.obstacles(resource.args, read as never, work) : [];
  return obstacle && blockedBy(resource, obstacle);
}

/**
 * What keeps a step that has failed from working, as far as that can be read: a missing folder, account or program
 * that a plan could not be sure of.
 */
async function obstacleMet(
  resource: Resource,
  step: Step | undefined,
  visit: Visit,
  times: Context,
): Promise<Problem | undefined> {
  if (step === undefined) return undefined;
  for (let rounds = 0; rounds < mostRounds; rounds++) {
    const unread: Plan['unread'] = [];
    const observed = visit.observed(resource);
    const sight = { observed, times, forecast: new Forecast(), login: visit.login };
    const obstacle = obstacleTo(
      step,
      viewOf(resource, sight, probe => unread.push({ resource, probe })),
    );
    if (unread.length === 0) return obstacle && !obstacle.unsure ? blockedBy(resource, obstacle) : undefined;
    await visit.readProbes(unread);
  }
  return undefined;
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
  risk: Risk,
  { reversal }: Run,
): { steps: readonly Step[]; risky: boolean; problem?: Problem } {
  const undo = undoing(own);
  const risky = risk.concerns(resource, own);
  // The journal of another host is that of its own play.
  const kept = resource.on === undefined && reversal !== undefined;
  reversal?.note(resource, kept && undo !== undefined);
  const stuck = risky ? irreversible({ ...resource, risky }, own) : undefined;
  if (stuck !== undefined) return { steps: own, risky, problem: blockedBy(resource, stuck) };
  const keep = (journal: KeepStep['journal']): Step[] => (undo ? [{ do: 'keep', journal, ...undo }] : []);
  const steps = [...(kept ? keep('revert') : []), ...(risky ? keep('armed') : [])];
  const arm = (afterS: number): Step[] => (risky ? [{ do: 'arm', afterS }] : []);
  return { steps: [...steps, ...arm(armedS), ...own, ...arm(proofS)], risky };
}

/** A note for everybody who answers this change comes first, so that a cut cannot lose it. */
function stepsOf(
  resource: Resource,
  before: Comparison<unknown>,
  context: Context,
  reactions: readonly Reaction[] = [],
): Step[] {
  return [
    ...reactions.map(({ unit, action }): Step => ({ do: 'owe', unit, action, because: resource.name })),
    ...inSets(reloading(resource.module.steps(before.work!, resource.args, before.read as never, context))),
  ];
}

/** The resources to read along with number `i`, by the same shell: up to the next one that has something to do. */
export function window(queue: readonly PlannedResource[], i: number): Resource[] {
  const { resource: own } = queue[i]!;
  const next = queue.findIndex(
    ({ outcome }, at) => at > i && outcome.status !== 'unchanged' && outcome.status !== 'skipped',
  );
  return queue
    .slice(i, next < 0 ? undefined : next + 1)
    .map(({ resource }) => resource)
    .filter(resource => isTogether(resource, own));
}

/** Whether two resources are done by the same account of the same host. */
function isTogether(a: Resource, b: Resource): boolean {
  return a.on?.name === b.on?.name && JSON.stringify(a.become) === JSON.stringify(b.become);
}

function verify(resource: Resource, visit: Visit, context: Context): Problem | undefined {
  if (resource.module.verifies?.(resource.args) === false) return undefined;
  const after = compare(resource, asRead(visit.observed(resource)), { ...context, verifying: true });
  if (after.problem !== undefined) return after.problem;
  if (after.diff === null) return undefined;
  return {
    code: 'not-as-declared',
    message:
      resource.module.unproven?.(resource.args) ??
      `After the change ${resource.name} is not as declared: ${lacks(after.diff)}.`,
  };
}

function shown(outputs: readonly StepOutput[]): NonNullable<Outcome['commands']> {
  return outputs.map(({ step, stdout, stderr }) => ({
    command: describe(step),
    output: [stdout, stderr].filter(Boolean).join('\n'),
  }));
}
