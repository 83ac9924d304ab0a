import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import { build, named, problems, type Ran, reconcile, statuses, triedAlone, workspace } from './reconcile.ts';

const names = ['db1', 'web1', 'web2', 'lb1'] as const;
type Name = (typeof names)[number];

describeLab(`playbooks/${triedAlone.twoTier} on four blank hosts`, () => {
  let lab: Lab<Name>;
  let folder: string;
  let checked: Ran;
  let applied: Ran;
  const apply = (...args: string[]) => reconcile(folder, ['apply', triedAlone.twoTier, '--json', ...args]);

  beforeAll(async () => {
    build();
    const hosts = { db1: older, web1: older, web2: older, lb1: older };
    lab = await openLab({ hosts });
    const groups = { db: { hosts: ['db1'] }, web: { hosts: ['web1', 'web2'] }, lb: { hosts: ['lb1'] } };
    folder = workspace(lab, { groups });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it('a check of the balancer alone reads the facts of the web hosts that --limit leaves out', async () => {
    const { exit, events, stderr } = await apply('--check', '--limit', 'lb1');
    expect([exit, stderr]).toEqual([2, '']);
    expect([...new Set(events.map(({ host }) => host).filter(Boolean))]).toEqual(['lb1']);
    const diff = JSON.stringify(events.find(({ name }) => name === 'Site')?.diff);
    for (const name of ['web1', 'web2'] as const)
      expect(diff).toContain(`server ${lab.hosts[name].address}:`);
  });

  it('an apply changes what the check showed, resource by resource, and the schema on one host', async () => {
    checked = await apply('--check');
    expect([checked.exit, checked.stderr, problems(checked)]).toEqual([2, '', []]);
    applied = await apply();
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    for (const name of names) expectAsShown(checked, applied, name);
    const schema = (['web1', 'web2'] as const).map(name => statuses(applied, name)['App / Schema']);
    expect(schema).toEqual(['changed', 'skipped']);
  });

  it('requests through the balancer reach both web hosts, which share the database', async () => {
    const answers: { host: string; visits: number }[] = [];
    for (let i = 0; i < 6; i++)
      answers.push((await (await fetch(`http://${lab.hosts.lb1.address}/`)).json()) as never);
    expect(new Set(answers.map(({ host }) => host))).toEqual(new Set(['web1', 'web2']));
    const visits = answers.map(({ visits: count }) => count);
    expect(visits).toEqual(visits.map((_, i) => visits[0]! + i));
  });

  it('a second apply changes nothing, and a check exits 0', async () => {
    const again = await apply();
    expect([again.exit, problems(again)]).toEqual([0, []]);
    for (const name of names) expect(named(again, name, 'changed')).toEqual([]);
    expect((await apply('--check')).exit).toBe(0);
  });

  it('drift by hand is shown and healed, and nothing else changes', async () => {
    const { code } = await lab.exec('web2', 'echo DATABASE_URL=elsewhere >/etc/visits.env');
    expect(code).toBe(0);
    const seen = await apply('--check');
    expect(seen.exit).toBe(2);
    const shown = names.map(name => named(seen, name, 'would_change'));
    expect(shown).toEqual([[], [], ['App / Environment', 'App / Service'], []]);
    const healed = await apply();
    expect([healed.exit, problems(healed)]).toEqual([0, []]);
    expect(names.map(name => named(healed, name, 'changed'))).toEqual(shown);
    expect((await apply('--check')).exit).toBe(0);
  });

  it('hosts that delegate to the same one take turns', async () => {
    const run = 'n=$(cat /run/n 2>/dev/null || echo 0); sleep 0.5; echo $((n + 1)) >/run/n';
    const command = { run, always: true };
    const resources = [{ command, delegate_to: 'lb1' }];
    writeFileSync(join(folder, 'count.yml'), JSON.stringify({ hosts: 'web,db', become: true, resources }));
    const { exit, events } = await reconcile(folder, ['apply', 'count.yml', '--json']);
    expect([exit, events.filter(({ delegated_to: on }) => on === 'lb1').length > 0]).toEqual([0, true]);
    expect((await lab.exec('lb1', 'cat /run/n')).stdout).toBe('3\n');
    expect((await lab.exec('lb1', 'ls /var/lib/reconcile/lease')).code).not.toBe(0);
    expect((await reconcile(folder, ['history', 'lb1'])).stdout.match(/count\.yml/g)).toHaveLength(3);
  });

  it('no secret is in any output', () => {
    for (const { stdout } of [checked, applied])
      for (const secret of ['canary-', encodeURIComponent('p@ss/w%rd')]) expect(stdout).not.toContain(secret);
  });
});
