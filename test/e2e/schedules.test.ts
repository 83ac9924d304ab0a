import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { seed } from '../random.ts';
import { build } from './reconcile.ts';
import { runSchedule, scheduleOf } from './schedule.ts';

/** `npm run schedules` sets the number of schedules. */
const count = Number(process.env['RECONCILE_SCHEDULES'] ?? 5);
const names = Array.from({ length: count > 5 ? 10 : 2 }, (_, i) => `h${i + 1}`);

describeLab('two controllers that stand still, continue and lose their leases', () => {
  let lab: Lab<string>;
  let folder: string;
  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: Object.fromEntries(names.map(name => [name, 'bookworm' as const])) });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-schedules-'));
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it(`do no step after the first of the winner, in ${count} schedules`, { timeout: 3_600_000 }, async () => {
    const seeds = Array.from({ length: count }, (_, i) => seed * 1000 + i);
    const bad: unknown[] = [];
    let [steps, turns] = [0, 0];
    await Promise.all(
      names.map(async name => {
        const on = async (script: string) => {
          const { code, stdout, stderr } = await lab.exec(name, script);
          if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
          return stdout;
        };
        for (let next = seeds.shift(); next !== undefined; next = seeds.shift()) {
          const found = await runSchedule(scheduleOf(next), { name, on }, folder, lab.inventory());
          if (found.violations.length > 0) bad.push({ seed: next, ...found });
          const begins = found.trace.match(/^[AB] begin/gm) ?? [];
          steps += begins.length;
          if (count > 5)
            console.log(
              `seed ${next}: ${begins.length} steps, ${found.exits}, ${found.violations.length} violations`,
            );
          turns += begins.filter((each, i) => i > 0 && each !== begins[i - 1]).length;
        }
      }),
    );
    console.log(`${count} schedules with ${steps} steps and ${turns} changes of the controller`);
    expect(bad).toEqual([]);
    // Schedules without a struggle would prove nothing.
    expect(turns).toBeGreaterThanOrEqual(count / 4);
  });
});
