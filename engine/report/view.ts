import type { BatchNames, Deviation, Event, HostResult, Outcome, Status } from '../events.ts';
import type { Lease } from '../lease.ts';
import type { Change, PlannedDiff, StateValue } from '../module.ts';
import { isText } from '../module-kit/state-text.ts';
import type { Place, Problem, Warning } from '../problem.ts';
import type { Redactor } from '../secrets/redaction.ts';
import { asTyped } from '../util/own-command.ts';
import { diffTexts, type TextDiff } from './text-diff.ts';
import { visible, visibleKeepingTabs, visibleLines, withoutEscapes } from './visible.ts';

/** A value of a state for output. A text has a `TextDiff` instead. */
export type ValueView = string | number | boolean | null | string[];

/** One differing key. A missing side does not exist. A change of a text has `text` instead of sides. */
export interface ChangeView {
  key: string;
  before?: ValueView;
  after?: ValueView;
  notes?: Record<string, string>;
  text?: TextDiff;
}

export interface DiffView {
  kind: PlannedDiff['kind'];
  changes: ChangeView[];
}

export interface CommandView {
  command: string;
  output: string;
}

/** An `Outcome` for output. */
export interface ResourceView {
  name: string;
  module: string;
  delegated_to?: string;
  status: Status;
  diff: DiffView | null;
  predicted_from: string[];
  open?: boolean;
  runs?: boolean;
  idle?: string;
  doubt?: string;
  warning?: string;
  deviation: { planned: DiffView | null; suspect?: string } | null;
  duration_ms: number;
  error: Problem | null;
  skipped?: string;
  unknown?: string;
  commands?: CommandView[];
}

/**
 * An event for reporters and `--json`: plain data, with masked secrets and visible control characters. `resource_started`
 * is only for live progress and is not printed.
 */
export type EventView = { time: string; run: string } & (
  | {
      event: 'run_started';
      playbook: string;
      play: string;
      check: boolean;
      hosts: string[];
      batches?: string[][];
    }
  | ({ event: 'batch_started' } & BatchNames)
  | ({ event: 'batch_finished'; failed: readonly string[] } & BatchNames)
  | ({ event: 'batch_pause'; seconds: number } & BatchNames)
  | { event: 'run_stopped'; play: string; why: string; hosts: readonly string[]; plays: readonly string[] }
  | { event: 'host_connected'; host: string; play: string; account: string }
  | { event: 'host_waits'; host: string; play: string; lease: Lease }
  | {
      event: 'host_plan';
      host: string;
      play: string;
      resources: ResourceView[];
      lease?: Lease;
      skew_s?: number;
    }
  | { event: 'resource_started'; host: string; play: string; name: string; index: number; of: number }
  | ({ event: 'resource'; host: string; play: string } & ResourceView)
  | { event: 'host_reconnected'; host: string; play: string; why: string }
  | { event: 'host_reverted'; host: string; play: string; restored: string[]; kept: string[] }
  | { event: 'host_finished'; host: string; result: HostResult; problems: Problem[] }
  | {
      event: 'run_finished';
      hosts: Record<string, HostResult>;
      exit_code: number;
      check: boolean;
      duration_ms: number;
    }
);

const causeCharacters = 8000;

/** Returns an event for output. All output of events comes from here. */
export function view(event: Event, redactor: Redactor): EventView {
  const show = showing(redactor);
  switch (event.event) {
    case 'run_started': {
      const { batches, ...rest } = event;
      return {
        ...rest,
        playbook: show.line(event.playbook),
        play: show.line(event.play),
        hosts: [...event.hosts],
        ...(batches && { batches: batches.map(batch => [...batch]) }),
      };
    }
    case 'batch_started':
    case 'batch_finished':
    case 'batch_pause':
      return { ...event, play: show.line(event.play) };
    case 'run_stopped':
      return {
        ...event,
        play: show.line(event.play),
        why: show.line(event.why),
        plays: event.plays.map(show.line),
      };
    case 'host_connected':
      return { ...event, play: show.line(event.play), account: show.line(event.account) };
    case 'host_waits':
      return { ...event, play: show.line(event.play), lease: show.lease(event.lease) };
    case 'host_plan': {
      const { skewS, ...rest } = event;
      return {
        ...rest,
        ...(skewS !== undefined && { skew_s: skewS }),
        play: show.line(event.play),
        resources: event.resources.map(outcome => outcomeView(outcome, redactor)),
        ...(event.lease && { lease: show.lease(event.lease) }),
      };
    }
    case 'resource_started':
      return { ...event, play: show.line(event.play), name: show.line(event.name) };
    case 'resource': {
      const { time, run, host, play } = event;
      return { time, run, event: 'resource', host, play: show.line(play), ...outcomeView(event, redactor) };
    }
    case 'host_reconnected':
      return { ...event, play: show.line(event.play), why: show.line(event.why) };
    case 'host_reverted':
      return {
        ...event,
        play: show.line(event.play),
        restored: event.restored.map(show.line),
        kept: event.kept.map(show.line),
      };
    case 'host_finished':
      return { ...event, result: { ...event.result }, problems: event.problems.map(show.problem) };
    case 'run_finished': {
      const { durationMs, ...rest } = event;
      return { ...rest, hosts: { ...event.hosts }, duration_ms: Math.round(durationMs) };
    }
  }
}

/** Returns a problem for output, for problems that end the program before any event. */
export function problemView<P extends Problem | Warning>(problem: P, redactor: Redactor): P {
  return { ...problem, ...showing(redactor).problem(problem) };
}

