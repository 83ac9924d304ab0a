import { setTimeout as sleep } from 'node:timers/promises';
import { durationS } from '../duration.ts';
import type { Emit, Outcome } from '../events.ts';
import type { Context, Diff } from '../module.ts';
import { sameDiff } from '../plan/diff.ts';
import {
  type Comparison,
  compare,
  type PlannedResource,
  predicted,
  reactionsOf,
  unmet,
} from '../plan/plan.ts';
import { type Problem, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';
import type { Visit } from '../visit.ts';
import { failure } from './failure.ts';
import { type Holder, lockedProblem } from './lease.ts';
import { describe, type StepOutput, script } from './script.ts';

/** Seconds that the steps of one resource may take before the session counts as hanging. */
const stepsTimeoutS = 1800;

/** What a resource left for the expressions of later ones. */
export interface Registered {
  changed: boolean;
  failed: boolean;
  skipped: boolean;
  stdout: string;
  stderr: string;
  exit: number | null;
}

export interface ApplyOptions {
  host: string;
  play: string;
  planned: readonly PlannedResource[];
  visit: Visit;
  holder: Holder;
  emit: Emit;
  signal: AbortSignal;
  /** Gives the resources anew once a registered outcome is known. */
  resolve(registered: Readonly<Record<string, Registered>>): Resource[];
}

/**
 * Brings one host to what its plan shows, a resource at a time. Each is read again at its turn, together with the
 * proof of the change before it: one round trip a changed resource, none for those that nothing can have touched.
 */
export async function apply(options: ApplyOptions): Promise<Outcome[]> {
  const { host, play, visit, holder, emit, signal } = options;
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
      turn = await attempt(queue, i, visit, holder);
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
    const refused = outcome.error?.code === 'locked';
    if (outcome.status === 'failed' && (resource.onFailure === 'stop' || refused)) stopped = resource.name;
    if (resource.register !== undefined) {
      registered[resource.register] = register(outcome, turn.outputs);
      queue = [...queue.slice(0, i + 1), ...renewed(queue, i, options.resolve(registered))];
    }
  }
  return outcomes;
}

/** What came of a resource's turn; `found` is the difference that was there when it began. */
interface Turn {
  outcome: Pick<Outcome, 'status'> & Partial<Outcome>;
  found?: Diff | null;
  outputs?: readonly StepOutput[];
}

async function attempt(
  queue: readonly PlannedResource[],
  i: number,
  visit: Visit,
  holder: Holder,
): Promise<Turn> {
  const { resource } = queue[i]!;
  const check = resource.module.check === true;
  const attempts = check
    ? Number(resource.args.attempts ?? resource.retry.attempts)
    : resource.retry.attempts;
  const delayS =
    check && resource.args.delay !== undefined ? durationS(resource.args.delay) : resource.retry.delayS;
  for (let tried = 1; ; tried++) {
    const turn = await once(queue, i, visit, holder).catch(
      (thrown: unknown): Turn => ({ outcome: { status: 'failed', error: problemsOf(thrown)[0]! } }),
    );
    const lost = turn.outcome.error?.code === 'connection-lost' || turn.outcome.error?.code === 'timeout';
    if (turn.outcome.status !== 'failed' || tried >= attempts || lost) return turn;
    await sleep(delayS * 1000);
    visit.forget();
  }
}

async function once(
  queue: readonly PlannedResource[],
  i: number,
  visit: Visit,
  holder: Holder,
): Promise<Turn> {
  const { resource } = queue[i]!;
  await visit.ensure(resource, window(queue, i));
  const context: Context = { verifying: false, nowS: Math.floor(Date.now() / 1000), name: resource.name };
  const before = compare(resource, visit.observed(resource), context);
  const found = before.diff;
  if (before.problem !== undefined) return { outcome: { status: 'failed', error: before.problem } };
  if (found === null) return { outcome: { status: 'unchanged' }, found };
  if (resource.module.check) return { outcome: { status: 'failed', diff: found, error: unmet(resource) } };

  const steps = stepsOf(queue, resource, before, context);
  const compiled = script(steps);
  const timeoutMs = (resource.module.timeoutS?.(resource.args) ?? stepsTimeoutS) * 1000;
  const running = visit.change(resource, holder, {
    script: compiled.script,
    input: compiled.input,
    timeoutMs,
  });
  const reading = visit.ensure(resource, window(queue, i));
  const [answer] = await Promise.all([running, reading.catch(() => undefined)]);
  const outputs = compiled.outputs(answer);
  const commands = shown(outputs);
  if (answer.exit !== 0) {
    const error = lockedProblem(visit.host.name, answer) ?? failure(outputs, answer);
    return { outcome: { status: 'failed', diff: found, commands, error }, found, outputs };
  }
  await reading;
  const error = verify(resource, visit, context);
  return {
    outcome: { status: error ? 'failed' : 'changed', diff: found, commands, ...(error && { error }) },
    found,
    outputs,
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
    ...resource.module.steps(before.diff!, resource.args, before.read as never, context),
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
  const words = after.diff.changes.map(
    ({ key, before, after: wanted }) => `${key} is ${said(before)}, not ${said(wanted)}`,
  );
  return {
    code: 'not-as-declared',
    message: `After the change ${resource.name} is not as declared: ${words.join('; ')}.`,
  };
}

function said(value: unknown): string {
  if (value === undefined || value === null) return 'absent';
  if (typeof value === 'object' && 'sha256' in value) return 'another text';
  return Array.isArray(value) ? value.join(', ') || 'empty' : String(value);
}

function deviates({ outcome, resource }: PlannedResource, found: Diff | null): boolean {
  if (resource.incomplete || outcome.diff === null)
    return outcome.status === 'unchanged' && found !== null && !resource.module.check;
  return !sameDiff(outcome.diff, found);
}

function shown(outputs: readonly StepOutput[]): NonNullable<Outcome['commands']> {
  return outputs.map(({ step, stdout, stderr }) => ({
    command: describe(step),
    output: [stdout, stderr].filter(Boolean).join('\n'),
  }));
}

/** What a resource leaves for later expressions; words and exit code are those of the last command it ran. */
function register(outcome: Outcome, outputs: readonly StepOutput[] = []): Registered {
  const last = outputs.findLast(({ step }) => step.do === 'run' || step.do === 'sql');
  return {
    changed: outcome.status === 'changed',
    failed: outcome.status === 'failed',
    skipped: outcome.status === 'skipped',
    stdout: last?.stdout ?? '',
    stderr: last?.stderr ?? '',
    exit: last?.exit ?? null,
  };
}

/** What follows number `i`, as it resolves now; a resource that was not known before was only a prediction. */
function renewed(
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
