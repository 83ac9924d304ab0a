/** `npm run damage`: tries every damage to the files of the controller and of the hosts, and prints how many there were. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const counts = mkdtempSync(join(tmpdir(), 'reconcile-damage-'));
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--project', 'unit', 'test/damage', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, DAMAGE: 'all', DAMAGE_COUNTS: counts },
  },
);
const total = readdirSync(counts).reduce((sum, file) => sum + Number(readFileSync(join(counts, file))), 0);
rmSync(counts, { recursive: true });
console.log(`${total} damaged files`);
process.exitCode = status ?? 1;
