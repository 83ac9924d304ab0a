import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sealed } from '../../engine/plan/saved-plan.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, named, type Ran, reconcile, statuses, workspace } from './reconcile.ts';

const prepared =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx postgresql';
const canary = "canary-p@ss/w%rd:'1";

describeLab('a saved plan', () => {
  let lab: Lab<'web1' | 'web2'>;
  let folder: string;
  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: { release: 'bookworm', prepared }, web2: 'bookworm' } });
    folder = workspace(lab, { groups: { app: { hosts: ['web1'] } } });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  const ran = (...args: string[]) => reconcile(folder, args);
  const on = async (name: 'web1' | 'web2', script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  /** Changes with everything that is written, but by services that write by themselves. */
  const fileSystem = (name: 'web1' | 'web2' = 'web1') =>
    on(
      name,
      `find /etc /srv /root /home /opt /usr /var -xdev \\( -path /var/log -o -path /var/cache -o -path /var/lib/postgresql \\
        -o -path /var/lib/systemd -o -path /var/tmp \\) -prune -o -printf '%p %y %m %u %g %s %C@ %l\\n' | sort | sha256sum`,
    );
  const hostProblems = ({ events }: Ran, host = 'web1') =>
    events
      .filter(each => each.event === 'host_finished' && each.host === host)
      .flatMap(each => each.problems);

  function write(plays: readonly { name: string; resources: unknown[] }[], file = 'play.yml'): void {
    const head = { hosts: 'app', become: true, secrets: ['secrets/flask.yml'], vars: { page: 'one' } };
    writeFileSync(at(file), JSON.stringify({ plays: plays.map(play => ({ ...head, ...play })) }));
  }

  const unit = { service: { ExecStart: '/bin/sleep infinity' }, install: { WantedBy: 'multi-user.target' } };
  const stack = (page: string) => [
    {
      name: 'App',
      resources: [
        { name: 'Role', pg_role: { name: 'app', password: '{{ secrets.db_password }}' } },
        { name: 'Folder', directory: { path: '/srv/app', mode: '0755' } },
        {
          name: 'Environment',
          file: { path: '/srv/app/env', content: 'PASSWORD={{ secrets.db_password }}\n', mode: '0600' },
        },
        { name: 'Unit', systemd_unit: { name: 'app.service', ...unit } },
        {
          name: 'Service',
          service: {
            name: 'app',
            enabled: true,
            state: 'running',
            settle: '1s',
            restart_on: ['Environment'],
          },
        },
      ],
    },
    {
      name: 'Pages',
      resources: [
        { name: 'Page', file: { path: '/srv/app/page', content: `${page} on {{ facts.hostname }}\n` } },
        { name: 'Again', directory: { path: '/srv/app', mode: '0755' } },
        { name: 'Latest', link: { path: '/srv/app/latest', target: 'page' } },
      ],
    },
  ];

  describe('of several plays, for a blank host', () => {
    let planned: Ran;
    beforeAll(async () => {
      write(stack('{{ page }}'));
      planned = await ran('plan', 'play.yml', '-e', 'page=two', '-o', 'plan.json', '--json');
    });

    it('predicts each play from the earlier ones', () => {
      expect([planned.exit, planned.stderr]).toEqual([2, '']);
      expect(statuses(planned, 'web1')).toEqual({
        ...Object.fromEntries(
          ['Role', 'Folder', 'Environment', 'Unit', 'Service', 'Page', 'Latest'].map(name => [
            name,
            'would_change',
          ]),
        ),
        Again: 'unchanged',
      });
    });

    it('is readable by its owner alone, and contains no secret', () => {
      expect(statSync(at('plan.json')).mode & 0o777).toBe(0o600);
      const text = readFileSync(at('plan.json'), 'utf8');
      const forms = [
        canary,
        encodeURIComponent(canary),
        Buffer.from(canary).toString('base64'),
        Buffer.from(`PASSWORD=${canary}\n`).toString('base64'),
        JSON.stringify(canary).slice(1, -1),
        'canary',
        'two',
      ];
      for (const form of forms) expect(text).not.toContain(form);
    });

    it('is accepted by --check, which does not use it up', async () => {
      const before = await fileSystem();
      const checked = await ran('apply', 'plan.json', '-e', 'page=two', '--check', '--json');
      expect([checked.exit, hostProblems(checked), statuses(checked, 'web1')]).toEqual([
        2,
        [],
        statuses(planned, 'web1'),
      ]);
      expect(await fileSystem()).toBe(before);
    });

    it('is refused for a host that has changed since, and nothing is written', async () => {
      await on('web1', 'mkdir -m 0700 /srv/app');
      const before = await fileSystem();
      const refused = await ran('apply', 'plan.json', '-e', 'page=two', '--json');
      expect([refused.exit, await fileSystem()]).toEqual([1, before]);
      expect(hostProblems(refused)).toMatchObject([
        { code: 'plan-stale', message: expect.stringMatching(/moved on since .*\n +Folder: exists now$/) },
      ]);
      await on('web1', 'rmdir /srv/app');
    });

    it('is refused after a change of its declaration, even in a later play', async () => {
      const before = await fileSystem();
      write(stack('another {{ page }}'));
      const other = await ran('apply', 'plan.json', '-e', 'page=two', '--check', '--json');
      expect(hostProblems(other)).toMatchObject([
        { code: 'plan-stale', message: expect.stringContaining('declared otherwise: Page') },
      ]);
      write(stack('{{ page }}'));
      const value = await ran('apply', 'plan.json', '-e', 'page=three', '--check', '--json');
      expect([other.exit, value.exit]).toEqual([1, 1]);

      const secrets = readFileSync(at('secrets/flask.yml'), 'utf8');
      writeFileSync(at('secrets/flask.yml'), secrets.replace('canary-p', 'canary-other-p'));
      const secret = await ran('apply', 'plan.json', '-e', 'page=two');
      writeFileSync(at('secrets/flask.yml'), secrets);
      expect(secret.exit).toBe(1);
      expect(secret.stdout).toContain('declared otherwise: Role, Environment');
      expect(secret.stdout + secret.stderr).not.toContain('canary');
      expect(await fileSystem()).toBe(before);
    });

    it('is refused for another host under the same name', async () => {
      const inventory = readFileSync(at('inventory.yml'), 'utf8');
      const before = await fileSystem('web2');
      const swapped = inventory.replace(/^ {2}web1: .*\n/m, '').replace('  web2: ', '  web1: ');
      writeFileSync(at('inventory.yml'), swapped);
      const other = await ran('apply', 'plan.json', '-e', 'page=two', '--json');
      const machineId = await on('web2', 'cat /etc/machine-id');
      await on('web2', `printf %s ${(await on('web1', 'cat /etc/machine-id')).trim()} >/etc/machine-id`);
      const otherKey = await ran('apply', 'plan.json', '-e', 'page=two', '--json');
      writeFileSync(at('inventory.yml'), inventory);
      expect(hostProblems(other)).toMatchObject([
        {
          code: 'plan-other-host',
          message: expect.stringMatching(/machine-id is another one, and its key is SHA256:/),
        },
      ]);
      expect(hostProblems(otherKey)).toMatchObject([
        { code: 'plan-other-host', message: expect.stringMatching(/made for: its key is SHA256:/) },
      ]);
      await on('web2', `printf '%s\\n' ${machineId.trim()} >/etc/machine-id`);

      const own = await on('web1', 'cat /etc/machine-id');
      await on('web1', `printf '%s\\n' ${machineId.trim()} >/etc/machine-id`);
      const otherId = await ran('apply', 'plan.json', '-e', 'page=two', '--json');
      await on('web1', `printf '%s\\n' ${own.trim()} >/etc/machine-id`);
      expect(hostProblems(otherId)).toMatchObject([
        {
          code: 'plan-other-host',
          message: expect.stringMatching(/made for: its machine-id is another one\.$/),
        },
      ]);
      expect([other.exit, otherKey.exit, otherId.exit]).toEqual([1, 1, 1]);
      expect((await on('web2', 'ls /srv')).trim()).toBe('');
      expect(before).not.toBe('');
    });

    it('lets one of two simultaneous applies run, as the plan shows it', async () => {
      const both = await Promise.all([1, 2].map(() => ran('apply', 'plan.json', '-e', 'page=two', '--json')));
      const [done, refused] = both.toSorted((a, b) => a.exit - b.exit);
      expect([done!.exit, refused!.exit, named(refused!, 'web1', 'changed')]).toEqual([0, 1, []]);
      expect(named(done!, 'web1', 'changed')).toEqual(named(planned, 'web1', 'would_change'));
      expect(done!.events.at(-1).hosts.web1.deviations).toBe(0);
      expect(await on('web1', 'cat /srv/app/latest /srv/app/env')).toBe(`two on web1\nPASSWORD=${canary}\n`);
      const again = await ran('apply', 'play.yml', '-e', 'page=two', '--json');
      expect([again.exit, named(again, 'web1', 'changed')]).toEqual([0, []]);
    });

    it('is refused the second time, with the time of the first, and stands in the history', async () => {
      const before = await fileSystem();
      const refused = await ran('apply', 'plan.json', '-e', 'page=two', '--json');
      expect([refused.exit, await fileSystem()]).toEqual([1, before]);
      expect(hostProblems(refused)).toMatchObject([
        { code: 'plan-applied', message: expect.stringContaining(' UTC') },
      ]);
      const { id } = JSON.parse(readFileSync(at('plan.json'), 'utf8'));
      const history = (await on('web1', 'cat /var/lib/reconcile/history.jsonl')).trimEnd().split('\n');
      expect(history.map(line => JSON.parse(line)).map(({ play, plan }) => [play, plan])).toEqual([
        ['App', id],
        ['Pages', id],
      ]);
    });
  });

  describe('of a change', () => {
    const files = (mode: string) => [
      { name: 'First', file: { path: '/srv/first', content: 'first\n' } },
      { name: 'Second', file: { path: '/srv/second', content: 'second\n', mode } },
    ];
    beforeEach(async () => {
      await on(
        'web1',
        'rm -f /srv/first /srv/second; printf "second\\n" >/srv/second; chmod 0644 /srv/second',
      );
      write([{ name: 'Files', resources: files('0600') }], 'files.yml');
      const planned = await ran('plan', 'files.yml', '-o', 'files.json');
      expect(planned.stdout).toMatch(/\nSaved\. To apply: {2}reconcile apply files\.json\n$/);
    });

    it('is refused after a change of the host, with the current value', async () => {
      await on('web1', 'chmod 0640 /srv/second');
      const refused = await ran('apply', 'files.json');
      expect([refused.exit, refused.stdout]).toEqual([
        1,
        expect.stringContaining('Second: mode is 0640 now'),
      ]);
      expect(await on('web1', 'ls /srv; stat -c %a /srv/second')).toBe('app\nsecond\n640\n');
    });

    it('continues on other hosts, and names the missing ones', async () => {
      const plan = JSON.parse(readFileSync(at('files.json'), 'utf8'));
      const { hosts } = plan.plays[0];
      plan.plays[0].hosts = { ...hosts, gone: hosts.web1 };
      writeFileSync(at('gone.json'), JSON.stringify(sealed(plan)));
      const applied = await ran('apply', 'gone.json', '--json');
      expect(applied.exit).toBe(1);
      expect(hostProblems(applied, 'gone')).toMatchObject([
        { code: 'plan-stale', message: expect.stringContaining('no longer among the hosts') },
      ]);
      expect(named(applied, 'web1', 'changed')).toEqual(['First', 'Second']);
    });

    it('is stopped before the change if a resource differs at its turn', async () => {
      // The plan leaves things open that a command names, so this command names none of them.
      await on('web1', 'echo "touch /srv/meddled; chmod 0640 /srv/second" >/usr/local/bin/meddle');
      const resources = [
        { name: 'Meddler', command: { run: 'sh /usr/local/bin/meddle', creates: '/srv/meddled' } },
        ...files('0600').toReversed(),
      ];
      write([{ name: 'Files', resources }], 'files.yml');
      expect((await ran('plan', 'files.yml', '-o', 'files.json')).exit).toBe(2);
      const stopped = await ran('apply', 'files.json', '--json');
      expect([stopped.exit, statuses(stopped, 'web1')]).toEqual([
        1,
        { Meddler: 'changed', Second: 'failed', First: 'skipped' },
      ]);
      const second = stopped.events.find(({ event, name }) => event === 'resource' && name === 'Second');
      expect(second).toMatchObject({
        error: { code: 'deviation' },
        diff: { changes: [{ key: 'mode', before: '0640', after: '0600' }] },
        deviation: { planned: { changes: [{ key: 'mode', before: '0644', after: '0600' }] } },
      });
      expect(await on('web1', 'stat -c %a /srv/second; ls /srv')).toBe('640\napp\nmeddled\nsecond\n');
      expect(hostProblems(await ran('apply', 'files.json', '--json'))).toMatchObject([
        { code: 'plan-applied' },
      ]);
    });

    test.each<[what: string, change: (text: string) => string, says: string]>([
      ['broken off', text => text.slice(0, 300), 'is incomplete'],
      ['of another version', text => text.replace('"version": 1', '"version": 2'), 'a plan of version 2'],
      ['changed by hand', text => text.replace('"salt"', '"pepper"'), 'does not fit the schema'],
      [
        'of a playbook that is not there',
        text => JSON.stringify(sealed(JSON.parse(text.replace('files.yml', 'no.yml')))),
        'no.yml',
      ],
      ['with another host', text => text.replace('"web1"', '"web2"'), 'was edited'],
    ])('%s is invalid input', async (_, change, says) => {
      writeFileSync(at('bad.json'), change(readFileSync(at('files.json'), 'utf8')));
      const refused = await ran('apply', 'bad.json');
      expect([refused.exit, refused.stdout, refused.stderr]).toEqual([3, '', expect.stringContaining(says)]);
    });
  });
});
