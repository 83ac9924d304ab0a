import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modules } from '../../modules/index.ts';
import { type Ran, starting } from '../e2e/reconcile.ts';
import type { Case } from './case.ts';
import { playbookOf, yamlText } from './case-file.ts';
import { compareForecast, type ForecastVerdict, readForecast } from './forecast.ts';
import { atRest, type TruthHost } from './hosts.ts';
import { sourceBelow } from './model.ts';
import { expectations } from './model-check.ts';
import {
  type Against,
  compareOutcomes,
  compareShown,
  describe,
  errors,
  label,
  lastWords,
  outcomes,
  quiet,
  tell,
} from './outcomes.ts';
import { differences, snapshot } from './snapshot.ts';

/** The sentences of the law, and what the reference model of files says against a check. */
export const sentences = {
  '1': 'a check exits 0, 1 or 2 and touches nothing',
  '2': 'where a check exits 1, apply exits 1 and touches nothing',
  '3': 'else apply exits 0, and each resource ends as it was shown',
  '4': 'a second apply changes nothing, and its check exits 0',
  '5': 'a saved plan, applied at once, does the same',
  '6': 'what the forecast calls known is read after the apply',
  model: 'a check of files shows what a model of them, written apart, expects',
} as const;

export type Sentence = keyof typeof sentences;

/** One sentence that does not hold for a case. */
export interface Violation extends Against {
  sentence: Sentence;
}

/** The result of a case on a host. */
export interface Verdict {
  /**
   * `undecided`: the apply ended at something that is missing, where the check had said that it cannot be known yet. The
   * law says nothing about it; it is counted.
   */
  outcome: 'refused' | 'blocked' | 'undecided' | 'applied' | 'silent';
  violations: Violation[];
  forecast?: ForecastVerdict;
  /** The obstacles that the check told of, each with its code; of an undecided case those that its apply met. */
  obstacles: string[];
}

/** The way to apply a case: with `apply PLAYBOOK`, or with a saved plan. */
export type Way = 'plain' | 'saved';

/** A longer run says something about the load of this machine, or about a program that hangs, but not about a plan. */
const longestRunMs = 600_000;

