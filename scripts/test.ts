/**
 * `npm test`: the unit tests, and the lab's tests on real hosts if those can be created. Arguments go to vitest. Ends with
 * a line of the counts in the runner's own report.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureLabPackages, ensurePackages, labImpossible } from '../test/lab/machine.ts';

interface Report {
  success: boolean;
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; name: string; message: string; assertionResults: unknown[] }[];
}

/** Programs that the unit tests compare with, and shells in which sessions must work. */
const oracles = [
  ...['python3-jinja2', 'openssh-client', 'age', 'ansible-core', 'busybox', 'zsh', 'fish', 'tcsh'],
  ...['postgresql', 'pass', 'gnupg'],
];

const impossible = labImpossible();
if (impossible === null) {
  await ensureLabPackages();
  await ensurePackages(oracles);
} else console.log(`The tests on real hosts are skipped: ${impossible}\n`);

const folder = mkdtempSync(join(tmpdir(), 'reconcile-test-'));
const file = join(folder, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
// A new seed each time, and ten times the cases of a quick check.
const { FUZZ_SEED = String(randomInt(2 ** 31)), FUZZ_RUNS = '2000' } = process.env;
const replay = `FUZZ_SEED=${FUZZ_SEED} FUZZ_RUNS=${FUZZ_RUNS} npx vitest run`;
console.log(`What the tests make up, they make up again with: ${replay}\n`);
const vitest = spawnSync('npx', ['vitest', 'run', ...reporters, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, FUZZ_SEED, FUZZ_RUNS },
});
let report: Report | undefined;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  console.log('The test runner ended without a report.');
}
rmSync(folder, { recursive: true });
// A file that could not be loaded has no tests to count.
const broken = report?.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
);
const failed = (report?.numFailedTests ?? 0) + (broken?.length ?? 1);
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
const required = process.env['RECONCILE_LAB'] === 'required' && process.argv.length === 2;
if (required && skipped > 0) console.log('With RECONCILE_LAB=required nothing may be skipped.');
if (failed > 0) console.log(`The same once more: ${replay}`);
console.log(`${report?.numPassedTests ?? 0} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode =
  vitest.status === 0 && failed === 0 && report?.success && !(required && skipped > 0) ? 0 : 1;
