import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { build, problems, reconcile, starting } from './reconcile.ts';

const hosts = ['web1', 'web2'] as const;

/** Milliseconds after the plan until the controller is killed. `npm run chaos` tries ten, `npm test` three. */
const delaysMs =
  process.env['RECONCILE_CHAOS'] === 'full' ? Array.from({ length: 10 }, (_, i) => i * 40) : [0, 80, 200];

describeLab('a key that is replaced on all hosts', () => {
  let lab: Lab<'web1' | 'web2'>;
  let folder: string;
  const keys: Record<'old' | 'new', string> = { old: '', new: '' };

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: older, web2: newer } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-key-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    for (const name of ['old', 'new'] as const) {
      const file = join(folder, name);
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
      keys[name] = readFileSync(`${file}.pub`, 'utf8').trim();
    }
    for (const host of hosts) await lab.exec(host, 'useradd --create-home ops');
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  /** Writes the playbook that lets in these keys alone. */
  const declare = (...names: ('old' | 'new')[]) =>
    writeFileSync(
      join(folder, 'play.yml'),
      JSON.stringify({
        hosts: 'all',
        become: true,
        resources: [
          { authorized_keys: { user: 'ops', keys: names.map(name => keys[name]), exclusive: true } },
        ],
      }),
    );

  /** Whether a key opens the account on a host. */
  const opens = (name: 'old' | 'new', host: 'web1' | 'web2') =>
    spawnSync('ssh', [
      ...['-i', join(folder, name), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-F', '/dev/null'],
      ...['-o', `UserKnownHostsFile=${lab.knownHosts}`, `ops@${lab.hosts[host].address}`, 'true'],
    ]).status === 0;

  it('lets one of both keys in wherever its controller is killed, and in the end the new one alone', async () => {
    for (const point of delaysMs) {
      declare('old');
      const before = await reconcile(folder, ['apply', 'play.yml', '--json']);
      expect([before.exit, problems(before)]).toEqual([0, []]);
      declare('new');
      const going = starting(folder, ['apply', 'play.yml', '--json']);
      await going.until(({ event }) => event === 'host_plan');
      await sleep(point);
      going.child.kill('SIGKILL');
      await going.ended;
      for (const host of hosts)
        expect([point, host, opens('old', host) || opens('new', host)]).toEqual([point, host, true]);
      const after = await reconcile(folder, ['apply', 'play.yml', '--json']);
      expect([point, after.exit, problems(after)]).toEqual([point, 0, []]);
      for (const host of hosts)
        expect([point, host, opens('old', host), opens('new', host)]).toEqual([point, host, false, true]);
    }
  });
});
