import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeHalfMadeCluster } from '../../modules/_postgres.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { startRelay } from '../lab/relay.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, type Ran, reconcile, statuses } from './reconcile.ts';

describeLab('what goes wrong on one host is told, and the other hosts finish', () => {
  let lab: Lab<'good' | 'bad'>;
  let folder: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { good: 'bookworm', bad: 'trixie' } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    mkdirSync(join(folder, '.ssh'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  /** Applies resources to both hosts; `bad` replaces what the inventory says of the second. */
  function apply(
    resources: unknown[],
    bad: Record<string, unknown> = {},
    args: string[] = [],
    env: Record<string, string> = {},
  ): Promise<Ran> {
    const play = { name: 'Trial', hosts: 'all', become: true, resources };
    writeFileSync(join(folder, 'trial.yml'), JSON.stringify(play));
    const { address, hostKey } = lab.hosts.bad;
    const whole = { address, user: 'deploy', identity_file: lab.identityFile, host_key: hostKey, ...bad };
    const inventory = lab
      .inventory()
      .replace(/^ {2}bad: .*$/m, `  bad: ${JSON.stringify(JSON.parse(JSON.stringify(whole)))}`);
    writeFileSync(join(folder, 'inventory.yml'), inventory);
    return reconcile(folder, ['apply', 'trial.yml', '--json', ...args], { HOME: folder, ...env });
  }
  const file = (path: string, content = 'x\n') => ({ file: { path, content } });
  const finished = (ran: Ran, host: string) =>
    ran.events.find(one => one.event === 'host_finished' && one.host === host);
  const failure = (ran: Ran, name: string, host = 'bad') =>
    ran.events.find(one => one.event === 'resource' && one.host === host && one.name === name)?.error;

  it.each([
    ['nothing listens', { port: 9 }, 'unreachable', /refused/],
    ['the name is unknown', { address: 'no-such-host.invalid' }, 'unreachable', /no-such-host\.invalid/],
    [
      'another key is pinned',
      { host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBOv0yJ/BEynzZh1DOs2+CYoMBGRypHEeBG0oq+Uyugk' },
      'host-key-changed',
      /key/,
    ],
    ['no key is known', { host_key: undefined }, 'host-key-unknown', /SHA256:/],
    ['the key is not accepted', { user: 'nobody' }, 'auth-failed', /nobody/],
  ])('%s: that host is unreachable, exit 4', async (_, bad, code, words) => {
    const ran = await apply([file(`/root/${code}`)], bad);
    expect(ran.exit).toBe(4);
    expect(finished(ran, 'good').result ?? finished(ran, 'good')).toMatchObject({ status: 'changed' });
    const [problem] = finished(ran, 'bad').problems;
    expect(problem).toMatchObject({ code, host: 'bad', message: expect.stringMatching(words) });
    await lab.exec('good', `rm /root/${code}`);
  });

  it('a host that is cut off is unreachable within the connect timeout', async () => {
    lab.cut('bad');
    try {
      const ran = await apply([file('/root/cut')]);
      expect([ran.exit, finished(ran, 'bad').problems[0].code]).toEqual([4, 'unreachable']);
      expect(statuses(ran, 'good')).toEqual({ 'file /root/cut': 'changed' });
    } finally {
      lab.mend('bad');
    }
  });

  it('an account without sudo fails with the words of sudo', async () => {
    await lab.exec(
      'bad',
      'useradd -m -s /bin/bash plain && cp -r ~deploy/.ssh ~plain/ && chown -R plain: ~plain/.ssh',
    );
    const ran = await apply([file('/root/sudo')], { user: 'plain' });
    expect([ran.exit, finished(ran, 'bad').problems[0].code]).toEqual([1, 'become-failed']);
    expect(JSON.stringify(finished(ran, 'bad').problems[0])).toMatch(/password is required/);
  });

  it('a full file system is reported, and no part of the file stays', async () => {
    await lab.exec('bad', 'mkdir -p /srv/small && mount -t tmpfs -o size=64k tmpfs /srv/small');
    await lab.exec('good', 'mkdir -p /srv/small');
    const ran = await apply([file('/srv/small/large', 'x'.repeat(200_000))]);
    expect(ran.exit).toBe(1);
    expect(failure(ran, 'file /srv/small/large')).toMatchObject({
      code: 'no-space',
      cause: expect.stringContaining('No space left'),
    });
    expect((await lab.exec('bad', 'ls -A /srv/small')).stdout).toBe('');
    expect(statuses(ran, 'good')).toEqual({ 'file /srv/small/large': 'changed' });
  });

  it('an unwritable directory is reported, nothing is lost, and the next apply converges', async () => {
    const path = '/srv/fixed/file';
    await lab.exec(
      'bad',
      'mkdir -p /srv/fixed && mount -t tmpfs tmpfs /srv/fixed && echo old >/srv/fixed/file',
    );
    await lab.exec('good', 'mkdir -p /srv/fixed');
    await lab.exec('bad', 'mount -o remount,ro /srv/fixed');
    const ran = await apply([file(path)]);
    expect([ran.exit, failure(ran, `file ${path}`).code, statuses(ran, 'good')]).toEqual([
      1,
      'read-only',
      { [`file ${path}`]: 'changed' },
    ]);
    expect((await lab.exec('bad', 'ls -A /srv/fixed; cat /srv/fixed/file')).stdout).toBe('file\nold\n');
    await lab.exec('bad', 'mount -o remount,rw /srv/fixed');
    expect((await apply([file(path)])).exit).toBe(0);
    expect((await lab.exec('bad', 'ls -A /srv/fixed; cat /srv/fixed/file; umount /srv/fixed')).stdout).toBe(
      'file\nx\n',
    );
  });

  it.each([-3600, 3600])(
    'a clock that is %i s off is told, and nothing goes by the wrong one',
    async offS => {
      const shifted = join(folder, 'clock.mjs');
      writeFileSync(
        shifted,
        `const Real = Date;
      globalThis.Date = class extends Real {
        constructor(...given) { super(...(given.length > 0 ? given : [Real.now() + ${offS * 1000}])); }
        static now() { return Real.now() + ${offS * 1000}; }
      };`,
      );
      const unit = {
        name: 'again.service',
        service: { ExecStart: '/bin/sleep 0.3', Restart: 'always', RestartSec: '200ms' },
        unit: { StartLimitIntervalSec: 0 },
      };
      const resources = [
        { name: 'Unit', systemd_unit: unit },
        { name: 'Loops', service: { name: 'again', state: 'running' }, on_failure: 'continue' },
        { name: 'Packages', apt: { packages: ['sudo'], update_cache: '30m', upgrade: 'safe' } },
        file('/srv/clock', String(offS)),
      ];
      const at = (...args: string[]) =>
        apply(resources, {}, ['-l', 'bad', ...args], { NODE_OPTIONS: `--import ${shifted}` });
      for (const wanted of [
        { Unit: 'changed', Loops: 'failed', Packages: 'changed', 'file /srv/clock': 'changed' },
        // Without its own clock the host would look as if the loop had been over for an hour.
        { Unit: 'unchanged', Loops: 'failed', Packages: 'unchanged', 'file /srv/clock': 'unchanged' },
      ]) {
        const ran = await at();
        expect(statuses(ran, 'bad')).toEqual(wanted);
        const skewS = ran.events.find(({ event }) => event === 'host_plan').skew_s;
        expect(Math.round(skewS / 60)).toBe(-offS / 60);
      }
      expect((await reconcile(folder, ['lock', 'status', 'bad'], { HOME: folder })).stdout).toContain('free');
      await apply(
        [
          { systemd_unit: { name: 'again.service', state: 'absent' } },
          { file: { path: '/srv/clock', state: 'absent' } },
        ],
        {},
        ['-l', 'bad'],
      );
      await lab.exec('bad', 'touch -d "2 hours ago" /var/lib/apt/lists');
    },
  );

  it('a failed validation shows its output and keeps the old file; later resources of the host wait', async () => {
    await lab.exec('bad', 'echo old >/etc/checked');
    const checked = {
      name: 'Checked',
      file: {
        path: '/etc/checked',
        content: 'new\n',
        validate: 'grep -q good %s || { echo it is not good >&2; false; }',
      },
    };
    const ran = await apply([checked, file('/root/later')]);
    expect(ran.exit).toBe(1);
    expect(failure(ran, 'Checked').cause).toContain('it is not good');
    expect(statuses(ran, 'bad')).toEqual({ Checked: 'failed', 'file /root/later': 'skipped' });
    expect((await lab.exec('bad', 'cat /etc/checked; ls /root/later')).stdout).toBe('old\n');
  });

  it.each<[title: string, service: Record<string, string>, said: RegExp]>([
    [
      'ends at once',
      { ExecStart: '/bin/sh -c "echo no-luck; exit 7"' },
      // The host decides when it is read again.
      /is failed .* right after its start|did not stay up/,
    ],
    ['dies after a second', { ExecStart: '/bin/sh -c "sleep 1; echo no-luck; exit 7"' }, /did not stay up/],
    [
      'comes back each time',
      { ExecStart: '/bin/sh -c "sleep 1; echo no-luck; exit 7"', Restart: 'always' },
      /ended within 3 s after its start and had to be started again/,
    ],
  ])('a service that %s has failed, with what it said since its start', async (_, service, said) => {
    await lab.exec('bad', 'systemd-run --wait --unit=poor echo older; sleep 2');
    const ran = await apply(
      [
        { systemd_unit: { name: 'poor.service', service } },
        { name: 'Poor', service: { name: 'poor', state: 'running' } },
      ],
      {},
      ['-l', 'bad'],
    );
    expect(ran.exit).toBe(1);
    const { cause } = failure(ran, 'Poor');
    expect(cause).toMatch(said);
    expect(cause).toContain('no-luck');
    expect(cause).not.toContain('older');
    await lab.exec(
      'bad',
      'systemctl stop poor; rm /etc/systemd/system/poor.service; systemctl daemon-reload; systemctl reset-failed poor',
    );
  });

  it('an impossible change is reported with its reason', async () => {
    // No reading of a folder shows that the kernel takes no files there.
    const ran = await apply([file('/proc/none')], {}, ['-l', 'bad']);
    expect(failure(ran, 'file /proc/none')).toMatchObject({
      message: 'write /proc/none (2 bytes) failed.',
      cause: expect.stringContaining('/proc'),
    });
  });

  it('a held package lock is waited for, then its holder is named', async () => {
    const tree = { name: 'Tree', apt: { packages: ['tree'], update_cache: '1h', lock_timeout: '3s' } };
    const hold = `perl -MFcntl -e 'open F, ">>", "/var/lib/dpkg/lock-frontend"; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep 300' >/dev/null 2>&1 & echo $!`;
    const holder = (await lab.exec('bad', `(${hold}) </dev/null 2>/dev/null`)).stdout.trim();
    try {
      const ran = await apply([tree]);
      expect(ran.exit).toBe(1);
      const error = failure(ran, 'Tree');
      expect(error).toMatchObject({ code: 'apt-locked' });
      expect(JSON.stringify(error)).toMatch(new RegExp(`perl.*${holder}|${holder}.*perl`));
      expect(statuses(ran, 'good')).toEqual({ Tree: 'changed' });
    } finally {
      await lab.exec('bad', `kill ${holder}`);
    }
    const next = await apply([tree]);
    expect([next.exit, statuses(next, 'bad')]).toEqual([0, { Tree: 'changed' }]);
  });

  it('a half-configured dpkg that cannot be completed is reported', async () => {
    const status = '/var/lib/dpkg/status';
    const script = '/var/lib/dpkg/info/ca-certificates.postinst';
    await lab.exec(
      'bad',
      `cp -a ${script} /root/postinst; printf '#!/bin/sh\necho it cannot be configured >&2\nexit 1\n' >${script}
      perl -0pi -e 's/(Package: ca-certificates\nStatus: install ok )installed/$1half-configured/' ${status}`,
    );
    const less = { name: 'Less', apt: { packages: ['less'], update_cache: '1h' } };
    const ran = await apply([less]);
    expect([ran.exit, failure(ran, 'Less')?.code]).toEqual([1, 'dpkg-broken']);
    expect(failure(ran, 'Less').cause).toContain('it cannot be configured');
    // Once it can be configured, the next apply finishes what was begun.
    await lab.exec('bad', `cp -a /root/postinst ${script}`);
    expect((await apply([less])).exit).toBe(0);
  });

  const server = [
    { name: 'Server', apt: { packages: ['postgresql'], update_cache: '1h' } },
    { name: 'App role', pg_role: { name: 'app' } },
  ];

  it("Debian's wrapper of psql without a client behind it counts as no psql", async () => {
    await lab.exec(
      'bad',
      'apt-get -q update && apt-get -y -q install --no-install-recommends postgresql-common',
    );
    const ran = await apply(server, {}, ['-l', 'bad', '--check']);
    expect([errors(ran), statuses(ran, 'bad')]).toEqual([
      [],
      { Server: 'would_change', 'App role': 'would_change' },
    ]);
    const alone = await apply(server.slice(1), {}, ['-l', 'bad']);
    expect([alone.exit, failure(alone, 'App role')?.code]).toEqual([1, 'program-missing']);
  });

  it('a half-made cluster of PostgreSQL is created again, and one that may have data is never touched', async () => {
    const data = '/var/lib/postgresql/17/main';
    const left = async (script: string) =>
      (
        await lab.exec(
          'bad',
          `${script}; cd ${data} && ls -d base/1 postmaster.opts backup_label old 2>/dev/null`,
        )
      ).stdout;
    await lab.exec(
      'bad',
      `export DEBIAN_FRONTEND=noninteractive
      apt-get -y -q -d install postgresql
      setsid apt-get -y -q install postgresql </dev/null &
      for i in $(seq 12000); do [ -e ${data}/base/1 ] && break; sleep 0.01; done
      pkill -9 -s $!; pkill -9 -u postgres; while pgrep -x dpkg; do pkill -9 -x dpkg; sleep 0.1; done`,
    );
    expect(await left('true')).toBe('base/1\n');
    for (const mark of ['postmaster.opts', 'backup_label', 'old']) {
      const kept = await left(`touch -d 2020-01-01 ${data}/${mark}; ${removeHalfMadeCluster}`);
      expect(kept.split('\n')).toEqual(expect.arrayContaining(['base/1', mark]));
      await left(`rm ${data}/${mark}`);
    }
    const ran = await apply(server, {}, ['-l', 'bad']);
    expect([ran.exit, statuses(ran, 'bad')]).toEqual([0, { Server: 'changed', 'App role': 'changed' }]);
    expect(await left(removeHalfMadeCluster)).toBe('base/1\npostmaster.opts\n');
  });

  it('a stopped server is started by its service, and its contents are unchanged', async () => {
    const service = { name: 'Running', service: { name: 'postgresql', state: 'running', settle: '0s' } };
    const [, role] = server;
    await lab.exec('bad', 'systemctl stop postgresql');
    const alone = await apply([role], {}, ['-l', 'bad']);
    expect([alone.exit, failure(alone, 'App role').code]).toEqual([1, 'not-running']);
    const resources = [server[0], service, role];
    const check = await apply(resources, {}, ['-l', 'bad', '--check']);
    const would = { Server: 'unchanged', Running: 'would_change', 'App role': 'would_change' };
    expect([check.exit, statuses(check, 'bad')]).toEqual([2, would]);
    const ran = await apply(resources, {}, ['-l', 'bad']);
    const became = { Server: 'unchanged', Running: 'changed', 'App role': 'unchanged' };
    expect([ran.exit, statuses(ran, 'bad')]).toEqual([0, became]);
    expect(finished(ran, 'bad').result.deviations).toBe(0);

    // Debian's postgresql.service is active whether its clusters run or not.
    const settings = '/etc/postgresql/17/main/postgresql.conf';
    await lab.exec(
      'bad',
      `pg_ctlcluster 17 main stop; cp -a ${settings} /root/conf; echo 'nonsense = 1' >>${settings}`,
    );
    const refused = await apply(resources, {}, ['-l', 'bad']);
    expect(failure(refused, 'Running').cause).toContain('unrecognized configuration parameter "nonsense"');
    await lab.exec('bad', `cp -a /root/conf ${settings}`);
    const healed = await apply(resources, {}, ['-l', 'bad']);
    expect([healed.exit, statuses(healed, 'bad')]).toEqual([0, became]);
  });

  it.each([
    ['psql', { pg_role: { name: 'app' } }],
    ['curl', { http_check: { url: 'http://127.0.0.1/' } }],
  ])('a program that nothing brings is a problem before anything is changed: %s', async (program, use) => {
    const ran = await apply([file('/root/early'), { name: 'Use', ...use }], {}, ['-l', 'good']);
    expect(ran.exit).toBe(1);
    expect(failure(ran, 'Use', 'good')).toMatchObject({
      code: 'program-missing',
      message: expect.stringContaining(program),
    });
    expect((await lab.exec('good', 'ls /root/early')).code).not.toBe(0);
  });

  it('invalid input is refused completely, before any host is contacted', async () => {
    const relay = await startRelay(lab.hosts.bad.address, 22);
    try {
      const ran = await apply(
        [{ file: { pth: '/a' } }, { fil: { path: '/b' } }, { file: { path: '/c', content: '{{ nope }}' } }],
        { address: '127.0.0.1', port: relay.port },
      );
      expect([ran.exit, relay.turns(), ran.stdout]).toEqual([3, 0, '']);
      for (const words of ['pth', '"fil"', 'nope']) expect(ran.stderr).toContain(words);
    } finally {
      await relay.close();
    }
  });
});
