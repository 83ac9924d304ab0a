import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, named, reconcile, starting } from './reconcile.ts';

const prepared =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mksh busybox && rm -rf /var/lib/apt/lists/*';

describeLab('a host', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: { release: 'bookworm', prepared } } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    mkdirSync(join(folder, 'files/app/static'), { recursive: true });
    for (const file of ['app.txt', 'static/a.css'])
      writeFileSync(join(folder, 'files/app', file), `${file}\n`);
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  async function on(script: string): Promise<string> {
    const { code, stdout, stderr } = await lab.exec('web1', script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  }
  const write = (resources: readonly unknown[], more: object = {}) =>
    writeFileSync(
      join(folder, 'play.yml'),
      JSON.stringify({ hosts: 'web1', become: true, resources, ...more }),
    );
  const apply = (...args: string[]) => reconcile(folder, ['apply', 'play.yml', '--json', ...args]);

  /** One resource of each kind of step that the shell of the host carries out. */
  const stack = [
    { directory: { path: '/srv/odd', owner: 'daemon', mode: '0750' } },
    { name: 'Code', tree: { src: 'app', path: '/srv/odd/code' } },
    { link: { path: '/srv/odd/current', target: 'code' } },
    {
      name: 'Settings',
      file: { path: '/srv/odd/env', content: "WORD=it's one\n", mode: '0600', backup: true },
    },
    {
      name: 'Unit',
      systemd_unit: {
        name: 'odd.service',
        service: { ExecStart: '/bin/sleep infinity' },
        install: { WantedBy: 'multi-user.target' },
      },
    },
    {
      name: 'Service',
      service: { name: 'odd', enabled: true, state: 'running', settle: '1s', restart_on: ['Settings'] },
    },
    { name: 'Command', command: { run: 'cat >/srv/odd/made', stdin: 'given\n', creates: '/srv/odd/made' } },
  ];

  async function expectConverged(): Promise<void> {
    await on(
      'systemctl disable --now odd 2>/dev/null; rm -rf /srv/odd /etc/systemd/system/odd.service; systemctl daemon-reload',
    );
    write(stack);
    const first = await apply();
    expect([first.exit, errors(first), named(first, 'web1', 'changed').length]).toEqual([
      0,
      [],
      stack.length,
    ]);
    const second = await apply();
    expect([second.exit, named(second, 'web1', 'unchanged').length]).toEqual([0, stack.length]);
    // What fails is reverted.
    write([{ file: { path: '/srv/odd/env', content: 'WORD=two\n', mode: '0644' } }], {
      checks: [{ command: { run: 'exit 3' } }],
      on_failed_check: 'revert',
    });
    const reverted = await apply();
    expect(reverted.exit).toBe(1);
    expect(await on('cat /srv/odd/env; stat -c %a /srv/odd/env')).toBe("WORD=it's one\n600\n");
  }

  describe('that has another shell as sh', () => {
    afterEach(() => on('ln -sf dash /bin/sh'));
    it.each(['mksh', 'busybox', 'bash'])('works with %s', async shell => {
      await on(`ln -sf "$(command -v ${shell})" /bin/sh`);
      await expectConverged();
    });
  });

  it('whose sudo keeps POSIXLY_CORRECT is read as any other', async () => {
    await on(`echo 'Defaults env_keep += "POSIXLY_CORRECT"' >/etc/sudoers.d/posix
      echo 'SetEnv POSIXLY_CORRECT=1' >/etc/ssh/sshd_config.d/posix.conf; systemctl restart ssh`);
    try {
      const shown = await on('su - deploy -c "POSIXLY_CORRECT=1 sudo env" | grep POSIXLY');
      expect(shown).toBe('POSIXLY_CORRECT=1\n');
      await expectConverged();
    } finally {
      await on('rm /etc/sudoers.d/posix /etc/ssh/sshd_config.d/posix.conf; systemctl restart ssh');
    }
  });

  it('is left after Ctrl-C during the attempts of a retry', async () => {
    await on('rm -f /run/attempts');
    write([
      {
        name: 'Never',
        command: { run: 'echo x >>/run/attempts; exit 1', always: true },
        retry: { attempts: 60, delay: '2s' },
      },
      { name: 'Rest', file: { path: '/root/rest', content: 'x' } },
    ]);
    const running = starting(folder, ['apply', 'play.yml', '--json']);
    await expect
      .poll(async () => (await lab.exec('web1', 'test -s /run/attempts')).code, { timeout: 60_000 })
      .toBe(0);
    await sleep(500);
    running.child.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.exit).toBe(130);
    expect(Number(await on('wc -l </run/attempts'))).toBeLessThanOrEqual(2);
    expect(await on('test ! -e /root/rest; cut -f6 /var/lib/reconcile/lease 2>/dev/null || true')).toBe('');
  });
});
