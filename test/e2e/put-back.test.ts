import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../lab/command.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, named, reconcile, starting, statuses } from './reconcile.ts';

describeLab('what puts itself back', () => {
  let lab: Lab<'web1' | 'web2'>;
  let folder: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: older, web2: newer } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  type Name = 'web1' | 'web2';
  function write(hosts: Name, resources: readonly unknown[], more: Record<string, unknown> = {}): void {
    const play = { name: 'Trial', hosts, become: true, resources, ...more };
    writeFileSync(join(folder, 'play.yml'), JSON.stringify(play));
  }
  const apply = (...args: string[]) => reconcile(folder, ['apply', 'play.yml', '--json', ...args]);
  const canEnter = async (name: Name) => (await reconcile(folder, ['facts', name])).exit === 0;
  const on = async (name: Name, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  /** Returns the reverts of the last run in the history. */
  const lastPutBack = async (name: Name) =>
    JSON.parse(await on(name, 'tail -n 1 /var/lib/reconcile/history.jsonl')).reverted;
  /** Files that may exist only during a run. */
  const leftovers = (name: Name) =>
    on(
      name,
      `find /etc /srv /root /var/lib/reconcile /run/reconcile \\( -name '.reconcile.*' -o -name 'reconcile-put-back*' \\
        -o -path '*/owed/*' -o -name armed -o -name revert -o -name 'undo.*' -o -name 'outcome.*' \\) 2>/dev/null; true`,
    );

  /** The traces of an unconfirmed change. */
  const watched = () =>
    on('web1', "find /etc/systemd/system /var/lib/reconcile -name 'reconcile-put-back*' -o -name armed");

  describe('a risky change', () => {
    const settings = '/etc/ssh/sshd_config.d/10-team.conf';
    const sshd = (content: string, settle = '500ms') => [
      { name: 'Settings', file: { path: settings, content: `${content}\n`, validate: 'sshd -t -f %s' } },
      { name: 'Ssh', service: { name: 'ssh', state: 'running', settle, reload_on: ['Settings'] } },
    ];

    it.each(['web1', 'web2'] as const)('that locks nobody out stays and leaves no traces: %s', async name => {
      write(name, sshd('X11Forwarding no'));
      const ran = await apply();
      expect([ran.exit, errors(ran), statuses(ran, name)]).toEqual([
        0,
        [],
        { Settings: 'changed', Ssh: 'changed' },
      ]);
      expect(named(await apply(), name, 'unchanged')).toEqual(['Settings', 'Ssh']);
      expect(await leftovers(name)).toBe('');
    });

    it.each(['web1', 'web2'] as const)(
      'of sshd that locks everybody out is reverted in the same run: %s',
      async name => {
        write(name, sshd('AllowUsers nobody'));
        const ran = await apply();
        expect([ran.exit, named(ran, name, 'failed'), errors(ran)[0]]).toEqual([
          1,
          ['Ssh'],
          expect.objectContaining({
            code: 'locked-out',
            message: expect.stringContaining('Reverted: Settings, Ssh.'),
          }),
        ]);
        expect(await on(name, `cat ${settings}`)).toBe('X11Forwarding no\n');
        expect([await canEnter(name), await leftovers(name)]).toEqual([true, '']);
        expect(await lastPutBack(name)).toEqual(['Settings', 'Ssh']);
      },
    );

    it('of sshd is reverted within a minute if its controller is killed', async () => {
      write('web1', sshd('AllowUsers nobody', '20s'));
      const run = starting(folder, ['apply', 'play.yml', '--json']);
      await waitFor('the lock-out', 30_000, async () => !(await canEnter('web1')) || undefined);
      run.child.kill('SIGKILL');
      await run.ended;
      await waitFor('a login', 60_000, async () => (await canEnter('web1')) || undefined);
      expect(await on('web1', `cat ${settings}`)).toBe('X11Forwarding no\n');
      await waitFor('the end of the watcher', 60_000, async () => (await watched()) === '' || undefined);
      write('web1', sshd('X11Forwarding no'));
      expect(named(await apply(), 'web1', 'unchanged')).toEqual(['Settings', 'Ssh']);
    });

    it('of sshd is reverted by the boot after a power cut', async () => {
      write('web1', sshd('AllowUsers nobody', '20s'));
      const run = starting(folder, ['apply', 'play.yml', '--json']);
      await waitFor('the lock-out', 30_000, async () => !(await canEnter('web1')) || undefined);
      run.child.kill('SIGKILL');
      await run.ended;
      lab.powerCut('web1');
      await lab.boot('web1');
      await waitFor('a login', 30_000, async () => (await canEnter('web1')) || undefined);
      expect(await on('web1', `cat ${settings}`)).toBe('X11Forwarding no\n');
      await waitFor('the end of the watcher', 60_000, async () => (await watched()) === '' || undefined);
    });

    it.each([
      [
        'a rule of sudo',
        { file: { path: '/etc/sudoers.d/zz', content: 'deploy ALL=(ALL) PASSWD: ALL\n', mode: '0440' } },
      ],
      [
        'the keys of an account',
        { file: { path: '/home/deploy/.ssh/authorized_keys', content: '\n' }, become: false },
      ],
      ['the end of the SSH server', { service: { name: 'ssh', state: 'stopped' } }],
    ])('is put back where it is %s', async (_, resource) => {
      write('web1', [{ name: 'Risk', ...resource }]);
      const ran = await apply();
      expect([ran.exit, errors(ran)[0]?.code]).toEqual([1, 'locked-out']);
      expect([await canEnter('web1'), await leftovers('web1')]).toEqual([true, '']);
      expect(await on('web1', 'ls /etc/sudoers.d; systemctl is-active ssh')).toBe('README\ndeploy\nactive\n');
    });

    it('is reverted if the run stops before it takes effect', async () => {
      const [file, service] = sshd('X11Forwarding yes');
      write('web1', [file, { name: 'Failing', command: { run: 'exit 3', always: true } }, service]);
      const ran = await apply();
      expect([ran.exit, errors(ran).map(({ code }) => code)]).toEqual([1, ['step-failed', 'put-back']]);
      expect(await on('web1', `cat ${settings}`)).toBe('X11Forwarding no\n');
      expect([await leftovers('web1'), await lastPutBack('web1')]).toEqual(['', ['Settings']]);
    });

    const hidden = '/etc/ssh/sshd_config.d/20-hidden.conf';
    const command = (more = '') => ({
      name: 'Command',
      command: {
        run: `echo 'AllowUsers nobody' >${hidden} && systemctl reload ssh && sleep 1${more}`,
        always: true,
        undo: `rm -f ${hidden} && systemctl reload ssh`,
      },
      risky: true,
    });

    it('of a command is undone by the host in the same run', async () => {
      write('web1', [command()]);
      const ran = await apply();
      expect([ran.exit, errors(ran)[0]?.code, await canEnter('web1')]).toEqual([1, 'locked-out', true]);
      expect([await on('web1', `ls ${hidden} 2>/dev/null; true`), await leftovers('web1')]).toEqual(['', '']);
    });

    it('of a command is undone by the host within a minute if its controller is killed', async () => {
      write('web1', [command('; sleep 20')]);
      const run = starting(folder, ['apply', 'play.yml', '--json']);
      await waitFor('the lock-out', 30_000, async () => !(await canEnter('web1')) || undefined);
      run.child.kill('SIGKILL');
      await run.ended;
      await waitFor('a login', 90_000, async () => (await canEnter('web1')) || undefined);
      expect(await on('web1', `ls ${hidden} 2>/dev/null; true`)).toBe('');
      await waitFor('the end of the watcher', 60_000, async () => (await watched()) === '' || undefined);
      // The outcome of a step waits ten minutes for its controller.
      await on('web1', 'rm -rf /run/reconcile/outcome.*');
    });

    it('that the host could not revert by itself is not begun', async () => {
      write('web1', [{ name: 'Rules', command: { run: 'touch /root/rules', always: true }, risky: true }]);
      const ran = await apply();
      expect([ran.exit, ran.stderr]).toEqual([3, expect.stringContaining('[irreversible]')]);
      expect((await lab.exec('web1', 'test -e /root/rules')).code).toBe(1);
    });
  });

  it.each([
    [
      '/etc/ssh/sshd_config.d/20-wrong.conf',
      'NoSuchKeyword yes\n',
      /20-wrong\.conf: line 1: .*NoSuchKeyword/,
    ],
    ['/etc/sudoers.d/wrong', 'deploy ALL=(ALL\n', /sudoers\.d\/wrong:1/],
  ])('%s is checked with all that belongs to it, and goes when that fails', async (path, content, words) => {
    write('web1', [{ name: 'Wrong', file: { path, content, mode: '0440' } }]);
    const ran = await apply();
    expect([ran.exit, errors(ran)[0]]).toEqual([
      1,
      expect.objectContaining({ code: 'validation-failed', cause: expect.stringMatching(words) }),
    ]);
    expect((await lab.exec('web1', `test -e ${path}`)).code).toBe(1);
    expect([await canEnter('web1'), await leftovers('web1')]).toEqual([true, '']);
  });

  describe('a play with on_failed_check: revert', () => {
    const app = (word: string, more: readonly unknown[] = []) => [
      { directory: { path: '/srv/app/conf' } },
      {
        name: 'Word',
        file: { path: '/srv/app/conf/word', content: `${word}\n`, mode: word === 'one' ? '0644' : '0600' },
      },
      { name: 'Current', link: { path: '/srv/current', target: `/srv/${word}` } },
      {
        name: 'Unit',
        systemd_unit: {
          name: 'app.service',
          service: {
            ExecStart: `/bin/sh -c 'echo ${word} $(cat /srv/app/conf/word) >/run/word; exec sleep infinity'`,
          },
          install: { WantedBy: 'multi-user.target' },
        },
      },
      ...more,
      {
        name: 'App',
        service: {
          name: 'app',
          enabled: true,
          state: 'running',
          settle: '500ms',
          restart_on: ['Word', 'Unit'],
        },
      },
    ];
    const reverting = {
      on_failed_check: 'revert',
      checks: [{ name: 'Says one', command: { run: 'grep -q ^one /run/word' } }],
    };
    const state = () =>
      on(
        'web2',
        `find /srv /etc/systemd/system -printf '%p %y %u:%g %m %l\\n' | sort; cat /srv/app/conf/word /run/word 2>&1
        systemctl is-active app; systemctl is-enabled app; true`,
      );
    const extra = { name: 'Migration', command: { run: 'echo x >>/root/migrated', always: true } };

    it('reverts a first installation completely', async () => {
      const before = await state();
      write('web2', app('two'), reverting);
      const ran = await apply();
      expect([ran.exit, ran.events.at(-1).hosts.web2.status]).toEqual([1, 'reverted']);
      await on('web2', 'rm /run/word');
      expect(await state()).toBe(before);
      expect(await leftovers('web2')).toBe('');
    });

    it('restores files, links, units and services, and names the changes that stay', async () => {
      write('web2', app('one'), reverting);
      expect([(await apply()).exit, (await apply()).exit]).toEqual([0, 0]);
      const before = await state();
      expect(before).toContain('one one\nactive\nenabled\n');
      write('web2', app('two', [extra]), reverting);
      const ran = await apply();
      expect([ran.exit, ran.events.at(-1).hosts.web2.status]).toEqual([1, 'reverted']);
      expect(ran.events.find(({ event }) => event === 'host_reverted')).toMatchObject({
        restored: ['Word', 'Current', 'Unit', 'App'],
        kept: ['Migration'],
      });
      expect(await state()).toBe(before);
      const history = await reconcile(folder, ['history', 'web2']);
      expect(history.stdout).toContain('reverted: Word, Current, Unit, App');
      write('web2', app('one'), reverting);
      expect([named(await apply(), 'web2', 'changed'), await leftovers('web2')]).toEqual([[], '']);
    });

    it('undoes a command that says how, after it has restored the files', async () => {
      const before = await state();
      const undo = 'cp /srv/app/conf/word /root/undone; id -un >>/root/undone; pwd >>/root/undone';
      const run = { name: 'Run', command: { run: 'true', always: true, undo, user: 'root', cwd: '/srv' } };
      write('web2', app('two', [run]), reverting);
      const ran = await apply();
      expect(ran.events.find(({ event }) => event === 'host_reverted')).toMatchObject({
        restored: ['Word', 'Current', 'Unit', 'Run', 'App'],
        kept: [],
      });
      expect([await state(), await on('web2', 'cat /root/undone')]).toEqual([before, 'one\nroot\n/srv\n']);
    });

    it('reverts the changes before a resource that fails', async () => {
      const before = await state();
      write('web2', app('two', [{ name: 'Failing', command: { run: 'exit 3', always: true } }]), reverting);
      const ran = await apply();
      expect([ran.exit, ran.events.at(-1).hosts.web2.status]).toEqual([1, 'reverted']);
      expect([await state(), await leftovers('web2')]).toEqual([before, '']);
    });

    it('is reverted by the next apply after a power cut in between', async () => {
      const before = await state();
      write('web2', app('two'), reverting);
      const run = starting(folder, ['apply', 'play.yml', '--json']);
      await run.until(event => event.event === 'resource' && event.name === 'Says one');
      await waitFor('the way back', 10_000, async () => {
        const { code } = await lab.exec('web2', 'test -f /var/lib/reconcile/revert/again');
        return code === 0 || undefined;
      });
      lab.powerCut('web2');
      run.child.kill('SIGKILL');
      await run.ended;
      await lab.boot('web2');
      write('web2', app('one'), reverting);
      const next = await apply();
      expect([next.exit, named(next, 'web2', 'changed')]).toEqual([0, []]);
      expect([await state(), await leftovers('web2')]).toEqual([before, '']);
    });
  });

  describe('a connection that is lost', () => {
    const resources = [
      { name: 'First', file: { path: '/root/first', content: 'x\n' } },
      {
        name: 'Slow',
        command: { run: 'touch /root/begun; sleep 3; echo said; touch /root/slow', creates: '/root/slow' },
        register: 'slow',
      },
      { name: 'Last', file: { path: '/root/last', content: '{{ slow.stdout }}' } },
    ];
    /** Begins an apply on a host without the files, and waits until the slow command runs. */
    async function begun(name: Name) {
      await on(name, 'rm -f /root/first /root/begun /root/slow /root/last');
      write(name, resources);
      const run = starting(folder, ['apply', 'play.yml', '--json']);
      await waitFor(
        'the command',
        20_000,
        async () => (await lab.exec(name, 'test -e /root/begun')).code === 0 || undefined,
      );
      return run;
    }

    it('is restored, and the outcome of the running step is collected', async () => {
      const run = await begun('web1');
      await on('web1', 'pkill -9 -f "[s]shd: deploy"');
      const ran = await run.ended;
      expect([ran.exit, errors(ran), statuses(ran, 'web1')]).toEqual([
        0,
        [],
        { First: 'changed', Slow: 'changed', Last: 'changed' },
      ]);
      expect(ran.events.filter(({ event }) => event === 'host_reconnected')).toHaveLength(1);
      expect(await on('web1', 'cat /root/last')).toBe('said');
      expect(await leftovers('web1')).toBe('');
    });

    it('with a step killed on the host is reported, and the next apply converges', async () => {
      const run = await begun('web1');
      await on('web1', 'pkill -9 -f "[r]ead -r n; eval"');
      const ran = await run.ended;
      expect([ran.exit, named(ran, 'web1', 'failed'), errors(ran)[0]?.code]).toEqual([
        1,
        ['Slow'],
        'cut-off',
      ]);
      const next = await apply();
      expect([next.exit, named(next, 'web1', 'failed')]).toEqual([0, []]);
      expect(await on('web1', 'ls /root')).toContain('last');
    });

    it('because of a restart of the host is reported, and the next apply converges', async () => {
      const run = await begun('web2');
      lab.powerCut('web2');
      await lab.boot('web2');
      const ran = await run.ended;
      expect([ran.exit, named(ran, 'web2', 'failed'), errors(ran)[0]?.code]).toEqual([
        1,
        ['Slow'],
        'host-restarted',
      ]);
      const next = await apply();
      expect([next.exit, named(next, 'web2', 'changed')]).toEqual([0, ['Slow', 'Last']]);
    });
  });
});
