import type { Case } from './case.ts';
import { caseText } from './case-file.ts';
import { type Sentence, sentences, type Verdict, type Violation, type Way } from './law.ts';

/** The result of one run: a line of the results file. */
export interface Result {
  seed: string;
  run: number;
  release: string;
  way: Way;
  seconds: number;
  outcome: Verdict['outcome'] | 'lab-failed';
  violations: Violation[];
  obstacles: string[];
  forecast?: { known: number; open: number; openOf: Record<string, number>; wrong: number };
  /** The smallest case that was found for the first violation. */
  smallest?: Case;
  error?: string;
}

/** A violation as a case that a reader can try: where it starts, the playbook, and what was shown and what happened. */
export function violationText(violation: Violation, subject: Case, replay: string): string {
  const head = `Sentence ${violation.sentence} does not hold: ${sentences[violation.sentence]}.`;
  const lines = [violation.kind, ...violation.details.slice(0, 12)].map(line => `  ${line}`);
  const indented = caseText(subject).trimEnd().replace(/^/gm, '    ');
  return [head, ...lines, indented, `  ${replay}`, ''].join('\n');
}

/** Violations of all results by their kind, the most frequent first. */
export function kinds(results: readonly Result[]): { sentence: Sentence; kind: string; runs: number[] }[] {
  const found = new Map<string, { sentence: Sentence; kind: string; runs: number[] }>();
  for (const { run, violations } of results)
    for (const { sentence, kind } of violations) {
      const key = `${sentence} ${kind}`;
      if (!found.has(key)) found.set(key, { sentence, kind, runs: [] });
      const { runs } = found.get(key)!;
      if (!runs.includes(run)) runs.push(run);
    }
  return [...found.values()].sort((a, b) => b.runs.length - a.runs.length);
}

/** The last lines: counts of runs by what they came to, of violations by sentence, and the share of open values. */
export function summary(results: readonly Result[]): string {
  const count = (outcome: Result['outcome']) => results.filter(each => each.outcome === outcome).length;
  const violating = results.filter(({ violations }) => violations.length > 0);
  const bySentence = (Object.keys(sentences) as Sentence[]).flatMap(sentence => {
    const runs = results.filter(({ violations }) => violations.some(each => each.sentence === sentence));
    return runs.length === 0 ? [] : [`${runs.length} by sentence ${sentence}`];
  });
  const forecasts = results.flatMap(({ forecast }) => (forecast === undefined ? [] : [forecast]));
  const open = forecasts.reduce((sum, each) => sum + each.open, 0);
  const all = forecasts.reduce((sum, each) => sum + each.open + each.known, 0);
  const openOf = new Map<string, number>();
  for (const each of forecasts)
    for (const [kind, count] of Object.entries(each.openOf))
      openOf.set(kind, (openOf.get(kind) ?? 0) + count);
  const shares = [...openOf]
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${((100 * count) / all).toFixed(1)}`);
  const listed = kinds(results).map(
    ({ sentence, kind, runs }) =>
      `  ${String(runs.length).padStart(3)} × sentence ${sentence}: ${kind} (runs ${runs.slice(0, 6).join(', ')}${runs.length > 6 ? ', …' : ''})`,
  );
  const failed = count('lab-failed');
  return [
    ...(listed.length > 0 ? ['Violations by kind:', ...listed] : []),
    all === 0
      ? 'Sentence 6 was not tried: the program wrote no forecast.'
      : `Sentence 6 was tried on ${forecasts.length} runs: ${((100 * open) / all).toFixed(1)} % of ${all} values are open (${shares.join(', ')}).`,
    `${results.length - count('refused')} runs: ${count('blocked')} blocked by an obstacle, ${count('undecided')} ended at ` +
      `what could not be known, ${count('applied')} applied, ${count('silent')} had nothing to do` +
      `${failed > 0 ? `, ${failed} failed in the lab` : ''}; ${count('refused')} more were refused offline; ` +
      `${violating.length} violate the law${bySentence.length > 0 ? ` (${bySentence.join(', ')})` : ''}`,
  ].join('\n');
}
