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
import { cost } from './round-trips.ts';

const names = ['web1', 'web2'] as const;
const playbook = triedAlone.flask;
const text = 'Flask + PostgreSQL + Nginx is running.';

describeLab(`playbooks/${playbook} on a blank Debian 12 and a blank Debian 13 host`, () => {
  let lab: Lab<'web1' | 'web2'>;
  let folder: string;
  let checked: Ran;
  let applied: Ran;
  const apply = (...args: string[]) => reconcile(folder, ['apply', playbook, '--json', ...args]);

  beforeAll(async () => {
    build();
    ({ lab, folder } = await blankHosts());
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it('a check shows changes, exits 2 and touches nothing', async () => {
    const before = await Promise.all(names.map(name => digest(lab, name)));
    checked = await apply('--check');
    expect([checked.exit, checked.stderr]).toEqual([2, '']);
    for (const name of names) expect(named(checked, name, 'would_change').length).toBeGreaterThan(10);
    expect(await Promise.all(names.map(name => digest(lab, name)))).toEqual(before);
  });

  it('an apply exits 0 and changes what the check showed, resource by resource', async () => {
    applied = await apply();
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    for (const name of names) expectAsShown(checked, applied, name);
  });

  it.each(names)('%s answers over HTTPS with a certificate of the ACME server', async name => {
    for (const url of ['https://example.com/', 'https://www.example.com/']) {
      const answer = await lab.https(name, url);
      expect([answer.status, answer.body]).toEqual([200, text]);
    }
  });

  it('a second apply changes nothing and a second check exits 0', async () => {
    const again = await apply();
    expect([again.exit, problems(again)]).toEqual([0, []]);
    for (const name of names)
      expect(named(again, name, 'unchanged')).toEqual(Object.keys(statuses(again, name)));
    expect((await apply('--check')).exit).toBe(0);
  });

  it.each(names)(
    '%s costs one SSH channel and at most three round trips when nothing changes',
    async name => {
      const { exit, roundTrips, channels } = await cost(lab, name, folder, 'flask.yml');
      expect({ exit, channels }).toEqual({ exit: 0, channels: 1 });
      expect(roundTrips).toBeGreaterThan(0);
      expect(roundTrips).toBeLessThanOrEqual(3);
    },
  );

  const drifts: [what: string, script: string, resources: string[], before: string, after: string][] = [
    ['content', 'echo "# by hand" >>/etc/nginx/sites-available/flaskapp', ['Site'], '# by hand', ''],
    ['mode', 'chmod 0644 /srv/flaskapp/.env', ['App environment'], '0644', '0600'],
    ['owner', 'chown root /srv/flaskapp/wsgi.py', ['App code'], '', ''],
    ['link target', 'ln -sfn /etc/passwd /etc/nginx/sites-enabled/flaskapp', ['Site'], '', ''],
    ['stopped service', 'systemctl stop flaskapp', ['App service'], 'stopped', 'running'],
    ['disabled unit', 'systemctl disable flaskapp', ['App service'], 'false', 'true'],
    ['removed package', 'apt-get -qy remove curl', ['System packages'], '', 'curl'],
    [
      'changed role password',
      `runuser -u postgres -- psql -c "ALTER ROLE flaskapp PASSWORD 'other'"`,
      ['Database role'],
      '',
      '',
    ],
    [
      'extra pg_hba line',
      `f=$(ls /etc/postgresql/*/main/pg_hba.conf); sed -i '1i host all all 127.0.0.1/32 trust' "$f"; chown postgres:postgres "$f"`,
      ['Database logins by password'],
      '',
      '',
    ],
    ['deleted site link', 'rm /etc/nginx/sites-enabled/flaskapp', ['Site'], '', ''],
  ];
  it.each(drifts)(
    'drift by hand is shown and healed, and nothing else changes: %s',
    async (_, script, resources, before, after) => {
      for (const name of names) expect((await lab.exec(name, script)).code).toBe(0);
      const seen = await apply('--check');
      expect([seen.exit, problems(seen)]).toEqual([2, []]);
      const healed = await apply();
      expect([healed.exit, problems(healed)]).toEqual([0, []]);
      for (const name of names) {
        const shown = named(seen, name, 'would_change');
        for (const resource of resources) expect(shown.some(one => one.startsWith(resource))).toBe(true);
        expect(named(healed, name, 'changed')).toEqual(shown);
        const diff = JSON.stringify(
          seen.events.filter(({ event, host }) => event === 'resource' && host === name).map(one => one.diff),
        );
        expect(diff).toContain(before);
        expect(diff).toContain(after);
      }
      const rest = await apply('--check');
      expect([rest.exit, problems(rest)]).toEqual([0, []]);
    },
  );

  it('an issue that was cut off after its certificate is finished by its hook alone', async () => {
    const lock = '/etc/letsencrypt/.certbot.lock';
    const leave = `touch ${lock}; printf 'run\\t1\\tCertificate\\n' >'/var/lib/reconcile/owed/certbot%3Aexample.com'`;
    const left = () =>
      lab.exec('web1', `ls ${lock} /var/lib/reconcile/owed; sha256sum /etc/letsencrypt/live/*/fullchain.pem`);
    const whole = await left();
    expect((await lab.exec('web1', leave)).code).toBe(0);
    const healed = await apply();
    expect([healed.exit, named(healed, 'web1', 'changed')]).toEqual([0, ['Certificate']]);
    expect(JSON.stringify(healed.events)).toContain('not seen to be finished');
    expect((await left()).stdout).toBe(whole.stdout);
    expect((await apply('--check')).exit).toBe(0);
  });

  it('no secret is in any output', async () => {
    await Promise.all(names.map(name => lab.exec(name, 'echo SECRET_KEY=older >/srv/flaskapp/.env')));
    const shown = await reconcile(folder, ['apply', 'flask.yml', '--check', '--diff', '-vv']);
    const healed = await reconcile(folder, ['apply', 'flask.yml', '--diff', '-vv']);
    expect([shown.exit, healed.exit]).toEqual([2, 0]);
    for (const output of [checked.stdout, applied.stdout, shown.stdout, healed.stdout]) {
      for (const secret of ['canary-', 'SECRET_KEY=older', encodeURIComponent('p@ss/w%rd')])
        expect(output).not.toContain(secret);
    }
    expect(shown.stdout).toContain('«secrets.secret_key»');
  });
});

/** A digest of every file that is not volatile, with owner and mode. */
async function digest(lab: Lab<'web1' | 'web2'>, name: 'web1' | 'web2'): Promise<string> {
  const volatile = [
    '/proc',
    '/sys',
    '/dev',
    '/run',
    '/tmp',
    '/var/log',
    '/var/lib/systemd',
    '/var/cache/ldconfig',
  ];
  const prune = volatile.map(path => `-path ${path} -prune -o`).join(' ');
  const { stdout } = await lab.exec(
    name,
    `find / ${prune} -type f -printf '%p %u %g %m %s %T@\\n' | sort | sha256sum`,
  );
  return stdout;
}
