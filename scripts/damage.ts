/** `npm run damage`: tries every damage to the files of the controller and of the hosts, and prints how many there were. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'reconcile-damage-'));
const counts = join(folder, 'counts');
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--project', 'unit', 'test/damage', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, DAMAGE: 'all', DAMAGE_COUNTS: counts },
  },
);
const numbers = readFileSync(counts, 'utf8').trim().split('\n').map(Number);
const total = numbers.reduce((sum, count) => sum + count, 0);
rmSync(folder, { recursive: true });
console.log(`${total} damaged files`);
process.exitCode = status ?? 1;
