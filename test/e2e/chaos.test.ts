import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { waitFor } from '../lab/command.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { type Cut, everyCut } from './cuts.ts';
import { build, errors, named, type Ran, reconcile, starting, statuses, workspace } from './reconcile.ts';

const names = ['web1', 'web2'] as const;
type Name = (typeof names)[number];

const playbook = parse(readFileSync(join(import.meta.dirname, '../../playbooks/flask.yml'), 'utf8'));
const resources: string[] = playbook.resources.map(({ name }: { name: string }) => name);
/** Resources that take most of the time: an apply that is cut behind them begins where they are done. */
const stages = ['System packages', 'Python packages'];

/** What `npm test` takes of all cuts: each means, where most could go wrong. */
const chosen: Cut[] = [
  { resource: 'System packages', into: 0.5, means: 'power' },
  { resource: 'System packages', into: 0.7, means: 'controller' },
  { resource: 'Database', into: 0, means: 'controller' },
  { resource: 'Database logins by password', into: 0.3, means: 'power' },
  { resource: 'App unit', into: 0.3, means: 'shell' },
  { resource: 'App service', into: 0.3, means: 'connection' },
  { resource: 'Certificate', into: 0.3, means: 'connection' },
  { resource: 'Certificate', into: 0.6, means: 'shell' },
  { resource: 'Site', into: 0.2, means: 'controller' },
  { resource: 'Site', into: 0.4, means: 'power' },
];
const full = process.env['RECONCILE_CHAOS'] === 'full';
const cuts = full ? everyCut(resources) : chosen;

/** The state that the playbook is about; left out is what differs each time, such as keys, salts and times. */
const state = `dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n'
find /etc /srv /root /opt /usr/local /var/www /var/log/flaskapp \\( -path /etc/letsencrypt/accounts -o -path /etc/letsencrypt/archive \\
  -o -path /etc/letsencrypt/csr -o -path /etc/letsencrypt/keys -o -name __pycache__ -o -path /root/.cache \\) -prune \\
  -o -printf '%p %y %u:%g %m %l\\n' | sort
find /etc /srv -path /etc/letsencrypt -prune -o -name __pycache__ -prune -o -name '*-' -o -name ssl-cert-snakeoil.\\* -o -name '*.log' \\
  -o -type f -print0 | sort -z | xargs -0 sha256sum
systemctl list-unit-files --state=enabled --no-legend --no-pager
systemctl is-active flaskapp nginx postgresql certbot.timer
systemctl show -P NeedDaemonReload flaskapp nginx postgresql
runuser -u postgres -- pg_dumpall --no-role-passwords | grep -v restrict`;

/** Prints each service that runs with anything older than what is on disk. ps rounds the time of a start. */
const stale = `older() { [ "$(stat -c %Y "$1")" -le "$(($2 + 1))" ] || echo "$3 is older than $1"; }
started() { date -d "$(ps -o lstart= -p "$1")" +%s; }
app=$(systemctl show -P MainPID flaskapp)
for f in /etc/systemd/system/flaskapp.service /srv/flaskapp/.env /srv/flaskapp/wsgi.py; do older $f "$(started $app)" flaskapp; done
while IFS= read -r line; do
  tr '\\0' '\\n' </proc/$app/environ | tr -d "'\\"" | grep -qxF -- "$(printf %s "$line" | tr -d "'\\"")" || echo "flaskapp runs without $line"
done </srv/flaskapp/.env
for p in $(pgrep -P "$(systemctl show -P MainPID nginx)"); do
  for f in /etc/nginx/sites-enabled/* /etc/letsencrypt/live/example.com/fullchain.pem; do older "$f" "$(started $p)" nginx; done
done
loaded=$(runuser -u postgres -- psql -XAtc "SELECT extract(epoch FROM pg_conf_load_time())::int")
older "$(runuser -u postgres -- psql -XAtc 'SHOW hba_file')" "$loaded" postgresql
runuser -u postgres -- psql -XAtc "SELECT 'waits for a restart: ' || name FROM pg_settings WHERE pending_restart"
true`;

const leftovers = `find / -xdev -path /proc -prune -o \\( -name '.reconcile.*' -o -name 'reconcile-put-back*' -o -path '/var/lib/reconcile/undo*' \\
  -o -path '/var/lib/reconcile/owed/*' -o -path /var/lib/reconcile/armed -o -path /var/lib/reconcile/revert \\) -print`;

