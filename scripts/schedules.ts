/** `npm run schedules [-- --runs N]`: random schedules of two controllers on the hosts of a lab, 200 unless said. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ensureLabPackages } from '../test/lab/machine.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '200' } } });
await ensureLabPackages();
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'lab', 'test/e2e/schedules.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, RECONCILE_SCHEDULES: values.runs, RECONCILE_LAB: 'required' },
});
process.exitCode = status ?? 1;
