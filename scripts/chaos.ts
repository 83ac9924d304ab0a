/**
 * `npm run chaos`: cuts off an apply of the Flask playbook at every boundary between resources and inside of them, a roll-out
 * at every boundary between batches, and the replacement of a key. It checks the next apply, and ends with `N of N`, which a
 * complete run writes into the README.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureLabPackages } from '../test/lab/machine.ts';

await ensureLabPackages();
const folder = mkdtempSync(join(tmpdir(), 'reconcile-chaos-'));
const file = join(folder, 'report.json');
const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${file}`];
const vitest = [
  'vitest',
  'run',
  '--project',
  'lab',
  'test/e2e/chaos.test.ts',
  'test/e2e/rolling.test.ts',
  'test/e2e/key-replaced.test.ts',
  ...reporters,
];
spawnSync('npx', [...vitest, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, RECONCILE_CHAOS: 'full', RECONCILE_LAB: 'required' },
});
if (!existsSync(file)) throw new Error('The test runner ended without a report.');
const report = JSON.parse(readFileSync(file, 'utf8'));
rmSync(folder, { recursive: true });
const tests: { title: string; status: string }[] = report.testResults.flatMap(
  ({ assertionResults }: { assertionResults: object[] }) => assertionResults,
);
const cuts = tests.filter(({ title }) => title.endsWith('is made good by the next one'));
const passed = cuts.filter(({ status }) => status === 'passed');
const words = `${passed.length} of ${cuts.length}`;
const readme = new URL('../README.md', import.meta.url);
if (process.argv.length === 2) {
  const text = readFileSync(readme, 'utf8');
  writeFileSync(readme, text.replace(/(<!-- chaos -->).*?(<!-- -->)/, `$1${words}$2`));
}
console.log(words);
process.exitCode = report.success && cuts.length > 0 && passed.length === cuts.length ? 0 : 1;
