import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ansible, bringAnsible } from '../lab/judge.ts';
import type { Lab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { expectToComeTrue } from './as-shown.ts';
import { blankHosts, build, problems, type Ran, reconcile, statuses, triedAlone } from './reconcile.ts';

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

/** The same server as Ansible's own modules declare it. */
const tasks = [
  {
    apt: { name: ['cron', 'fail2ban', 'locales', 'logrotate', 'nftables', 'rsyslog', 'unattended-upgrades'] },
  },
  { group: { name: 'admins', system: true } },
  { user: { name: 'ops', groups: 'admins', append: true, shell: '/bin/bash' } },
  { user: { name: 'auditor', groups: 'admins', append: true, shell: '/bin/bash' } },
  { file: { path: '/home/ops/.ssh', state: 'directory', owner: 'ops', group: 'ops', mode: '0700' } },
  {
    lineinfile: {
      path: '/home/ops/.ssh/authorized_keys',
      line: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE ops',
      owner: 'ops',
      mode: '0600',
    },
  },
  { lineinfile: { path: '/etc/sudoers.d/admins', line: '%admins ALL=(ALL) NOPASSWD: ALL', mode: '0440' } },
  { lineinfile: { path: '/etc/ssh/sshd_config.d/00-reconcile.conf', line: 'PasswordAuthentication no' } },
  {
    copy: {
      dest: '/etc/fail2ban/jail.d/sshd.local',
      content: '[sshd]\nenabled = true\nbackend = systemd\nbantime = 1h\n',
    },
  },
  { systemd: { name: 'fail2ban', enabled: true, state: 'started' } },
  { systemd: { name: 'apt-daily.timer', enabled: true, masked: false, state: 'started' } },
  { lineinfile: { path: '/etc/cron.d/report-space', line: '17 5 * * * root df -h / | logger -t space' } },
  { file: { path: '/etc/localtime', src: '/usr/share/zoneinfo/Europe/Berlin', state: 'link' } },
  { lineinfile: { path: '/etc/default/locale', regexp: '^LANG=', line: 'LANG=en_US.UTF-8' } },
  { file: { path: '/var/log/apps', state: 'directory', owner: 'root', group: 'adm', mode: '0750' } },
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
    await expectToComeTrue(apply, hosts);
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

  it.each(hosts)('is as Ansible declares it, too: %s', async name => {
    await bringAnsible();
    const { changed, failed, output } = ansible(lab, name, tasks, true);
    expect({ changed, failed, output }).toEqual({ changed: 0, failed: 0, output });
  });

  it.each(hosts)('is content with what Ansible made: %s', async name => {
    await bringAnsible();
    const made = [
      { group: { name: 'judges', gid: 1234 } },
      { user: { name: 'judge', uid: 1234, groups: 'judges', shell: '/bin/sh', comment: 'Judge' } },
      { lineinfile: { path: '/etc/hosts', line: '10.0.0.5 court.internal court' } },
    ];
    const { failed, output } = ansible(lab, name, made, false);
    expect({ failed, output }).toEqual({ failed: 0, output });
    const resources = [
      { group: { name: 'judges', gid: 1234, members: ['judge'] } },
      {
        user: {
          name: 'judge',
          uid: 1234,
          groups: ['judges'],
          shell: '/bin/sh',
          comment: 'Judge',
          home: '/home/judge',
        },
      },
      { hosts_entry: { ip: '10.0.0.5', names: ['court.internal', 'court'] } },
    ];
    writeFileSync(join(folder, 'judged.yml'), JSON.stringify({ hosts: name, become: true, resources }));
    const checked = await reconcile(folder, ['apply', 'judged.yml', '--check', '--json']);
    expect([keysShown(checked, name), problems(checked)]).toEqual([{}, []]);
  });
});
