import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../lab/command.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, named, type Ran, type RanEvent, reconcile, starting, statuses } from './reconcile.ts';

const root = join(import.meta.dirname, '../..');
const prepared =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx postgresql';

describeLab('what an apply promises', () => {
  let lab: Lab<'web1' | 'blank'>;
  let folder: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: { release: 'bookworm', prepared }, blank: 'trixie' } });
    await lab.snapshot('web1', 'fresh');
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    mkdirSync(join(folder, 'files/app/static'), { recursive: true });
    for (const file of ['app.txt', 'static/a.css'])
      writeFileSync(join(folder, 'files/app', file), `${file}\n`);
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  function write(resources: readonly unknown[], hosts = 'web1'): void {
    writeFileSync(
      join(folder, 'play.yml'),
      JSON.stringify({ name: 'Trial', hosts, become: true, resources }),
    );
  }
  const apply = (...args: string[]) => reconcile(folder, ['apply', 'play.yml', '--json', ...args]);
  const on = async (name: 'web1' | 'blank', script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  const web1 = (script: string) => on('web1', script);
  /** The files that no apply may leave on a host, however it ended: staged files, journals and notes. */
  const leftovers = () =>
    web1(
      `find / -xdev -path /proc -prune -o \\( -name '.reconcile.*' -o -path '/var/lib/reconcile/undo*' -o -path '/var/lib/reconcile/owed/*' \\) -print`,
    );

  /** A command that says that it has begun, and then waits a minute at most until the test lets it go on. */
  const gate = {
    close: () => web1('rm -f /run/begun /run/go'),
    open: () => web1('touch /run/go'),
    begun: () =>
      waitFor('the step to begin', 60_000, async () => {
        const { code } = await lab.exec('web1', 'test -e /run/begun');
        return code === 0 || undefined;
      }),
    wait: 'touch /run/begun; i=0; until [ -e /run/go ] || [ $i = 600 ]; do i=$((i + 1)); sleep 0.1; done',
  };

  /** Runs an apply and sends the controller a signal when the `after`-th resource of `web1` is done. */
  async function interrupted(after: number, signal: NodeJS.Signals | 'power cut', delayMs = 0): Promise<Ran> {
    const child = spawn(process.execPath, [join(root, 'dist/reconcile.cjs'), 'apply', 'play.yml', '--json'], {
      cwd: folder,
      env: { ...process.env, SSH_AUTH_SOCK: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number>(resolve => child.on('close', code => resolve(code ?? -1)));
    const events: RanEvent[] = [];
    let stdout = '';
    let sent = false;
    for await (const bytes of child.stdout as AsyncIterable<Buffer>) {
      stdout += bytes;
      const lines = stdout.split('\n');
      stdout = lines.pop()!;
      events.push(...lines.filter(Boolean).map(line => JSON.parse(line)));
      if (sent || events.filter(({ event }) => event === 'resource').length < after) continue;
      sent = true;
      if (delayMs > 0) await sleep(delayMs);
      strike(child, signal);
    }
    return { exit: await ended, stdout: '', stderr: '', events };
  }
  function strike(child: ChildProcess, signal: NodeJS.Signals | 'power cut'): void {
    if (signal !== 'power cut') child.kill(signal);
    else {
      lab.powerCut('web1');
      child.kill('SIGKILL');
    }
  }

  describe('a check', () => {
    const many = [
      { name: 'Packages', apt: { packages: ['nginx', 'postgresql', 'python3-venv'], update_cache: '1h' } },
      { service: { name: 'postgresql', enabled: true, state: 'running' } },
      { pg_role: { name: 'app', password: 'secret' } },
      { pg_database: { name: 'app', owner: 'app' } },
      { pg_grant: { role: 'app', database: 'app', privileges: ['ALL'] } },
      { pg_extension: { name: 'plpgsql', database: 'app', schema: 'pg_catalog' } },
      { pg_setting: { name: 'work_mem', value: '16MB' } },
      {
        pg_hba: {
          type: 'host',
          database: 'app',
          user: 'app',
          address: '127.0.0.1/32',
          method: 'scram-sha-256',
        },
      },
      { directory: { path: '/srv/app', owner: 'www-data', mode: '0750' } },
      { file: { path: '/srv/app/.env', content: 'A=1\n', mode: '0600', validate: 'grep -q A %s' } },
      { name: 'Login message', file: { path: '/etc/motd', content: 'Welcome.\n' } },
      { link: { path: '/srv/current', target: '/srv/app' } },
      { tree: { src: 'app', path: '/srv/tree', delete_extra: true } },
      { python_venv: { path: '/srv/venv', packages: ['flask'] } },
      { command: { run: 'touch /srv/made', creates: '/srv/made' } },
      { command: { run: 'touch /srv/unless', unless: 'test -e /srv/unless' } },
      {
        name: 'Unit',
        systemd_unit: {
          name: 'app.service',
          service: { ExecStart: '/bin/sleep infinity' },
          install: { WantedBy: 'multi-user.target' },
        },
      },
      { service: { name: 'app', enabled: true, state: 'running', restart_on: ['Unit'] } },
      { nginx_site: { name: 'default', enabled: false } },
      { nginx_site: { name: 'app', server_names: ['_'], listen: [8080], root: '/srv/app' } },
      { service: { name: 'nginx', enabled: true, state: 'stopped' } },
    ];

    it.each(['web1', 'blank'] as const)(
      'leaves every file and the database as they are, and needs nothing writable: %s',
      async name => {
        write(many, name);
        if (name === 'web1')
          await web1(
            'mkdir -p /srv/tree /srv/app && echo extra >/srv/tree/extra && echo A=0 >/srv/app/.env && runuser -u postgres -- createuser app',
          );
        const before = await everything(name);
        const checked = await apply('--check');
        expect([checked.exit, errors(checked)]).toEqual([2, []]);
        expect(named(checked, name, 'would_change').length).toBeGreaterThan(14);
        expect(await everything(name)).toBe(before);

        await on(
          name,
          `mkdir -p /run/systemd/system/ssh.service.d
          printf '[Service]\\nProtectSystem=strict\\n' >/run/systemd/system/ssh.service.d/read-only.conf
          systemctl daemon-reload && systemctl restart ssh`,
        );
        write([{ name: 'Any', file: { path: '/srv/any', content: 'x' } }], name);
        expect(errors(await apply())[0]).toMatchObject({ cause: expect.stringContaining('Read-only') });
        write(many, name);
        const readOnly = await apply('--check');
        expect([readOnly.exit, errors(readOnly)]).toEqual([2, []]);
        expect(statuses(readOnly, name)).toEqual(statuses(checked, name));
      },
    );

    /** A line for every file, directory and link, but what a host writes by itself; and all of PostgreSQL. */
    function everything(name: 'web1' | 'blank'): Promise<string> {
      const prune = ['/var/log', '/var/lib/systemd', '/var/lib/postgresql', '/proc', '/sys', '/dev', '/run']
        .map(path => `-path ${path} -prune -o`)
        .join(' ');
      return on(
        name,
        `find / -xdev ${prune} -printf '%p %y %u:%g %m %s %T@ %l\\n' | sort
        find / -xdev ${prune} -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
        ! command -v pg_dumpall >/dev/null || runuser -u postgres -- pg_dumpall | grep -v restrict`,
      );
    }
  });

  describe('on one host after the other', () => {
    beforeAll(() => lab.restore('web1', 'fresh'));

    const words = 'the settings are wrong';
    const failing = (name: string, ExecStart: string, more = {}, unit = {}) => [
      {
        name: `${name}.service`,
        systemd_unit: {
          name: `${name}.service`,
          unit,
          service: { ExecStartPre: `/bin/echo ${name}: ${words}`, ExecStart, ...more },
        },
      },
      { name, service: { name, state: 'running' }, on_failure: 'continue' },
    ];
    const always = { Restart: 'always', RestartSec: '100ms' };
    const dying = "/bin/sh -c 'sleep 2; exit 7'";

    it.each([
      [
        'that die in many ways',
        [
          ...failing('at-once', '/bin/false'),
          ...failing('in-a-loop', '/bin/sleep 0.2', always),
          ...failing('without-limit', '/bin/sleep 0.2', always, { StartLimitIntervalSec: 0 }),
          ...failing('after-two-seconds', dying),
          ...failing('ends-well', '/bin/sleep 2'),
        ],
      ],
      // Up again when the next apply looks, but not for long.
      ['that die and come back', failing('comes-back', dying, { Restart: 'always', RestartSec: 0 })],
    ])('services %s fail with their journal, at every apply', async (_, resources) => {
      write(resources);
      const units = resources.map(({ name }) => name).filter(name => name.endsWith('.service'));
      for (const _ of ['first', 'second']) {
        const ran = await apply();
        const names = units.map(unit => unit.replace('.service', ''));
        expect([ran.exit, named(ran, 'web1', 'failed')]).toEqual([1, names]);
        expect(errors(ran)).toEqual(
          names.map(name =>
            expect.objectContaining({
              code: 'step-failed',
              cause: expect.stringContaining(`${name}: ${words}`),
            }),
          ),
        );
      }
      write(units.map(name => ({ systemd_unit: { name, state: 'absent' } })));
      expect((await apply()).exit).toBe(0);
      expect((await apply('--check')).exit).toBe(0);
      expect(await leftovers()).toBe('');
    });

    const site = (name: string, body: string, port = 8080) => ({
      name,
      nginx_site: {
        name,
        server_names: ['_'],
        listen: [port],
        locations: { '/': { return: `200 ${body}` } },
      },
    });
    const broken = (name: string) => {
      const { nginx_site, ...rest } = site(name, 'bad');
      return { ...rest, nginx_site: { ...nginx_site, extra: 'no_such_directive on;' } };
    };

    /** Returns the answer of the site over a new connection, or the error. */
    const answer = (port = 8080) =>
      new Promise<string>(resolve => {
        get({ host: lab.hosts.web1.address, port, agent: false }, response => {
          response.setEncoding('utf8').on('data', resolve);
        }).on('error', error => resolve(String(error)));
      });

    it('a site that Nginx refuses keeps the old one serving, byte for byte, without a failed request', async () => {
      write([site('app', 'old')]);
      expect((await apply()).exit).toBe(0);
      const files = `find /etc/nginx -printf '%p %y %u:%g %m %s %l\\n' | sort; find /etc/nginx -type f -printf '%T@ ' -exec sha256sum {} \\; | sort`;
      const before = await web1(files);
      const seen: string[] = [];
      let polling = true;
      const poll = async () => {
        while (polling) {
          seen.push(await answer());
          await sleep(50);
        }
      };
      const polled = poll();
      write([broken('app')]);
      const refused = await apply();
      expect([refused.exit, errors(refused)[0]]).toEqual([
        1,
        expect.objectContaining({
          code: 'validation-failed',
          cause: expect.stringMatching(/unknown directive "no_such_directive" in \/etc\/nginx\/\S+\/app:\d+/),
        }),
      ]);
      expect(await web1(files)).toBe(before);
      expect([...new Set(seen)]).toEqual(['old']);
      expect(await leftovers()).toBe('');
      write([site('app', 'new')]);
      expect((await apply()).exit).toBe(0);
      expect(await answer()).toBe('new');
      polling = false;
      await polled;
      expect([...new Set(seen)].sort()).toEqual(['new', 'old']);
    });

    it('a first site that Nginx refuses leaves nothing behind', async () => {
      const files = `find /etc /srv /var/lib/reconcile -printf '%p %y %l\\n' | sort`;
      const before = await web1(files);
      write([broken('second')]);
      expect((await apply()).exit).toBe(1);
      expect(await web1(files)).toBe(before);
    });

    it('a site that Nginx cannot load fails with its own words until it can', async () => {
      await web1(
        `systemd-run -u holder perl -MIO::Socket::INET -e 'IO::Socket::INET->new(LocalPort => 8099, Listen => 1)->accept'`,
      );
      try {
        write([site('taken', 'taken', 8099)]);
        const ran = await apply();
        expect([ran.exit, errors(ran)[0]?.cause]).toEqual([
          1,
          expect.stringMatching(/bind\(\) to 0\.0\.0\.0:8099 failed/),
        ]);
        expect(await answer()).toBe('new');
      } finally {
        await web1('systemctl stop holder');
      }
      expect(named(await apply(), 'web1', 'changed')).toEqual(['taken']);
      expect(await answer(8099)).toBe('taken');
      expect(await leftovers()).toBe('');
    });

    it('a restart owed when the controller is killed is shown, and a run limited by tags pays it', async () => {
      const resources = (word: string) => [
        { name: 'Settings', file: { path: '/etc/app.env', content: `WORD=${word}\n` } },
        {
          name: 'Pause',
          command: {
            run: `${gate.wait}; cp /etc/app.env /run/paused`,
            unless: 'cmp /etc/app.env /run/paused',
          },
          tags: ['service'],
        },
        {
          name: 'Unit',
          systemd_unit: {
            name: 'owed.service',
            service: {
              EnvironmentFile: '/etc/app.env',
              ExecStart: "/bin/sh -c 'echo $WORD >/run/word; exec sleep infinity'",
            },
          },
        },
        {
          name: 'Service',
          service: { name: 'owed', state: 'running', settle: '500ms', restart_on: ['Settings', 'Unit'] },
          tags: ['service'],
        },
      ];
      write(resources('one'));
      await gate.open();
      expect((await apply()).exit).toBe(0);
      await gate.close();
      write(resources('two'));
      const killed = starting(folder, ['apply', 'play.yml', '--json']);
      await gate.begun();
      killed.child.kill('SIGKILL');
      expect((await killed.ended).exit).toBe(-1);
      const checked = await apply('--check');
      expect(named(checked, 'web1', 'would_change')).toEqual(['Pause', 'Service']);
      expect(JSON.stringify(checked.events)).toContain('because Settings changed');
      expect(await web1('cat /run/word')).toBe('one\n');
      await gate.open();
      await waitFor('the end of the pause', 60_000, async () => {
        const { stdout } = await reconcile(folder, ['lock', 'status', 'web1']);
        return stdout.includes('free') || undefined;
      });
      const paid = await apply('-t', 'service');
      expect([paid.exit, statuses(paid, 'web1')]).toEqual([0, { Pause: 'unchanged', Service: 'changed' }]);
      expect(await web1('cat /run/word')).toBe('two\n');
      expect(named(await apply(), 'web1', 'unchanged').length).toBe(4);
      expect(await leftovers()).toBe('');
    });

    it('one Ctrl-C finishes the current step and skips the rest; the next apply converges', async () => {
      write([
        { name: 'First', file: { path: '/root/first', content: 'x' } },
        {
          name: 'Current',
          command: { run: `${gate.wait}; touch /root/current`, creates: '/root/current' },
        },
        { name: 'Rest', file: { path: '/root/rest', content: 'x' } },
      ]);
      await gate.close();
      const running = starting(folder, ['apply', 'play.yml']);
      let said = '';
      for (const stream of [running.child.stdout!, running.child.stderr!])
        stream.on('data', bytes => (said += bytes));
      await gate.begun();
      running.child.kill('SIGINT');
      await waitFor('the interrupt to be noticed', 60_000, () => said.includes('Interrupted') || undefined);
      await gate.open();
      expect((await running.ended).exit).toBe(130);
      expect(await web1('ls -d /root/first /root/current /root/rest 2>/dev/null || true')).toBe(
        '/root/current\n/root/first\n',
      );
      const next = await apply();
      expect([next.exit, named(next, 'web1', 'changed')]).toEqual([0, ['Rest']]);
    });
  });

  describe('a cut', () => {
    const stack = [
      { service: { name: 'postgresql', enabled: true, state: 'running', settle: '0s' } },
      { pg_role: { name: 'app', createdb: true } },
      { pg_database: { name: 'app', owner: 'app' } },
      { directory: { path: '/srv/app', owner: 'www-data', mode: '0750' } },
      { name: 'Code', tree: { src: 'app', path: '/srv/app/code' } },
      { name: 'Settings', file: { path: '/srv/app/env', content: 'WORD=one\n', mode: '0600' } },
      {
        name: 'Unit',
        systemd_unit: {
          name: 'app.service',
          service: { EnvironmentFile: '/srv/app/env', ExecStart: '/bin/sleep infinity' },
          install: { WantedBy: 'multi-user.target' },
        },
      },
      {
        name: 'Service',
        service: {
          name: 'app',
          enabled: true,
          state: 'running',
          settle: '500ms',
          restart_on: ['Code', 'Settings', 'Unit'],
        },
      },
      { nginx_site: { name: 'default', enabled: false } },
      { nginx_site: { name: 'app', server_names: ['_'], listen: [8080], root: '/srv/app' } },
      { service: { name: 'nginx', enabled: true, state: 'running', settle: '500ms' } },
    ];
    let whole: string;
    /** The state that the playbook is about, without times. */
    const state = () =>
      web1(
        `find /etc /srv /root /opt /usr/local -printf '%p %y %u:%g %m %l\\n' | grep -v '^/etc/ssl\\|/etc/.pwd.lock' | sort
        find /etc /srv /root -type f -print0 | sort -z | xargs -0 sha256sum
        runuser -u postgres -- pg_dumpall | grep -v restrict
        systemctl show -P ActiveState -P NeedDaemonReload app nginx postgresql
        tr '\\0' '\\n' </proc/$(systemctl show -P MainPID app)/environ | grep WORD`,
      );
    beforeAll(async () => {
      await lab.restore('web1', 'fresh');
      write(stack);
      const ran = await apply();
      expect([ran.exit, errors(ran)]).toEqual([0, []]);
      whole = await state();
    });
    beforeEach(() => lab.restore('web1', 'fresh'));

    it.each([
      [1, 'SIGKILL', 30],
      [5, 'SIGKILL', 20],
      [6, 'power cut', 60],
      [7, 'SIGKILL', 0],
      [8, 'power cut', 0],
      [9, 'SIGKILL', 20],
    ] as const)(
      'after %i resources, %s %i ms later, leads to the state of a whole apply',
      async (after, signal, delayMs) => {
        write(stack);
        expect((await interrupted(after, signal, delayMs)).exit).not.toBe(0);
        if (signal === 'power cut') await lab.boot('web1');
        const next = await apply();
        expect([next.exit, errors(next)]).toEqual([0, []]);
        const third = await apply();
        expect([third.exit, named(third, 'web1', 'unchanged').length]).toEqual([0, stack.length]);
        expect(await leftovers()).toBe('');
        expect(await state()).toBe(whole);
      },
    );
  });
});
