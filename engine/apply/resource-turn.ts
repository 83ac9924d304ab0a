import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../events.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import { lockedProblem } from '../hosts/host-lease.ts';
import type { Context, Diff } from '../module.ts';
import { asRead, type Comparison, compare } from '../plan/compare.ts';
import { lacks } from '../plan/diff.ts';
import { Forecast } from '../plan/forecast.ts';
import { isForRoot, obstacleTo } from '../plan/obstacles.ts';
import { first } from '../plan/outlook.ts';
import { blockedBy, mostRounds, type Plan, type PlannedResource, unmet } from '../plan/plan.ts';
import type { Reaction } from '../plan/reactions.ts';
import { viewOf } from '../plan/sight.ts';
import { type Problem, type ProblemCode, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { KeepStep, Step } from '../step.ts';
import { irreversible } from '../steps/risky-steps.ts';
import { describe, undoing } from '../steps/step-kinds.ts';
import { reloading } from '../steps/unit-steps.ts';
import { durationS } from '../util/duration.ts';
import type { ApplyOptions } from './apply-options.ts';
import { inSets } from './checked-sets.ts';
import { failure } from './failure.ts';
import type { Registered } from './register-outcome.ts';
import type { Reversal } from './revert.ts';
import { armedS, proofS, Risk } from './risky-changes.ts';
import { type StepOutput, script } from './step-script.ts';

/** Seconds that the steps of one resource may take before the session counts as hanging. */
const stepsTimeoutS = 1800;

/** What the turns of all resources share. */
export interface Run extends Pick<ApplyOptions, 'connectedTo' | 'alone' | 'holder'> {
  risks: Map<ConnectedHost, Risk>;
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
    run.connectedTo(resource).forget();
  }
}

async function inTurn(queue: readonly PlannedResource[], i: number, run: Run): Promise<Turn> {
  const connected = run.connectedTo(queue[i]!.resource);
  return run.alone(connected, () => once(queue, i, connected, run));
}

async function once(
  queue: readonly PlannedResource[],
  i: number,
  connected: ConnectedHost,
  run: Run,
): Promise<Turn> {
  const { holder } = run;
  const { resource } = queue[i]!;
  await connected.ensure(resource, window(queue, i));
  const context: Context = {
    verifying: false,
    ...connected.times(holder.plan?.createdS),
    name: resource.name,
  };
  const before = compare(resource, asRead(connected.observed(resource)), context);
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
  const risk = run.risks.get(connected) ?? new Risk(connected);
  run.risks.set(connected, risk);
  const { steps, risky, problem } = guarded(own, resource, risk, run);
  if (problem !== undefined) return { outcome: { status: 'failed', diff: found, error: problem }, found };
  const compiled = script(steps);
  const timeoutMs = (resource.module.timeoutS?.(resource.args) ?? stepsTimeoutS) * 1000;
  const running = connected
    .change(resource, holder, { script: compiled.script, input: compiled.input, timeoutMs })
    .catch(cutOff);
  const reading = connected.ensure(resource, window(queue, i)).catch((thrown: unknown) => thrown);
  const [answer, unread] = await Promise.all([running, reading]);
  const outputs = 'exit' in answer ? compiled.outputs(answer) : [];
  const commands = shown(outputs);
  const failed = (error: Problem): Turn => ({
    outcome: { status: 'failed', diff: found, commands, error },
    found,
    outputs,
  });
  const broken = 'exit' in answer ? answer.exit !== 0 : false;
  const locked = 'exit' in answer ? lockedProblem(connected.host.name, answer) : undefined;
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
      (unread === undefined ? obstacleLeft(resource, connected, context) : undefined) ??
      (await obstacleMet(resource, outputs.at(-1)?.step, own, connected, context));
    return failed(why === undefined ? told : { ...told, ...why });
  }
  if (unread !== undefined) throw unread;
  const unproven = 'exit' in answer ? undefined : answer;
  // What it printed is lost with it, so that nobody may be told a word of it.
  const untold = resource.register !== undefined || resource.module.verifies?.(resource.args) === false;
  if (unproven !== undefined && untold) return failed(unproven);
  const error = verify(resource, connected, context);
  if (error !== undefined) return failed(unproven ?? error);
  return { outcome: { status: 'changed', diff: found, commands }, found, outputs };
}

/** What keeps a resource from being as declared that only its own steps could bring to light, such as fresh package lists. */
function obstacleLeft(resource: Resource, connected: ConnectedHost, context: Context): Problem | undefined {
  const { work, read } = compare(resource, asRead(connected.observed(resource)), context);
  const [obstacle] = work ? resource.module.obstacles(resource.args, read as never, work) : [];
  return obstacle && blockedBy(resource, obstacle);
}

/**
 * What keeps a step that has failed from working, as far as that can be read: a missing folder, account, program or right
 * that a plan could not be sure of.
 */
async function obstacleMet(
  resource: Resource,
  step: Step | undefined,
  all: readonly Step[],
  connected: ConnectedHost,
  times: Context,
): Promise<Problem | undefined> {
  if (step === undefined) return undefined;
  for (let rounds = 0; rounds < mostRounds; rounds++) {
    const unread: Plan['unread'] = [];
    const observed = connected.observed(resource);
    const sight = { observed, times, forecast: new Forecast(), login: connected.login };
    const view = viewOf(resource, sight, probe => unread.push({ resource, probe }));
    const obstacle = first([step, ...all.filter(isForRoot)], one => obstacleTo(one, view));
    if (unread.length === 0) return obstacle && blockedBy(resource, obstacle);
    await connected.readProbes(unread);
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

function verify(resource: Resource, connected: ConnectedHost, context: Context): Problem | undefined {
  if (resource.module.verifies?.(resource.args) === false) return undefined;
  const after = compare(resource, asRead(connected.observed(resource)), { ...context, verifying: true });
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
