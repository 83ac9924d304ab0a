/**
 * Measures what the modules of a whole server (users, keys, repositories, kernel, time, mounts, firewall …) add to a run
 * without changes: 60 resources of files, folders, services and packages, against the same 60 with one resource of each of
 * those modules, in turns, as medians, and the round trips of both. `npx tsx bench/whole-server.ts [ROUNDS]`, which is odd.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, reconcile, workspace } from '../test/e2e/reconcile.ts';
import { cost } from '../test/e2e/round-trips.ts';
import { openLab } from '../test/lab/lab.ts';

const rounds = Number(process.argv[2] ?? 21);
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE ops';

const ordinary = [
  {
    apt: {
      packages: [
        'cron',
        'locales',
        'logrotate',
        'nftables',
        'python3',
        'rsyslog',
        'sudo',
        'tzdata',
        'unattended-upgrades',
      ],
    },
  },
  ...['cron', 'rsyslog', 'ssh'].map(name => ({ service: { name, enabled: true, state: 'running' } })),
  ...['apt-daily.timer', 'apt-daily-upgrade.timer'].map(name => ({
    service: { name, masked: false, enabled: true, state: 'running' },
  })),
  ...Array.from({ length: 20 }, (_, i) => ({ directory: { path: `/srv/app/folder${i}`, mode: '0755' } })),
  ...Array.from({ length: 30 }, (_, i) => ({
    file: { path: `/srv/app/folder${i % 20}/file${i}`, content: `${i}\n` },
  })),
  ...Array.from({ length: 4 }, (_, i) => ({
    link: { path: `/srv/app/link${i}`, target: `/srv/app/folder${i}` },
  })),
];

const wholeServer = [
  { debconf: { package: 'tzdata', answers: { 'tzdata/Areas': 'Etc' } } },
  { alternatives: { name: 'pager', path: '/bin/more' } },
  { group: { name: 'admins', system: true } },
  { user: { name: 'ops', groups: ['admins'], shell: '/bin/bash' } },
  { authorized_keys: { user: 'ops', keys: [key] } },
  // The relay that counts round trips has another address, so no from_inventory.
  { known_hosts: { name: 'git.example.com', keys: [key.replace(/ ops$/, '')] } },
  { sudoers: { name: 'admins', group: 'admins', commands: ['ALL'], run_as: 'ALL', nopasswd: true } },
  { sshd_config: { settings: { PasswordAuthentication: false, X11Forwarding: false } } },
  { firewall: { backend: 'nftables', rules: [{ allow: '22/tcp' }, { allow: '80,443/tcp' }] } },
  {
    apt_repository: {
      name: 'example',
      uris: ['http://192.0.2.1/debian'],
      suites: ['stable'],
      components: ['main'],
      signed_by: '/usr/share/keyrings/debian-archive-keyring.gpg',
      enabled: false,
    },
  },
  { unattended_upgrades: { origins: ['security'] } },
  { cron_job: { name: 'report', user: 'root', schedule: '17 5 * * *', command: 'df -h / | logger' } },
  { systemd_config: { name: 'journald', values: { SystemMaxUse: '500M' } } },
  { logrotate: { name: 'apps', paths: ['/var/log/apps/*.log'], every: 'weekly', keep: 8 } },
  { hosts_entry: { ip: '10.0.0.5', names: ['db.internal', 'db'] } },
  { hostname: { name: 'web1' } },
  { timezone: { name: 'Europe/Berlin' } },
  { locale: { name: 'en_US.UTF-8', default: true } },
  { sysctl: { name: 'net.ipv4.ip_forward', value: 1 } },
  { kernel_module: { name: 'dummy' } },
  { mount: { path: '/mnt/scratch', source: 'tmpfs', type: 'tmpfs', options: ['size=16m'] } },
  { swap: { path: '/swapfile', size: '64M' } },
  { reboot: {} },
];

const median = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;

build();
const lab = await openLab({ hosts: { web1: 'bookworm' } });
const folder = workspace(lab);
try {
  const plays = {
    [`${ordinary.length} ordinary resources`]: ordinary,
    [`the same and ${wholeServer.length} of a whole server`]: [...ordinary, ...wholeServer],
  };
  const files = new Map(Object.keys(plays).map((name, at) => [name, `play${at}.yml`]));
  for (const [name, file] of files)
    writeFileSync(
      join(folder, file),
      JSON.stringify({ hosts: 'web1', become: true, resources: plays[name] }),
    );
  const apply = async (file: string) => {
    const started = process.hrtime.bigint();
    const { exit, stdout, stderr } = await reconcile(folder, ['apply', file, '--no-diff']);
    if (exit !== 0) throw new Error(`${file} exited ${exit}\n${stdout}${stderr}`);
    return { stdout, ms: Number(process.hrtime.bigint() - started) / 1e6 };
  };
  const times = new Map<string, number[]>();
  for (const [name, file] of files) {
    await apply(file);
    const { stdout } = await apply(file);
    if (!stdout.includes(' 0 changed')) throw new Error(stdout);
    times.set(name, []);
  }
  for (let round = 0; round < rounds; round++)
    for (const [name, file] of files) times.get(name)!.push((await apply(file)).ms);
  const [before] = [...times.values()].map(median);
  console.log(`median of ${rounds}, nothing to do:`);
  for (const [name, file] of files) {
    const ms = median(times.get(name)!);
    const { roundTrips } = await cost(lab, 'web1', folder, file);
    console.log(
      `  ${name.padEnd(40)} ${ms.toFixed(0).padStart(5)} ms  +${(ms - before!).toFixed(0)} ms  ${roundTrips} round trips`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
  await lab.close();
}