/** Brings the host to the case's start state, runs the program on it as a user would, and judges each step. */
export async function judge(host: TruthHost, subject: Case, way: Way): Promise<Verdict> {
  const files = Object.fromEntries(
    ['case.yml', 'plan.json', 'forecast.json', 'readings.json'].map(name => [name, join(host.folder, name)]),
  ) as Record<'case.yml' | 'plan.json' | 'forecast.json' | 'readings.json', string>;
  for (const file of Object.values(files)) rmSync(file, { force: true });
  writeFileSync(files['case.yml'], yamlText(playbookOf(subject)));
  const violations: Violation[] = [];
  const verdict = (outcome: Verdict['outcome'], obstacles: string[] = []): Verdict => ({
    outcome,
    violations,
    obstacles,
  });
  const violate = (sentence: Sentence, kind: string, details: string[]) =>
    violations.push({ sentence, kind, details });

  const offline = await program(host, ['apply', 'case.yml', '--check', '--json', '-i', 'nowhere.yml']);
  if (offline.exit === 3) return verdict('refused');
  if (offline.exit !== 4)
    violate('1', `offline check exits ${offline.exit}`, [lastWords(offline), 'the host did not exist']);

  await host.reset(subject.layer);
  await begin(host, subject);
  const before = await snapshot(host);
  const disagreements = expectations(sourceBelow(host.rootDir), subject);
  const check = await program(host, ['apply', 'case.yml', '--check', '--json'], files['forecast.json']);
  const looked = differences(before, await snapshot(host));
  if (looked.length > 0) violate('1', `check touches ${touched(looked)}`, looked);
  if (![0, 1, 2].includes(check.exit)) violate('1', `check exits ${check.exit}`, [lastWords(check)]);
  const [shown, problems] = [outcomes(check), errors(check)];
  const announced = [...shown.values()].some(({ status }) => status === 'would_change');
  if (check.exit === (announced ? 0 : 2))
    violate('1', `check exits ${check.exit} with${announced ? '' : 'out'} changes`, describe(shown));
  for (const { kind, details } of disagreements(check)) violate('model', kind, details);

  if (check.exit === 1) {
    const beforeApply = await snapshot(host);
    const applied = await program(host, ['apply', 'case.yml', '--json']);
    const changed = differences(beforeApply, await snapshot(host));
    if (applied.exit !== 1)
      violate('2', `check fails by ${problems[0]?.code}, apply exits ${applied.exit}`, [
        ...problems.map(({ message }) => message),
        ...describe(outcomes(applied)),
      ]);
    if (changed.length > 0 && !goesOn(problems, subject))
      violate('2', `check fails by ${problems[0]?.code}, apply changes the host`, changed);
    return verdict('blocked', problems.map(inOneLine));
  }
  if (check.exit !== 0 && check.exit !== 2) return verdict('silent');

  if (way === 'saved') {
    const planned = await program(host, ['plan', 'case.yml', '-o', 'plan.json', '--json']);
    if (planned.exit !== check.exit)
      violate('5', `check exits ${check.exit}, plan ${planned.exit}`, [lastWords(planned)]);
    for (const { kind, details } of compareShown('plan', shown, outcomes(planned)))
      violate('5', kind, details);
  }
  const sentence = way === 'saved' ? '5' : '3';
  const command = way === 'saved' ? ['apply', 'plan.json', '--json'] : ['apply', 'case.yml', '--json'];
  const applied = await program(host, command);
  const happened = outcomes(applied);
  const compared = compareOutcomes(shown, happened, subject, modules);
  for (const { kind, details } of compared.against) violate(sentence, kind, details);
  if (compared.undecided && compared.against.length === 0)
    return verdict('undecided', errors(applied).map(inOneLine));
  if (applied.exit !== 0 && compared.against.length === 0) {
    const said = errors(applied);
    const words = said.length > 0 ? said.map(({ message }) => message) : [lastWords(applied)];
    violate(sentence, `apply exits ${applied.exit} by ${said[0]?.code}`, words);
  }
  if (applied.exit !== 0) return verdict('applied');

  const again = await program(host, ['apply', 'case.yml', '--check', '--json'], files['readings.json']);
  const restless = [...outcomes(again).values()].filter(one => !quiet(one));
  // The answer of an address may change once the play has stopped its server.
  if (restless.length === 1 && restless[0]!.module === 'http_check') return verdict('undecided');
  if (again.exit !== 0 || restless.length > 0)
    violate('4', `second check exits ${again.exit}: ${restless.map(label)[0] ?? errors(again)[0]?.code}`, [
      ...restless.map(tell),
      ...errors(again).map(({ message }) => message),
    ]);
  const rested = await snapshot(host);
  const second = await program(host, ['apply', 'case.yml', '--json']);
  const moved = differences(rested, await snapshot(host));
  const loud = [...outcomes(second).values()].filter(one => !quiet(one));
  if (second.exit !== 0 || loud.length > 0)
    violate('4', `second apply exits ${second.exit}: ${loud.map(label)[0] ?? errors(second)[0]?.code}`, [
      ...loud.map(tell),
      ...errors(second).map(({ message }) => message),
    ]);
  else if (moved.length > 0) violate('4', `a silent second apply touches ${touched(moved)}`, moved);
  const forecast =
    again.exit === 0
      ? compareForecast(readForecast(files['forecast.json']), readForecast(files['readings.json']))
      : undefined;
  for (const wrong of forecast?.wrong ?? [])
    violate('6', `known ${String((wrong.probe as { kind?: string })?.kind)} is wrong`, [
      JSON.stringify(wrong),
    ]);
  const outcome = verdict(check.exit === 0 ? 'silent' : 'applied');
  return forecast === undefined ? outcome : { ...outcome, forecast };
}

const inOneLine = ({ code, message }: { code: string; message: string }): string =>
  `${code}: ${message.split('\n')[0]}`;

/** Whether the play says that the rest is to be done although one of its checks fails. */
const goesOn = (problems: readonly { code: string }[], { plays }: Case): boolean =>
  problems.every(({ code }) => code === 'check-failed') &&
  plays.flat().some(({ keys }) => keys['on_failure'] === 'continue');

async function begin(host: TruthHost, { start }: Case): Promise<void> {
  if (start.length === 0) return;
  const lines = start.map(line => `( ${line}\n) >/dev/null 2>&1 </dev/null || :`);
  const { code, stderr } = await host.exec(`cd /\n${lines.join('\n')}\n${atRest}`);
  if (code !== 0) throw new Error(`the start state does not come to rest: ${stderr}`);
}

async function program(host: TruthHost, args: string[], forecast?: string): Promise<Ran> {
  const env = { HOME: host.folder, ...(forecast !== undefined && { RECONCILE_FORECAST: forecast }) };
  const going = starting(host.folder, args, env);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    going.child.kill('SIGKILL');
  }, longestRunMs);
  const ran = await going.ended.finally(() => clearTimeout(timer));
  if (isLate) throw new Error(`reconcile ${args.join(' ')} did not end within ${longestRunMs / 1000} s`);
  return ran;
}

/** The first thing that was touched: a path, or words such as `unit nginx.service`. */
function touched(lines: readonly string[]): string {
  const [first, second] = lines[0]!.slice(2).split(' ');
  return first!.startsWith('/') ? first! : `${first} ${second}`;
}