/** Returns a text for the terminal that is not part of an event. */
export function textView(text: string, redactor: Redactor): string {
  return showing(redactor).lines(text);
}

/** Returns such a text on one line. */
export function lineView(text: string, redactor: Redactor): string {
  return showing(redactor).line(text);
}

function outcomeView(outcome: Outcome, redactor: Redactor): ResourceView {
  return showing(redactor.with(outcome.secrets)).outcome(outcome);
}

function showing(redactor: Redactor) {
  const mask = (text: string) => redactor.mask(text);
  /** Masks twice, because escape sequences could split a secret. */
  const printed = (text: string) => {
    const stripped = withoutEscapes(mask(text));
    return stripped === text ? text : mask(stripped);
  };
  const line = (text: string) => visible(mask(text));
  const lines = (text: string) => visibleLines(printed(text));

  const value = (raw: StateValue): ValueView => {
    if (typeof raw === 'string') return line(raw);
    if (Array.isArray(raw)) return raw.map(line);
    return raw as number | boolean | null;
  };

  const change = (raw: Change, secrets: boolean): ChangeView => {
    const { key, before, after, notes } = raw;
    if (isText(before) || isText(after)) {
      const text = diffTexts(isText(before) ? before : undefined, isText(after) ? after : undefined);
      const masked = text.lines.map(mask);
      const shown = (secrets ? hideOld(masked) : masked).map(visibleKeepingTabs);
      return { key: line(key), text: { summary: text.summary, lines: shown } };
    }
    const shown: ChangeView = { key: line(key) };
    if (before !== undefined) shown.before = value(before);
    if (after !== undefined) shown.after = value(after);
    if (notes !== undefined)
      shown.notes = Object.fromEntries(Object.entries(notes).map(([each, text]) => [line(each), line(text)]));
    // The new value holds a secret, so the old value holds the old secret, which the redactor does not know.
    if (secrets && before !== undefined && differs(shown.after, after)) shown.before = '«hidden»';
    return shown;
  };

  const diff = (raw: PlannedDiff | null, secrets: boolean): DiffView | null =>
    raw && { kind: raw.kind, changes: raw.changes.map(each => change(each, secrets)) };

  const deviation = ({ planned, suspect }: Deviation, secrets: boolean) => ({
    planned: diff(planned, secrets),
    ...(suspect !== undefined && { suspect: line(suspect) }),
  });

  const problem = <P extends Problem | Warning>(raw: P) => ({
    code: raw.code as P['code'],
    message: lines(raw.message),
    ...(raw.hint === undefined ? {} : { hint: asTyped(lines(raw.hint)) }),
    ...(raw.at === undefined ? {} : { at: place(raw.at) }),
    ...(raw.via === undefined ? {} : { via: raw.via.map(place) }),
    ...(raw.host === undefined ? {} : { host: line(raw.host) }),
    ...(raw.resource === undefined ? {} : { resource: line(raw.resource) }),
    ...(raw.cause === undefined ? {} : { cause: lastOf(lines(raw.cause)) }),
  });

  const place = (raw: Place): Place => ({
    ...raw,
    file: line(raw.file),
    ...(raw.text === undefined ? {} : { text: visibleKeepingTabs(mask(raw.text)) }),
  });

  const outcome = (raw: Outcome): ResourceView => ({
    name: line(raw.name),
    module: raw.module,
    ...(raw.delegatedTo === undefined ? {} : { delegated_to: line(raw.delegatedTo) }),
    status: raw.status,
    diff: diff(raw.diff, raw.secrets.length > 0),
    predicted_from: raw.predictedFrom.map(line),
    ...(raw.open === true && { open: true }),
    ...(raw.runs === true && { runs: true }),
    ...(raw.idle === undefined ? {} : { idle: line(raw.idle) }),
    ...(raw.doubt === undefined ? {} : { doubt: line(raw.doubt) }),
    ...(raw.warning === undefined ? {} : { warning: line(raw.warning) }),
    deviation: raw.deviation ? deviation(raw.deviation, raw.secrets.length > 0) : null,
    duration_ms: Math.round(raw.durationMs),
    error: raw.error ? problem(raw.error) : null,
    ...(raw.skipped === undefined ? {} : { skipped: line(raw.skipped) }),
    ...(raw.unknown === undefined ? {} : { unknown: line(raw.unknown) }),
    ...(raw.commands === undefined
      ? {}
      : {
          commands: raw.commands.map(each => ({ command: lines(each.command), output: lines(each.output) })),
        }),
  });

  const lease = (raw: Lease): Lease => ({ ...raw, holder: line(raw.holder) });

  return { line, lines, outcome, problem, lease };
}

/** Returns the end of a long output. Its secrets are already masked, so none is cut in two. */
function lastOf(words: string): string {
  return words.length <= causeCharacters ? words : `…${words.slice(-causeCharacters)}`;
}

/** Hides the removed lines of a masked diff, except the part before a value if the new text has it, too. */
function hideOld(lines: readonly string[]): string[] {
  const keyOf = (line: string) => /^.[^=:]*[=:]/.exec(line)?.[0].slice(1);
  const keys = new Set(lines.filter(line => !line.startsWith('-')).map(keyOf));
  return lines.map(line => {
    if (!line.startsWith('-')) return line;
    const key = keyOf(line);
    return `-${keys.has(key) ? (key ?? '') : ''}«hidden»`;
  });
}

function differs(shown: ValueView | undefined, raw: StateValue | undefined): boolean {
  if (typeof raw === 'string') return shown !== visible(raw);
  if (Array.isArray(raw)) return raw.some((element, i) => (shown as string[])[i] !== visible(element));
  return false;
}
