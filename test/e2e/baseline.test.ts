import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import {
  blankHosts,
  build,
  named,
  problems,
  type Ran,
  reconcile,
  statuses,
  triedAlone,
} from './reconcile.ts';

const hosts = ['web1', 'web2'] as const;

/** What somebody does to a finished server, and the keys of the differences that a check then shows, by resource. */
const drifts: readonly { by: string; shows: Readonly<Record<string, readonly string[]>> }[] = [
  { by: 'apt-get -qy remove rsyslog', shows: { Programs: ['installed'] } },
  { by: 'gpasswd -d ops admins', shows: { 'Account ops': ['groups'] } },
  { by: 'gpasswd -d auditor admins', shows: { 'Account auditor': ['groups'] } },
  { by: 'chmod 0600 /etc/cron.d/report-space', shows: { 'Report of free space': ['mode'] } },
  { by: 'usermod -s /bin/sh auditor', shows: { 'Account auditor': ['shell'] } },
  {
    by: 'echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEP4jbmPJVjbqzEHPOSWFZzMFC/S3dzJJPyQ2V0tBq6p" >>~ops/.ssh/authorized_keys',
    shows: { 'Keys of ops': ['keys'] },
  },
  { by: 'chmod 0644 ~auditor/.ssh/authorized_keys', shows: { 'Keys of auditor': ['file'] } },
  { by: 'chmod 0755 ~auditor/.ssh', shows: { 'Keys of auditor': ['folder'] } },
  {
    by: 'sed -i "s/NOPASSWD: //" /etc/sudoers.d/admins && chmod 0400 /etc/sudoers.d/admins',
    shows: { 'Rights of administrators': ['content', 'mode'] },
  },
  {
    by: 'sed -i "s/PasswordAuthentication no/PasswordAuthentication yes/" /etc/ssh/sshd_config.d/00-reconcile.conf',
    shows: { 'SSH server': ['content', 'PasswordAuthentication'] },
  },
  { by: 'chmod 0644 /etc/ssh/sshd_config.d/00-reconcile.conf', shows: { 'SSH server': ['mode'] } },
  { by: 'echo "bantime = 1m" >>/etc/fail2ban/jail.d/sshd.local', shows: { Bans: ['content'] } },
  { by: 'systemctl disable --now fail2ban', shows: { 'Ban service': ['enabled', 'state'] } },
  { by: 'systemctl disable --now apt-daily.timer', shows: { 'Timer apt-daily.timer': ['enabled', 'state'] } },
  {
    by: 'systemctl mask --now apt-daily-upgrade.timer',
    shows: { 'Timer apt-daily-upgrade.timer': ['enabled', 'masked', 'state'] },
  },
  {
    by: 'sed -i "/Remove-Unused-Dependencies/d" /etc/apt/apt.conf.d/52reconcile-unattended-upgrades',
    shows: { 'Security updates': ['content'] },
  },
  {
    by: 'sed -i "s/^17 5 .* root df/18 5 * * * nobody df/" /etc/cron.d/report-space',
    shows: { 'Report of free space': ['schedule', 'user'] },
  },
  { by: 'sed -i "s/df -h/df/" /etc/cron.d/report-space', shows: { 'Report of free space': ['command'] } },
  { by: 'ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime', shows: { 'Time zone': ['zone'] } },
  { by: 'sed -i "s/^en_US/# en_US/" /etc/locale.gen', shows: { Locale: ['kept'] } },
  { by: 'echo LANG=C.UTF-8 >/etc/default/locale', shows: { Locale: ['default'] } },
  {
    by: 'sed -i "s/500M/5G/" /etc/systemd/journald.conf.d/zz-reconcile-journal.conf',
    shows: { Journal: ['content'] },
  },
  { by: 'chmod 0777 /var/log/apps', shows: { 'Log of applications': ['mode'] } },
  { by: 'chgrp root /var/log/apps', shows: { 'Log of applications': ['group'] } },
  { by: 'echo "# mine" >>/etc/logrotate.d/apps', shows: { 'Rotation of application logs': ['content'] } },
  { by: 'chmod 0600 /etc/logrotate.d/apps', shows: { 'Rotation of application logs': ['mode'] } },
];

/** Returns the keys of the differences that a run shows on a host, by resource. */
function keysShown(ran: Ran, host: string): Record<string, string[]> {
  const changed = ran.events.filter(
    ({ event, host: at, diff }) => event === 'resource' && at === host && diff,
  );
  return Object.fromEntries(
    changed.map(({ name, diff }) => [name, diff.changes.map(({ key }: { key: string }) => key).toSorted()]),
  );
}

function expected(): Record<string, string[]> {
  const keys: Record<string, string[]> = {};
  for (const { shows } of drifts)
    for (const [name, own] of Object.entries(shows)) keys[name] = [...(keys[name] ?? []), ...own].toSorted();
  return keys;
}

describeLab('playbooks/baseline.yml on a blank Debian 12 and a blank Debian 13 host', () => {
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
  const apply = (...args: string[]) => reconcile(folder, ['apply', triedAlone.baseline, '--json', ...args]);

  it('changes what the check showed, resource by resource, and then changes nothing', async () => {
    const checked = await apply('--check');
    expect([checked.exit, checked.stderr, problems(checked)]).toEqual([2, '', []]);
    const applied = await apply();
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    for (const name of hosts) expectAsShown(checked, applied, name);
    const again = await apply();
    expect([again.exit, problems(again)]).toEqual([0, []]);
    for (const name of hosts) expect(named(again, name, 'changed')).toEqual([]);
  });

  it(`shows ${drifts.length} kinds of drift, each by its fields, and heals them`, async () => {
    for (const name of hosts)
      for (const { by } of drifts) {
        const { code, stderr } = await lab.exec(name, by);
        expect({ by, code, stderr: code === 0 ? '' : stderr }).toEqual({ by, code: 0, stderr: '' });
      }
    const checked = await apply('--check');
    expect([checked.exit, problems(checked)]).toEqual([2, []]);
    for (const name of hosts) expect(keysShown(checked, name)).toMatchObject(expected());
    const healed = await apply();
    expect([healed.exit, problems(healed)]).toEqual([0, []]);
    const again = await apply('--check');
    expect([again.exit, problems(again)]).toEqual([0, []]);
    for (const name of hosts)
      expect(Object.keys(statuses(again, name)).toSorted()).toEqual(
        Object.keys(statuses(checked, name)).toSorted(),
      );
  });
});