describeLab('playbooks/flask.yml, cut off anywhere', () => {
  let lab: Lab<Name>;
  let folder: string;
  const whole = new Map<Name, string>();
  /** How long each resource takes, by its name. */
  const durationsMs: Record<string, number> = {};

  const apply = (...args: string[]) => reconcile(folder, ['apply', 'flask.yml', '--json', ...args]);
  const on = async (name: Name, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm', web2: 'trixie' }, acme: true });
    const acme = (name: Name) => ({
      acme_server: lab.hosts[name].acme.directory,
      acme_ca_bundle: lab.hosts[name].acme.caBundle,
    });
    folder = workspace(lab, {
      groups: {
        web: { hosts: [...names] },
        old: { hosts: ['web1'], vars: acme('web1') },
        new: { hosts: ['web2'], vars: acme('web2') },
      },
    });
    const each = (work: (name: Name) => Promise<unknown>) => Promise.all(names.map(work));
    await each(name => lab.snapshot(name, `${name} at first`));
    for (const stage of stages) {
      const done = playbook.resources.slice(0, resources.indexOf(stage) + 1);
      writeFileSync(join(folder, 'stage.yml'), stringify({ ...playbook, resources: done, checks: [] }));
      measure(await reconcile(folder, ['apply', 'stage.yml', '--json']));
      await each(name => lab.snapshot(name, `${name} after ${stage}`));
    }
    measure(await apply());
    await each(async name => {
      whole.set(name, await on(name, state));
      expect(await on(name, stale)).toBe('');
    });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  function measure(ran: Ran): void {
    expect([ran.exit, errors(ran)]).toEqual([0, []]);
    for (const { event, host, name, status, duration_ms } of ran.events)
      if (event === 'resource' && host === 'web1' && status === 'changed') durationsMs[name] = duration_ms;
  }

  /** Brings a host to where an apply that is cut off there begins. */
  async function begin(name: Name, { resource }: Cut): Promise<void> {
    const stage = stages.findLast(each => resources.indexOf(each) < resources.indexOf(resource));
    await lab.restore(name, stage === undefined ? `${name} at first` : `${name} after ${stage}`);
  }

  /** Begins an apply, and cuts it off. */
  async function cutOff(name: Name, { resource, into, means }: Cut): Promise<void> {
    const { child, until, ended } = starting(folder, ['apply', 'flask.yml', '--json', '-l', name]);
    const before = resources[resources.indexOf(resource) - 1];
    await until(({ event, name }) =>
      before === undefined ? event === 'host_plan' : event === 'resource' && name === before,
    );
    await sleep(into * durationsMs[resource]!);
    // A cut that comes too late proves nothing: each kind has to meet what it cuts.
    if (means === 'connection') await on(name, 'pkill -9 -f "[s]shd.*: deploy"');
    else if (means === 'shell') await on(name, 'pkill -9 -f "[r]ead -r n; eval"');
    else {
      if (means === 'power') lab.powerCut(name);
      child.kill('SIGKILL');
      expect((await ended).exit).toBe(-1);
      if (means === 'power') await lab.boot(name);
    }
    expect((await ended).exit).toBeLessThanOrEqual(1);
    // A step that was begun comes to its end without its controller, and holds the lease until then.
    await waitFor(
      'the last step',
      300_000,
      async () => (await lab.exec(name, 'pgrep -f "[r]ead -r n; eval"')).code !== 0 || undefined,
    );
  }

  const hosts: Promise<unknown>[] = [];
  it.concurrent.each(
    cuts.map(
      (cut, i) =>
        [
          cut.into === 0 ? 'before' : `${cut.into * 100} % into`,
          cut.resource,
          cut.means,
          cut,
          names[i % 2]!,
        ] as const,
    ),
  )(
    '%s %s, by its %s, an apply that is cut off is made good by the next one',
    async (_, __, ___, cut, name) => {
      await (hosts[names.indexOf(name)] = meets(cut, name, hosts[names.indexOf(name)]));
    },
    full ? 7_200_000 : 1_200_000,
  );

  /** One cut at a time on each host. */
  async function meets(cut: Cut, name: Name, turn: Promise<unknown> = Promise.resolve()): Promise<void> {
    await turn.catch(() => {});
    await begin(name, cut);
    await cutOff(name, cut);
    const next = await apply('-l', name);
    expect([next.exit, errors(next)]).toEqual([0, []]);
    const third = await apply('-l', name);
    expect([third.exit, named(third, name, 'unchanged')]).toEqual([0, Object.keys(statuses(third, name))]);
    expect(await on(name, state)).toBe(whole.get(name));
    expect([await on(name, stale), await on(name, leftovers)]).toEqual(['', '']);
    const { stdout } = await reconcile(folder, ['lock', 'status', name]);
    expect(stdout).toContain('free');
  }
});
