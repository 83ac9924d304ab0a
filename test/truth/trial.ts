import type { Module } from '../../engine/module.ts';
import type { Case } from './case.ts';
import { generateCase } from './generate.ts';
import type { TruthHost } from './hosts.ts';
import { judge, type Verdict, type Violation, type Way } from './law.ts';
import { Random } from './random.ts';
import type { Result } from './report.ts';
import { shrink } from './shrink.ts';

/** The settings of a run; equal settings give equal runs. */
export interface Trial {
  seed: string;
  run: number;
  /** Maximum number of smaller cases to try for a violation of a new kind. */
  shrinkBudget: number;
}

/** The case of a run and the way it is applied. */
export function drawTrial(modules: Readonly<Record<string, Module>>, { seed, run }: Trial): [Case, Way] {
  const way = new Random(seed, run, 'way').chance(0.5) ? 'saved' : 'plain';
  return [generateCase(modules, `${seed}/${run}`), way];
}

/** Tries a case on a host, and makes what violates the law smaller unless its kind is in `known`, which it joins. */
export async function tryCase(
  host: TruthHost,
  subject: Case,
  way: Way,
  trial: Trial,
  known: Set<string>,
): Promise<Result> {
  const began = performance.now();
  const result = (rest: Pick<Result, 'outcome' | 'violations' | 'obstacles'> & Partial<Result>): Result => ({
    seed: trial.seed,
    run: trial.run,
    release: host.release,
    way,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    ...rest,
  });
  try {
    const verdict = await judgeBothWays(host, subject, way);
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const first = verdict.violations.find(each => !known.has(signature(each)));
    for (const each of verdict.violations) known.add(signature(each));
    // The report shows the violations of the smallest case instead of those of the whole one.
    let told = first;
    const fails = async (candidate: Case) => {
      const found = await showing(host, candidate, way, first!);
      told = found ?? told;
      return found !== undefined;
    };
    const smallest =
      first === undefined || trial.shrinkBudget === 0
        ? undefined
        : await shrink(subject, fails, trial.shrinkBudget);
    const { outcome, violations, obstacles, forecast } = verdict;
    return result({
      seconds,
      outcome,
      obstacles,
      violations: told === undefined ? violations : [told, ...violations.filter(each => each !== first)],
      ...(forecast === undefined ? {} : { forecast: { ...forecast, wrong: forecast.wrong.length } }),
      ...(smallest === undefined ? {} : { smallest }),
    });
  } catch (error) {
    return result({ outcome: 'lab-failed', violations: [], obstacles: [], error: String(error) });
  }
}

const signature = ({ sentence, kind }: Violation): string => `${sentence} ${kind}`;

/** A failure with a saved plan counts against the plan only if a plain apply does not fail likewise. */
async function judgeBothWays(host: TruthHost, subject: Case, way: Way): Promise<Verdict> {
  const verdict = await judge(host, subject, way);
  if (!verdict.violations.some(({ sentence }) => sentence === '5')) return verdict;
  const plain = await judge(host, subject, 'plain');
  return plain.violations.some(({ sentence }) => sentence === '3') ? plain : verdict;
}

async function showing(
  host: TruthHost,
  subject: Case,
  way: Way,
  violation: Violation,
): Promise<Violation | undefined> {
  const { violations } = await judge(host, subject, violation.sentence === '3' ? 'plain' : way);
  return violations.find(each => signature(each) === signature(violation));
}
