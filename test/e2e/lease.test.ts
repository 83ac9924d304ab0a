import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, named, reconcile, statuses } from './reconcile.ts';

describeLab('one apply a host at a time', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  const program = join(import.meta.dirname, '../../dist/reconcile.cjs');
  const me = `${userInfo().username}@${hostname()}`;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm' } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    play('slow.yml', 'Slow', [
      {
        name: 'Wait',
        command: {
          run: ['sh', '-c', 'touch /root/begun; sleep 12; touch /root/slow'],
          creates: '/root/slow',
        },
      },
    ]);
    play('quick.yml', 'Quick', [
      { name: 'First', file: { path: '/root/quick', content: 'x\n' }, on_failure: 'continue' },
      { name: 'Second', file: { path: '/root/quick2', content: 'x\n' } },
    ]);
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  function play(file: string, name: string, resources: unknown[]): void {
    writeFileSync(join(folder, file), JSON.stringify({ name, hosts: 'all', become: true, resources }));
  }
  const ran = (...args: string[]) => reconcile(folder, args);
  const exists = async (path: string) => (await lab.exec('web1', `test -e ${path}`)).code === 0;
  /** Starts the slow apply as a process of its own and waits until its step has begun. */
  async function begin() {
    await lab.exec('web1', 'rm -f /root/begun /root/slow');
    const child = spawn(process.execPath, [program, 'apply', 'slow.yml'], {
      cwd: folder,
      env: { ...process.env, SSH_AUTH_SOCK: '' },
      stdio: 'ignore',
    });
    const ended = new Promise<number | null>(resolve => child.on('close', resolve));
    await expect.poll(() => exists('/root/begun'), { timeout: 30_000 }).toBe(true);
    return { child, ended, holder: `${me} (pid ${child.pid})` };
  }

  it('the second one is refused, names the first, and changes nothing; then the host is free', async () => {
    const slow = await begin();
    const refused = await ran('apply', 'quick.yml', '--json');
    expect([refused.exit, statuses(refused, 'web1')]).toEqual([1, { First: 'failed', Second: 'skipped' }]);
    const { error } = refused.events.find(({ event, name }) => event === 'resource' && name === 'First');
    expect(error).toMatchObject({ code: 'locked', message: expect.stringContaining(slow.holder) });
    expect(await exists('/root/quick')).toBe(false);

    const plan = await ran('plan', 'quick.yml');
    expect([plan.exit, plan.stdout]).toEqual([
      2,
      expect.stringContaining(`is being changed by ${slow.holder}`),
    ]);
    expect((await ran('lock', 'status', 'all')).stdout).toContain(`held by ${slow.holder}`);

    expect(await slow.ended).toBe(0);
    expect((await ran('lock', 'status', 'web1')).stdout).toBe('web1  free\n');
    const applied = await ran('apply', 'quick.yml', '--json');
    expect(named(applied, 'web1', 'changed')).toEqual(['First', 'Second']);
  });

  it('the history shows each apply that changed something, and no other', async () => {
    expect((await ran('apply', 'quick.yml')).exit).toBe(0);
    const asked = spawnSync(process.execPath, [program, 'history', '--json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const entries = JSON.parse(asked.stdout).hosts.web1;
    expect([asked.status, entries.length]).toEqual([0, 2]);
    expect(entries[0]).toMatchObject({
      who: userInfo().username,
      from: hostname(),
      playbook: expect.stringContaining('quick.yml'),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      play: 'Quick',
      counts: { changed: 2, failed: 0 },
      changed: [
        { name: 'First', module: 'file', change: 'create' },
        { name: 'Second', module: 'file', change: 'create' },
      ],
    });
    expect(entries[1]).toMatchObject({ play: 'Slow', changed: [{ name: 'Wait' }] });
    expect((await ran('history', 'web1')).stdout).toMatch(/^web1\n {2}.* UTC {2}.*quick\.yml/);
    const modes = await lab.exec('web1', 'cd /var/lib/reconcile && stat -c "%a %U" . history.jsonl && ls');
    expect(modes.stdout).toMatch(/^700 root\n600 root\n/);
    expect(modes.stdout).not.toMatch(/lease|new/);
  });

  it('a killed holder is shown while its step still runs, and can be released', async () => {
    const slow = await begin();
    slow.child.kill('SIGKILL');
    await slow.ended;
    expect((await ran('lock', 'status', 'all')).stdout).toContain(`held by ${slow.holder}`);
    await lab.exec('web1', 'rm -f /root/quick');
    const released = await ran('lock', 'release', 'web1');
    expect([released.exit, released.stdout]).toEqual([
      0,
      expect.stringContaining(`was held by ${slow.holder}`),
    ]);
    expect((await ran('apply', 'quick.yml')).exit).toBe(0);
    expect(await exists('/root/slow')).toBe(false);
    await expect.poll(() => exists('/root/slow'), { timeout: 40_000 }).toBe(true);
  });

  it('a run waits for the last step of a killed holder, and then reads the host', async () => {
    const slow = await begin();
    slow.child.kill('SIGKILL');
    await lab.exec('web1', 'rm -f /root/quick');
    const next = await ran('apply', 'quick.yml', '--json');
    expect([next.exit, named(next, 'web1', 'changed')]).toEqual([0, ['First']]);
    const waited = next.events.filter(({ event }) => event === 'host_waits' || event === 'host_connected');
    expect(waited).toMatchObject([{ lease: { holder: slow.holder } }, { event: 'host_connected' }]);
    expect(await exists('/root/slow')).toBe(true);
  });

  it('the lease of a killed holder is free as soon as its last step has ended', async () => {
    const slow = await begin();
    slow.child.kill('SIGKILL');
    await expect
      .poll(async () => (await ran('lock', 'status', 'web1')).stdout, { timeout: 40_000, interval: 1000 })
      .toBe('web1  free\n');
    expect(await exists('/root/slow')).toBe(true);
  });

  it('an account that is not root has a lease and a history of its own', async () => {
    const resources = [{ name: 'Own', file: { path: '/home/deploy/own', content: 'x\n' } }];
    writeFileSync(
      join(folder, 'own.yml'),
      JSON.stringify({ name: 'Own', hosts: 'all', become: false, resources }),
    );
    expect((await ran('apply', 'own.yml')).exit).toBe(0);
    const kept = await lab.exec('web1', 'cat /home/deploy/.local/state/reconcile/history.jsonl');
    expect(JSON.parse(kept.stdout)).toMatchObject({ play: 'Own' });
    expect((await ran('history')).stdout).toContain('own.yml');
    await lab.exec('web1', 'rm -r /home/deploy/own /home/deploy/.local && touch /home/deploy/.local');
    expect((await ran('apply', 'own.yml')).exit).toBe(0);
  });

  it('the second one leaves the journal of the first alone, which can still be reverted', async () => {
    await lab.exec('web1', 'rm -f /root/quick*; echo old >/root/kept');
    const resources = [{ name: 'Kept', file: { path: '/root/kept', content: 'new\n' } }];
    const checks = [{ command: { run: 'sleep 8; exit 1' } }];
    const play = {
      name: 'Reverting',
      hosts: 'all',
      become: true,
      resources,
      checks,
      on_failed_check: 'revert',
    };
    writeFileSync(join(folder, 'reverting.yml'), JSON.stringify(play));
    const first = ran('apply', 'reverting.yml', '--json');
    // The check is also read before the change.
    const isChanged = async () => (await lab.exec('web1', 'grep -q new /root/kept')).code === 0;
    await expect.poll(isChanged, { timeout: 60_000 }).toBe(true);
    const second = await ran('apply', 'quick.yml', '--json');
    expect(errors(second)[0]).toMatchObject({ code: 'locked' });
    const { exit, events } = await first;
    expect([exit, JSON.stringify(events).includes('"Kept"')]).toEqual([1, true]);
    expect((await lab.exec('web1', 'cat /root/kept; rm /root/kept')).stdout).toBe('old\n');
  });
});
