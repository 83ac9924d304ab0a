import { realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import { shellQuote } from '../quote.ts';
import { nameList } from '../report/columns.ts';
import { htmlReport, type Origin } from '../report/html.ts';
import { jsonReporter } from '../report/json.ts';
import { junitReport } from '../report/junit.ts';
import { plainReporter } from '../report/plain.ts';
import { RunRecord } from '../report/record.ts';
import type { Reporter } from '../report/reporter.ts';
import { paint, span } from '../report/style.ts';
import { terminalReporter } from '../report/terminal.ts';
import { problemView, view } from '../report/view.ts';
import { limitHeapGrowth } from '../util/heap-growth.ts';
import { ownCommand } from '../util/own-command.ts';
import { statOf } from '../util/stat.ts';
import type { Playbook } from '../validate/play.ts';
import { credentials, type LoginSettings } from './credentials.ts';
import { forecastFile } from './forecast-file.ts';
import { columnsOfOutput, type Io, isColorful, problemText, tellNoHost } from './io.ts';
import { refuseMissingKeys } from './key-files.ts';
import type { PlaybookSettings } from './options.ts';
import { originOf } from './origin.ts';
import { loadOrOpen, newPlan, savePlan } from './plan-file.ts';
import { replaceFile } from './replace-file.ts';

/** The options of `apply` as commander parses them. */
export interface ApplySettings extends PlaybookSettings, LoginSettings {
  check?: boolean;
  diff?: boolean;
  parallel: number;
  json?: boolean;
  report?: string;
  junit?: string;
  confirm?: boolean;
  timeout?: number;
  verbose: number;
  /** The file that `plan` saves the plan to. */
  output?: string;
}

/**
 * Brings the hosts to the declared state, or with `check` shows the changes. `file` is a playbook or a saved plan. Returns
 * the exit code.
 */
export async function apply(file: string, settings: ApplySettings, io: Io): Promise<number> {
  refuseContradictions(settings, io);
  const { output } = settings;
  const { playbook, binding: approved } = await loadOrOpen(
    file,
    settings,
    io,
    // A saved plan is applied exactly as shown, so it needs all secrets.
    output === undefined ? lockedSecrets(io) : undefined,
  );
  if (approved !== undefined && output !== undefined)
    throw new ProblemError({
      code: 'usage',
      message: `-o saves the plan of a playbook, and "${file}" is a plan.`,
    });
  const hosts = playbook.plays.flatMap(play => play.hosts);
  refuseMissingKeys(hosts, playbook.inventory);
  for (const { hosts, pattern, name } of playbook.plays)
    if (hosts.length === 0 && settings.limit === undefined) tellNoHost(pattern, io, name);
  refuseQuestions(playbook, settings, io);
  const plan = output === undefined ? undefined : await newPlan(output, file, playbook, settings, io);
  const binding = plan ?? approved;
  if (hosts.length > settings.parallel) limitHeapGrowth();
  const { run } = await import('../run/run.ts');
  const reporter = chooseReporter(settings, approved !== undefined, io);
  const connect = await credentials(settings, hosts, io, asking => reporter.hold(asking));
  const record = new RunRecord();
  const origin = settings.report === undefined ? undefined : await originOf(playbook, io);
  const interrupted = () =>
    reporter.notice('Interrupted: the current steps finish first. Ctrl-C again stops at once.');
  const forecasts = forecastFile(io.env['RECONCILE_FORECAST']);
  io.signal.addEventListener('abort', interrupted);
  io.beforeExit = () => reporter.close();
  let exitCode = 1;
  try {
    exitCode = await run({
      playbook,
      check: settings.check ?? false,
      connect,
      parallel: settings.parallel,
      signal: io.signal,
      emit: event => {
        const shown = view(event, io.redactor);
        record.add(shown);
        reporter.report(shown);
      },
      ...(settings.timeout !== undefined && { timeoutMs: settings.timeout }),
      ...(settings.confirm && { confirm: () => askForPlan(reporter, io) }),
      confirmBatch: (batch, of, names) => askForBatch(batch, of, names, reporter, io),
      mask: text => io.redactor.mask(text),
      ...(binding && { binding }),
      ...(forecasts && { onForecast: forecasts.add }),
    });
    forecasts?.write();
    if (plan?.holdsAny && exitCode !== 130) {
      savePlan(output!, plan);
      if (!settings.json) io.stdout.write(savedText(output!, exitCode, io));
    }
  } finally {
    reporter.close();
    io.signal.removeEventListener('abort', interrupted);
    io.beforeExit = undefined;
    // A run that worked fails by a report that could not be written; any other exit code stays.
    if (!writeReports(settings, record, origin, io) && exitCode === 0) exitCode = 1;
  }
  return exitCode;
}

/** Writes the reports of a run. Shows the problem of each that could not be written, and returns whether none had one. */
function writeReports(
  { report, junit }: ApplySettings,
  record: RunRecord,
  origin: Origin | undefined,
  io: Io,
): boolean {
  const problems: Problem[] = [];
  const write = (file: string | undefined, text: (record: RunRecord) => string) => {
    if (file === undefined) return;
    const stat = statOf(file);
    try {
      if (stat === undefined || stat.isFile())
        replaceFile(stat ? realpathSync(file) : file, text(record), stat ? stat.mode & 0o777 : 0o666);
      else writeFileSync(file, text(record));
    } catch (thrown) {
      const message = `"${file}" could not be written: ${(thrown as Error).message}.`;
      problems.push(
        ...(thrown instanceof ProblemError ? problemsOf(thrown) : [{ code: 'usage' as const, message }]),
      );
    }
  };
  write(report, record => htmlReport(record, origin));
  write(junit, junitReport);
  const shown = problems.map(problem => problemView(problem, io.redactor));
  if (shown.length > 0) io.stderr.write(problemText(shown, io));
  return problems.length === 0;
}

/** Returns a function that reports secrets that cannot be opened. A plan works without them, but not without a file. */
function lockedSecrets(io: Io) {
  return (_from: string, problem: Problem): void => {
    if (problem.code !== 'secrets-locked') throw new ProblemError(problem);
    const shown = problemView(problem, io.redactor);
    io.stderr.write(problemText([shown], io));
  };
}

function savedText(output: string, exitCode: number, io: Io): string {
  if (exitCode === 0) return 'Saved. There is nothing to apply.\n';
  const words = exitCode === 2 ? 'Saved.' : 'Saved, but not all hosts can be applied to.';
  const command = `${ownCommand()} apply ${shellQuote(output)}`;
  return paint([span(`${words} To apply:  `), span(command, 'bold')], isColorful(io.stdout, io.env)) + '\n';
}

function refuseContradictions({ confirm, json, check, report, junit, output }: ApplySettings, io: Io): void {
  const wrong: string[] = [];
  if (confirm && json) wrong.push('--confirm asks a question, and --json leaves no place for it.');
  else if (confirm && !check && !io.stdin.isTTY) {
    wrong.push('--confirm asks a question, but nobody can answer: standard input is not a terminal.');
  }
  for (const [flag, file] of Object.entries({ '--report': report, '--junit': junit, '-o': output })) {
    if (file === undefined) continue;
    if (!statOf(dirname(file))?.isDirectory())
      wrong.push(`${flag} ${file}: there is no folder ${dirname(file)}.`);
    else if (statOf(file)?.isDirectory())
      wrong.push(`${flag} ${file} is a folder; it takes the name of a file.`);
    else if (flag === '-o' && statOf(file)?.isFile() === false)
      wrong.push(`-o ${file} is a pipe or device; it takes the name of a file.`);
  }
  if (wrong.length > 0)
    throw new ProblemError(...wrong.map(message => ({ code: 'usage' as const, message })));
}

/** Refuses a roll-out that asks questions which nobody can answer. */
function refuseQuestions({ plays }: Playbook, { check, json }: ApplySettings, io: Io): void {
  const asking = plays.find(({ rollout, hosts }) => rollout?.confirm && hosts.length > 1);
  if (asking === undefined || check || (io.stdin.isTTY && !json)) return;
  const why = json ? '--json leaves no place for it' : 'standard input is not a terminal';
  throw new ProblemError({
    code: 'usage',
    message: `The roll-out of "${asking.name}" asks before each batch, and ${why}.`,
    hint: 'Remove `confirm: true` under `rollout`, or run it on a terminal.',
    at: asking.at,
  });
}

function chooseReporter(settings: ApplySettings, appliesPlan: boolean, io: Io): Reporter {
  if (settings.json) return jsonReporter(io.stdout, { commands: settings.verbose > 0 });
  const terminal = isColorful(io.stdout, io.env);
  const layout = {
    diff: settings.diff ?? (terminal || settings.check === true),
    verbosity: Math.min(2, settings.verbose) as 0 | 1 | 2,
    ...(settings.output === undefined && { applyCommand: io.redactor.mask(applyCommand(io.argv)) }),
    appliesPlan,
  };
  if (terminal) return terminalReporter(io.stdout, layout);
  const columns = columnsOfOutput(io.stdout);
  return plainReporter(io.stdout, io.stderr, { ...layout, columns, color: false, aligned: false });
}

/** Returns the typed command without the words that made it a check. */
function applyCommand(argv: readonly string[]): string {
  const words = argv
    .filter(word => word !== '--check')
    .map((word, i) => (i === 0 && word === 'plan' ? 'apply' : word));
  return [ownCommand(), ...words.map(shellQuote)].join(' ');
}

async function askForPlan(reporter: Reporter, io: Io): Promise<boolean> {
  reporter.showPlan();
  const yes = await ask('Apply this?', io);
  if (yes !== true) reporter.notice(yes === undefined ? '' : 'Nothing was changed.');
  return yes === true;
}

async function askForBatch(
  batch: number,
  of: number,
  hosts: readonly string[],
  reporter: Reporter,
  io: Io,
): Promise<boolean> {
  reporter.hold(true);
  const yes = await ask(`Apply to batch ${batch} of ${of} (${nameList(hosts)})?`, io);
  reporter.hold(false);
  return yes === true;
}

/** Asks a question. Returns undefined after an interruption or the end of the input. */
async function ask(question: string, io: Io): Promise<boolean | undefined> {
  const lines = createInterface({ input: io.stdin, output: io.stdout as unknown as NodeJS.WritableStream });
  const closed = new AbortController();
  lines.once('SIGINT', () => io.interrupt());
  lines.once('close', () => closed.abort());
  try {
    const signal = AbortSignal.any([io.signal, closed.signal]);
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
  } catch {
    return undefined;
  } finally {
    lines.close();
  }
}
