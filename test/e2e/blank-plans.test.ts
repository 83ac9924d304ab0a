import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import {
  blankHosts,
  build,
  named,
  problems,
  reconcile,
  statuses,
  triedAlone,
  workspace,
} from './reconcile.ts';

const playbooks = join(import.meta.dirname, '../../playbooks');
const files = readdirSync(playbooks).filter(file => /\.ya?ml$/.test(file) && file !== 'inventory.yml');

/** The hosts that a playbook is written for, all of them blank, and a folder with the playbook. */
async function hostsFor(file: string): Promise<{ lab: Lab; folder: string }> {
  const isTiered = file === triedAlone.twoTier;
  if (!isTiered && file !== triedAlone.rolling) return blankHosts();
  const lab = await openLab<string>({
    hosts: { web1: newer, web2: older, lb1: newer, ...(isTiered && { db1: older }) },
  });
  const groups = {
    web: { hosts: ['web1', 'web2'] },
    lb: { hosts: ['lb1'] },
    ...(isTiered && { db: { hosts: ['db1'] } }),
  };
  return { lab, folder: workspace(lab, { groups }) };
}

describeLab('a plan saved of blank hosts', () => {
  let lab: Lab | undefined;
  let folder: string | undefined;
  afterEach(async () => {
    if (folder) rmSync(folder, { recursive: true });
    folder = undefined;
    await lab?.close();
  });

  it.each(files)('of playbooks/%s is applied completely, and then nothing is left to do', async file => {
    build();
    ({ lab, folder } = await hostsFor(file));
    const hosts = Object.keys(lab.hosts);
    // Paths that a playbook makes of it are those of the account on the hosts.
    const ran = (...args: string[]) => reconcile(folder!, [...args, '--json'], { HOME: '/home/deploy' });
    const planned = await ran('plan', file, '-o', 'plan.json');
    expect([planned.exit, planned.stderr, problems(planned)]).toEqual([2, '', []]);
    const applied = await ran('apply', 'plan.json');
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    for (const host of hosts) expectAsShown(planned, applied, host);
    const again = await ran('apply', file);
    expect([again.exit, problems(again)]).toEqual([0, []]);
    for (const host of hosts) expect(named(again, host, 'changed')).toEqual([]);
    const third = Object.fromEntries(hosts.map(host => [host, Object.values(statuses(again, host)).length]));
    for (const host of hosts) expect(third[host]).toBeGreaterThan(0);
  });
});
