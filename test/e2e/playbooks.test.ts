import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown, expectToComeTrue } from './as-shown.ts';
import { blankHosts, build, named, reconcile, statuses, triedAlone } from './reconcile.ts';

const playbooks = join(import.meta.dirname, '../../playbooks');
const alone: readonly string[] = Object.values(triedAlone);
const files = readdirSync(playbooks).filter(file => /\.ya?ml$/.test(file) && file !== 'inventory.yml');

it('the playbooks of other tests exist', () => {
  expect(files).toEqual(expect.arrayContaining([...alone]));
});

for (const file of files.filter(file => !alone.includes(file))) {
  describeLab(`playbooks/${file} on a blank Debian 12 and a blank Debian 13 host`, () => {
    let lab: Lab<'web1' | 'web2'>;
    let folder: string;
    beforeAll(async () => {
      build();
      ({ lab, folder } = await blankHosts());
    });
    afterAll(async () => {
      if (folder) rmSync(folder, { recursive: true });
      await lab?.close();
    });

    it('changes what the check showed, resource by resource, and then changes nothing', async () => {
      // Paths that a playbook makes of it are those of the account on the hosts.
      const apply = (...args: string[]) =>
        reconcile(folder, ['apply', file, '--json', ...args], { HOME: '/home/deploy' });
      const again = await expectToComeTrue(apply, ['web1', 'web2']);
      for (const name of ['web1', 'web2'])
        expect(named(again, name, 'unchanged')).toEqual(Object.keys(statuses(again, name)));
    });
  });
}

it('playbooks/hello.yml does what it shows on this machine, and then changes nothing', async () => {
  build();
  const home = mkdtempSync(join(tmpdir(), 'reconcile-hello-'));
  try {
    const apply = (...args: string[]) =>
      reconcile(home, ['apply', join(playbooks, 'hello.yml'), '--json', ...args], { HOME: home });
    const checked = await apply('--check');
    expect([checked.exit, existsSync(join(home, 'reconcile-hello'))]).toEqual([2, false]);
    const applied = await apply();
    expect(applied.exit).toBe(0);
    expectAsShown(checked, applied, 'localhost');
    expect(named(await apply(), 'localhost', 'changed')).toEqual([]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
