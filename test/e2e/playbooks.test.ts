import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, named, reconcile, statuses, workspace } from './reconcile.ts';

describeLab('playbooks/flask-pgbouncer.yml on a blank Debian 13 host', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'trixie' }, acme: true });
    const { directory, caBundle } = lab.hosts.web1.acme;
    folder = workspace(lab, {
      groups: { web: { hosts: ['web1'], vars: { acme_server: directory, acme_ca_bundle: caBundle } } },
    });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it('changes what the check showed, answers through the pool, and then changes nothing', async () => {
    const apply = (...args: string[]) =>
      reconcile(folder, ['apply', 'flask-pgbouncer.yml', '--json', ...args]);
    const checked = await apply('--check');
    expect([checked.exit, checked.stderr]).toEqual([2, '']);
    const applied = await apply();
    expect([applied.exit, applied.events.filter(({ error }) => error)]).toEqual([0, []]);
    expect(named(applied, 'web1', 'changed')).toEqual(named(checked, 'web1', 'would_change'));
    expect(await lab.https('web1', 'https://example.com/')).toMatchObject({ status: 200 });
    const again = await apply();
    expect(named(again, 'web1', 'unchanged')).toEqual(Object.keys(statuses(again, 'web1')));
  });
});

it('playbooks/hello.yml does what it shows on this machine, and then changes nothing', async () => {
  build();
  const home = mkdtempSync(join(tmpdir(), 'reconcile-hello-'));
  try {
    const playbook = join(import.meta.dirname, '../../playbooks/hello.yml');
    const apply = (...args: string[]) =>
      reconcile(home, ['apply', playbook, '--json', ...args], { HOME: home });
    const checked = await apply('--check');
    expect([checked.exit, existsSync(join(home, 'reconcile-hello'))]).toEqual([2, false]);
    const applied = await apply();
    expect([applied.exit, named(applied, 'localhost', 'changed')]).toEqual([
      0,
      named(checked, 'localhost', 'would_change'),
    ]);
    expect(named(await apply(), 'localhost', 'changed')).toEqual([]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
