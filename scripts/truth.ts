/**
 * `npm run truth`: random playbooks on random hosts, each held against the law of plans (test/truth/law.ts). Prints each
 * violation as the smallest case it found, and ends with a line of counts, which a complete run writes into the README.
 * Exits with 1 after a violation.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { modules } from '../modules/index.ts';
import { build } from '../test/e2e/reconcile.ts';
import { allReleases } from '../test/lab/releases.ts';
import type { Case } from '../test/truth/case.ts';
import { caseText, parseCase } from '../test/truth/case-file.ts';
import { openHosts, type TruthHost } from '../test/truth/hosts.ts';
import { type Result, summary, violationText } from '../test/truth/report.ts';
import { drawTrial, type Trial, tryCase } from '../test/truth/trial.ts';

const usage = `npm run truth -- [--runs N] [--seed S] [--release ${allReleases.join('|')}] [--hosts K] [--shrink N] [--out FILE]
                 [--module M | --run I | --case FILE [--saved]]
  --runs N     how many random cases are tried on hosts (30)
  --seed S     what they are made from (random; it is printed)
  --hosts K    how many hosts try them side by side (4)
  --shrink N   how many cases to try to make a violation of a new kind smaller (25)
  --out FILE   where each result is written as it comes, a line of JSON each (truth-RELEASE-SEED.jsonl)
  --module M   only cases with a resource of this module
  --run I      only the I-th case of the seed
  --case FILE  a case from a file, as printed; --saved applies it by a saved plan`;

function fail(message: string): never {
  console.error(`${message}\n\n${usage}`);
  process.exit(3);
}

/** The number of trials that is meaningful for a release. */
const wholeRun = 250;
const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ runs: text, seed: text, release: text, hosts: text, shrink: text, out: text, run: text, case: text },
    ...{ module: text, saved: { type: 'boolean' }, help: { type: 'boolean' } },
  },
});

if (values.help) {
  console.log(usage);
  process.exit(0);
}
const about = values.module;
if (about !== undefined && !Object.hasOwn(modules, about)) fail(`There is no module ${about}.`);

function whole(name: 'runs' | 'hosts' | 'shrink' | 'run', otherwise: number): number {
  const given = values[name];
  if (given !== undefined && !/^\d+$/.test(given)) fail(`--${name} takes a number, not ${given}.`);
  return given === undefined ? otherwise : Number(given);
}

const release =
  allReleases.find(each => each === (values.release ?? 'bookworm')) ?? fail(`There is no ${values.release}.`);
const seed = values.seed ?? String(Date.now() % 1_000_000);
const single = values.run !== undefined || values.case !== undefined;
let next = values.case !== undefined ? 0 : whole('run', 1);
let [taken, refused] = [0, 0];
const wanted = single ? 1 : whole('runs', 30);
const out = values.out ?? `truth-${release}-${seed}.jsonl`;
const results: Result[] = [];
const known = new Set<string>();

console.log(`${wanted} cases of seed ${seed} on ${release}; results in ${out}`);
build();
writeFileSync(out, '');
const { hosts, close } = await openHosts(release, single ? 1 : whole('hosts', 4));
try {
  await Promise.all(hosts.map(work));
} finally {
  await close();
}
console.log(summary(results.toSorted((a, b) => a.run - b.run)));
updateReadme();
process.exitCode = results.every(
  ({ outcome, violations }) => outcome !== 'lab-failed' && violations.length === 0,
)
  ? 0
  : 1;

async function work(host: TruthHost): Promise<void> {
  // A playbook that is refused offline reaches no host, so another one replaces it.
  while (taken - (single ? 0 : refused) < wanted) {
    const run = next++;
    const trial: Trial = { seed, run, shrinkBudget: whole('shrink', 25) };
    const [subject, way] = values.case === undefined ? drawTrial(modules, trial) : ofFile(values.case);
    if (!single && about !== undefined && !has(subject, about)) continue;
    taken += 1;
    const result = await tryCase(host, subject, way, trial, known);
    if (result.outcome === 'refused') refused += 1;
    results.push(result);
    appendFileSync(out, `${JSON.stringify(result)}\n`);
    const first = result.violations.map(({ sentence, kind }) => ` ✗ ${sentence}: ${kind}`)[0] ?? '';
    console.log(`run ${run}: ${result.outcome}, ${way}, ${result.seconds} s${first}${result.error ?? ''}`);
    if (result.smallest !== undefined || (single && result.violations.length > 0))
      console.log(violationText(result.violations[0]!, result.smallest ?? subject, keep(result, subject)));
  }
}

function has({ plays }: Case, module: string): boolean {
  return plays.flat().some(resource => resource.module === module);
}

function ofFile(file: string): ReturnType<typeof drawTrial> {
  return [parseCase(readFileSync(file, 'utf8'), Object.keys(modules)), values.saved ? 'saved' : 'plain'];
}

/** Writes the counts of a complete run into the README. A shorter one is not meaningful. */
function updateReadme(): void {
  if (single || about !== undefined || wanted < wholeRun) return;
  const violating = results.filter(({ violations }) => violations.length > 0).length;
  const readme = new URL('../README.md', import.meta.url);
  const mark = new RegExp(`(<!-- truth ${release} -->).*?(<!-- -->)`);
  const words = `$1${violating} in ${wanted} runs$2`;
  writeFileSync(readme, readFileSync(readme, 'utf8').replace(mark, words));
}

/** Writes the case to a file beside the results. Returns the commands that repeat it and the whole run. */
function keep(result: Result, subject: ReturnType<typeof drawTrial>[0]): string {
  const folder = `${out.replace(/\.jsonl$/, '')}-cases`;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `run-${result.run}.yml`);
  writeFileSync(file, caseText(result.smallest ?? subject));
  const saved = result.violations[0]!.sentence === '5' ? ' --saved' : '';
  const whole = values.case === undefined ? `, the whole run: --seed ${seed} --run ${result.run}` : '';
  return `Again: npm run truth -- --release ${release} --case ${join(folder, basename(file))}${saved}${whole}`;
}
