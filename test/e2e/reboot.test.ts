import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, type RanEvent, reconcile, starting, statuses } from './reconcile.ts';

type Name = 'web1' | 'web2';

describeLab('a reboot', () => {
  let lab: Lab<Name>;
  let folder: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: older, web2: newer } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    play('one.yml', { hosts: 'web1' }, {});
    play('two.yml', { hosts: 'all', rollout: { batches: [1] } }, {});
    play('on.yml', { hosts: 'web2' }, { required: false, reboot_on: ['Settings'] });
    play('late.yml', { hosts: 'web1' }, { max_wait: '5s' });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  function play(file: string, more: object, reboot: object): void {
    const resources = [
      { name: 'Settings', file: { path: '/etc/settings', content: 'a\n' } },
      { name: 'Reboot', reboot },
      { name: 'After', file: { path: '/etc/after', content: 'a\n' } },
    ];
    writeFileSync(join(folder, file), JSON.stringify({ ...more, become: true, resources }));
  }
  async function on(host: Name, script: string): Promise<string> {
    const { code, stdout, stderr } = await lab.exec(host, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout.trim();
  }
  const bootOf = (host: Name) => on(host, 'cat /proc/sys/kernel/random/boot_id');
  const apply = (file: string, ...args: string[]) => reconcile(folder, ['apply', file, ...args, '--json']);
  const need = (host: Name) =>
    on(
      host,
      'rm -f /etc/settings /etc/after; touch /run/reboot-required; echo libc6 >/run/reboot-required.pkgs',
    );
  const isRestarted = ({ event, why }: RanEvent) =>
    event === 'host_reconnected' && why === 'The host was restarted.';
  async function upAgain(host: Name, was: string): Promise<void> {
    const isUp = () =>
      bootOf(host).then(
        boot => boot !== was,
        () => false,
      );
    await expect.poll(isUp, { timeout: 120_000 }).toBe(true);
    await lab.boot(host);
  }

  // ansible#78007: a host that had not gone down yet counted as rebooted.
  it('that the host asks for is shown, done once, and followed by the later resources', async () => {
    await need('web1');
    const was = await bootOf('web1');
    const check = await apply('one.yml', '--check');
    expect(check.events.find(({ name }) => name === 'Reboot').diff.changes).toEqual([
      expect.objectContaining({ key: 'reboot', before: 'because libc6 asked for it', after: 'no' }),
    ]);
    const ran = await apply('one.yml');
    expect([errors(ran), statuses(ran, 'web1')]).toEqual([
      [],
      { Settings: 'changed', Reboot: 'changed', After: 'changed' },
    ]);
    const now = await bootOf('web1');
    expect(now).not.toBe(was);
    const again = await apply('one.yml');
    expect([again.exit, statuses(again, 'web1'), await bootOf('web1')]).toEqual([
      0,
      { Settings: 'unchanged', Reboot: 'unchanged', After: 'unchanged' },
      now,
    ]);
    expect(await on('web1', 'ls /var/lib/reconcile/lease 2>/dev/null || true')).toBe('');
  });

  it('that a change makes necessary survives a killed controller, and is over after any reboot', async () => {
    const was = await bootOf('web2');
    await on('web2', 'echo b >/etc/settings');
    const going = starting(folder, ['apply', 'on.yml', '--json']);
    await going.until(({ event, name }) => event === 'resource' && name === 'Settings');
    going.child.kill('SIGKILL');
    await going.ended;
    await sleep(5000);
    // The controller may have asked for the reboot before its end.
    if ((await bootOf('web2').catch(() => 'none')) !== was) await upAgain('web2', was);
    const next = await apply('on.yml');
    expect([errors(next), statuses(next, 'web2')['Settings']]).toEqual([[], 'unchanged']);
    const now = await bootOf('web2');
    expect(now).not.toBe(was);
    const last = await apply('on.yml');
    expect([Object.values(statuses(last, 'web2')), await bootOf('web2')]).toEqual([
      ['unchanged', 'unchanged', 'unchanged'],
      now,
    ]);
  });

  // ansible#47647: a host that was down for its reboot counted as unreachable.
  it('whose controller is killed while the host is down is not done again', async () => {
    await need('web1');
    const was = await bootOf('web1');
    const going = starting(folder, ['apply', 'one.yml', '--json']);
    await going.until(({ event, name }) => event === 'resource' && name === 'Settings');
    await expect
      .poll(() => bootOf('web1').catch(() => 'none'), { timeout: 60_000, interval: 100 })
      .not.toBe(was);
    going.child.kill('SIGKILL');
    await going.ended;
    await upAgain('web1', was);
    const now = await bootOf('web1');
    const next = await apply('one.yml');
    expect([errors(next), statuses(next, 'web1'), await bootOf('web1')]).toEqual([
      [],
      { Settings: 'unchanged', Reboot: 'unchanged', After: 'changed' },
      now,
    ]);
  });

  it('after which a unit fails that had not failed before fails with its name', async () => {
    await need('web1');
    await on(
      'web1',
      `cd /etc/systemd/system; printf '[Service]\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n' >bad.service; systemctl enable -q bad`,
    );
    const ran = await apply('one.yml');
    const [error] = errors(ran);
    expect([error.code, error.cause]).toEqual([
      'step-failed',
      expect.stringContaining('before: bad.service'),
    ]);
    await need('web1');
    expect(errors(await apply('one.yml'))).toEqual([]);
    await on(
      'web1',
      'systemctl disable -q bad; rm /etc/systemd/system/bad.service; systemctl daemon-reload; systemctl reset-failed',
    );
  });

  it('in a roll-out is done on one host after the other', async () => {
    await Promise.all([need('web1'), need('web2')]);
    const ran = await apply('two.yml');
    expect(errors(ran)).toEqual([]);
    const story = ran.events
      .filter(each => isRestarted(each) || (each.event === 'resource' && each.name === 'After'))
      .map(({ event, host }) => `${host} ${event}`);
    expect(story).toEqual([
      'web1 host_reconnected',
      'web1 resource',
      'web2 host_reconnected',
      'web2 resource',
    ]);
  });

  describe('of a host that does not come back', () => {
    // ansible#69088, #58868: a host that did not come back was waited for without an end.
    it('fails after max_wait, and the later resources are not applied', async () => {
      await need('web1');
      // Systemd waits for the script that stops this unit.
      await on(
        'web1',
        `systemd-run -q --unit=slow --property=ExecStop='/bin/sleep 20' --property=TimeoutStopSec=60 sleep infinity`,
      );
      const was = await bootOf('web1');
      const ran = await apply('late.yml');
      expect([errors(ran)[0].code, statuses(ran, 'web1')]).toEqual([
        'reboot-failed',
        { Settings: 'changed', Reboot: 'failed', After: 'skipped' },
      ]);
      await upAgain('web1', was);
      const next = await apply('late.yml');
      expect([errors(next), Object.values(statuses(next, 'web1'))]).toEqual([
        [],
        ['unchanged', 'unchanged', 'changed'],
      ]);
    });
  });
});
