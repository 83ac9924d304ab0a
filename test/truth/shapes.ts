import { unitName } from '../../engine/steps/unit-steps.ts';
import type { Draw } from './draw.ts';
import { sleepingUnit } from './pools.ts';

type Args = Record<string, unknown>;

/**
 * Arguments that make sense together, for modules whose arguments drawn one by one seldom do. A module without a shape
 * has its arguments drawn from its schema alone, and those with one sometimes too.
 */
export const shapes: Readonly<Record<string, (draw: Draw) => Args>> = {
  file,
  directory: draw => {
    const path = draw.path('directory');
    if (removable(path, draw) && draw.random.chance(0.25)) return { path, state: 'absent' };
    return { path, ...ownership(draw), ...draw.maybe(0.15, () => ({ recurse: true })) };
  },
  link,
  tree: draw => ({
    path: draw.path('tree'),
    src: draw.from('tree', 'src'),
    ...draw.maybe(0.3, () => ({ delete_extra: true })),
    ...draw.maybe(0.2, () => ({ owner: draw.account() })),
    ...draw.maybe(0.2, () => ({ file_mode: draw.from('tree', 'file_mode') })),
  }),
  apt: draw =>
    draw.random.chance(0.05)
      ? { deb: draw.from('apt', 'deb') }
      : {
          packages: draw.random.chance(0.07)
            ? [draw.from('apt', 'odd')]
            : draw.random.some(draw.pool('apt', 'packages')!, draw.random.whole(1, 2)),
          ...draw.maybe(0.5, () => ({ recommends: false })),
          ...draw.maybe(0.05, () => ({ release: draw.from('apt', 'release') })),
          ...draw.maybe(0.3, () => ({
            state: 'absent',
            ...draw.maybe(0.5, () => ({ purge: true })),
            ...draw.maybe(0.3, () => ({ autoremove: true })),
          })),
        },
  alternatives: draw =>
    draw.random.pick<Args>([
      { name: 'awk', path: '/usr/bin/mawk' },
      { name: 'awk', auto: true },
      { name: 'pager', path: '/bin/more' },
      { name: 'tool', path: draw.path(), link: '/usr/local/sbin/tool', priority: draw.random.pick([10, 20]) },
      { name: 'tool', path: draw.path(), state: 'absent' },
    ]),
  apt_repository: draw => {
    const name = draw.from('apt_repository', 'name');
    if (draw.random.chance(0.2)) return { name, state: 'absent' };
    const of = (argument: string) => ({ [argument]: draw.from('apt_repository', argument) });
    return {
      name,
      ...of('uris'),
      suites: ['{{ facts.os.codename }}-backports'],
      components: [name === 'other' ? 'contrib' : 'main'],
      signed_by: '/usr/share/keyrings/debian-archive-keyring.gpg',
      ...draw.maybe(0.2, () => ({ enabled: draw.random.chance(0.5) })),
      ...draw.maybe(0.2, () => of('options')),
      ...draw.maybe(0.3, () => of('pin')),
      ...draw.maybe(0.2, () => of('replaces')),
    };
  },
  debconf: draw => ({
    package: draw.random.chance(0.7) ? 'iptables-persistent' : 'tzdata',
    answers: draw.from('debconf', 'answers'),
    ...draw.maybe(0.2, () => ({ passwords: draw.from('debconf', 'passwords') })),
    ...draw.maybe(0.3, () => ({ reconfigure: true })),
  }),
  command,
  service,
  systemd_unit: unit,
  cron_job: draw => ({
    name: draw.from('cron_job', 'name'),
    ...(draw.random.chance(0.25)
      ? { state: 'absent' }
      : {
          user: draw.account(),
          schedule: draw.from('cron_job', 'schedule'),
          command: draw.from('cron_job', 'command'),
          ...draw.maybe(0.4, () => ({ env: draw.from('cron_job', 'env') })),
          ...draw.maybe(0.3, () => ({ timer: true })),
          ...draw.maybe(0.2, () => ({ adopt_crontab_line: draw.from('cron_job', 'adopt_crontab_line') })),
        }),
  }),
  logrotate: draw => ({
    name: draw.from('logrotate', 'name'),
    ...(draw.random.chance(0.25)
      ? { state: 'absent' }
      : {
          paths: draw.from('logrotate', 'paths'),
          every: draw.random.pick(['daily', 'weekly']),
          keep: draw.from('logrotate', 'keep'),
          ...draw.maybe(0.2, () => ({ su: draw.from('logrotate', 'su') })),
          ...draw.maybe(0.3, () => ({ compress: draw.random.chance(0.5) })),
        }),
  }),
  unattended_upgrades: draw => ({
    ...draw.random.pick<Args>([
      { state: 'absent' },
      { enabled: false },
      { origins: draw.from('unattended_upgrades', 'origins') },
      { reboot_time: '04:30', remove_unused: true },
      { mail: 'root' },
    ]),
  }),
  systemd_config: draw => {
    const name = draw.from<string>('systemd_config', 'name');
    const sound: Record<string, Args[]> = {
      journald: [{ SystemMaxUse: '500M' }, { ForwardToSyslog: false }],
      logind: [{ KillUserProcesses: false }, { KillUserProceses: false }],
      system: [{ DefaultTimeoutStopSec: '20s' }],
      timesyncd: [{ NTP: ['a.example', 'b.example'] }],
    };
    return draw.random.chance(0.25)
      ? { name, state: 'absent' }
      : { name, values: draw.random.pick(sound[name]!) };
  },
  sudoers: draw => ({
    name: draw.from('sudoers', 'name'),
    ...draw.random.pick<Args>([
      { state: 'absent' },
      { defaults: draw.from('sudoers', 'defaults') },
      {
        user: draw.from('sudoers', 'user'),
        commands: draw.from('sudoers', 'commands'),
        nopasswd: draw.random.chance(0.5),
      },
      { group: 'www-data', commands: ['/usr/bin/id'] },
    ]),
  }),
  pg_setting: draw => {
    const name = draw.random.chance(0.05) ? 'app.greeting' : draw.from('pg_setting', 'name');
    if (draw.random.chance(0.25)) return { name, state: 'absent' };
    const sound: Record<string, unknown> = {
      ...{ work_mem: '16MB', max_connections: 120, log_min_duration_statement: 500, log_connections: true },
    };
    return {
      name,
      value: draw.random.chance(0.9) ? (sound[name] ?? 'hello') : draw.from('pg_setting', 'value'),
    };
  },
  pg_role: draw => ({
    name: draw.from('pg_role', 'name'),
    ...(draw.random.chance(0.25)
      ? { state: 'absent' }
      : {
          ...draw.maybe(0.3, () => ({ password: draw.from('pg_role', 'password') })),
          ...draw.maybe(0.3, () => ({ createdb: draw.random.chance(0.5) })),
          ...draw.maybe(0.3, () => ({ login: draw.random.chance(0.5) })),
          ...draw.maybe(0.3, () => ({ member_of: [draw.role()] })),
        }),
  }),
  pg_extension: draw => ({
    name: draw.from('pg_extension', 'name'),
    database: draw.database(),
    ...draw.maybe(0.1, () => ({ schema: draw.from('pg_extension', 'schema') })),
    ...draw.maybe(0.2, () => ({ state: 'absent' })),
  }),
  pg_database: draw => ({
    name: draw.from('pg_database', 'name'),
    ...(draw.random.chance(0.2)
      ? { state: 'absent', ...draw.maybe(0.3, () => ({ force: true })) }
      : {
          ...draw.maybe(0.6, () => ({ owner: draw.role() })),
          ...draw.maybe(0.15, () => ({ encoding: 'LATIN1', locale: 'C', template: 'template0' })),
        }),
  }),
  pg_grant: draw => ({
    role: draw.random.chance(0.1) ? 'PUBLIC' : draw.role(),
    database: draw.database(),
    ...draw.random.pick<Args>([
      { privileges: ['CONNECT'] },
      { privileges: ['ALL'] },
      { privileges: ['SELECT'], tables: draw.from('pg_grant', 'tables') },
      { privileges: ['SELECT'], tables: 'all', default: true },
      { privileges: ['USAGE'], schema: draw.from('pg_grant', 'schema') },
    ]),
    ...draw.maybe(0.2, () => ({ state: 'absent' })),
  }),
  nginx_site: draw => ({
    name: draw.from('nginx_site', 'name'),
    ...draw.random.pick<Args>([
      { state: 'absent' },
      { enabled: false },
      { content: `server {\n  listen ${draw.random.pick([80, 8080])};\n  server_name a.example;\n}\n` },
      {
        server_names: draw.from('nginx_site', 'server_names'),
        locations: draw.from('nginx_site', 'locations'),
      },
      { template: 'site.j2' },
    ]),
  }),
  certbot: draw => ({
    name: draw.from('certbot', 'name'),
    domains: draw.from('certbot', 'domains'),
    email: 'admin@example.com',
  }),
  http_check: draw => ({ url: draw.from('http_check', 'url'), attempts: 2, delay: '200ms' }),
  pg_check: draw => ({
    database: draw.database(),
    user: draw.random.pick(
      [...draw.made.roles]
        .filter(name => name !== 'postgres')
        .concat('app')
        .slice(0, 2),
    ),
    password: 'one two',
    attempts: 2,
    delay: '200ms',
  }),
  mount: draw => {
    const path = draw.random.pick(['/srv/m', '/srv/m/in', '/srv/n']);
    if (draw.random.chance(0.25)) return { path, state: 'absent' };
    const options = draw.random.pick([['size=16m'], ['nosuid', 'size=32m'], []]);
    return draw.random.chance(0.3)
      ? { path, source: '/srv', options: ['bind', ...draw.random.pick([[], ['ro']])] }
      : { path, source: 'tmpfs', type: 'tmpfs', options, ...draw.maybe(0.2, () => ({ state: 'fstab' })) };
  },
  // A host of this test needs no reboot.
  reboot: () => ({}),
  python_venv: draw => ({
    path: draw.from('python_venv', 'path'),
    ...draw.maybe(0.2, () => ({ owner: draw.account() })),
    ...draw.maybe(0.15, () => ({ packages: ['six'] })),
    ...draw.maybe(0.15, () => ({ state: 'absent' })),
  }),
};

/** Below these nothing else of the host depends on what is there. */
const removable = (path: string, draw: Draw): boolean =>
  (path.includes('memcached') && draw.made.gone.has('memcached')) ||
  (path.includes('redis') && draw.made.gone.has('redis-server')) ||
  /^\/(srv|opt|usr\/local|var\/www|var\/lib\/app|etc\/app|usr\/share\/doc)/.test(path) ||
  /\/(w\d\.service(\.d)?|app@\.service|x\.conf|default|app|a\.conf)$/.test(path);

function ownership(draw: Draw): Args {
  return {
    ...draw.maybe(0.3, () => ({ mode: draw.from('file', 'mode') })),
    ...draw.maybe(0.2, () => ({ owner: draw.account() })),
    ...draw.maybe(0.1, () => ({ group: draw.account() })),
  };
}

/** Content that the programs that read a path accept. */
export function contentFor(path: string, draw: Draw): string {
  if (/\.service$/.test(path)) return sleepingUnit;
  if (/\.service\.d\//.test(path)) return draw.random.pick(['[Service]\nEnvironment=A=1\n', '[Service]\n']);
  return draw.from('file', 'content');
}

function file(draw: Draw): Args {
  const path = draw.path();
  if (removable(path, draw) && draw.random.chance(0.2)) return { path, state: 'absent' };
  const content = draw.random.chance(0.85)
    ? { content: contentFor(path, draw) }
    : draw.maybe(0.5, () => (draw.random.chance(0.5) ? { src: 'one.txt' } : { template: 'page.j2' }));
  return { path, ...content, ...ownership(draw), ...draw.maybe(0.05, () => ({ backup: true })) };
}

// Files that Nginx includes must exist and be valid: Nginx, not a reading, refuses a link to nothing.
function link(draw: Draw): Args {
  const path = draw.path('link');
  const inNginx = path.startsWith('/etc/nginx/');
  const target = inNginx
    ? path.replace('sites-enabled', 'sites-available')
    : draw.random.chance(0.4)
      ? draw.path()
      : draw.from('link', 'target');
  const force = draw.maybe(0.25, () => ({ force: true }));
  const isLeft = inNginx ? !path.endsWith('sites-enabled/default') : false;
  if (isLeft || draw.random.chance(0.2)) return { path, target, state: 'absent' };
  return { path, target, ...force };
}

// A command that fails by itself, or changes what is there and is not its own, would be a fault of the playbook, which the
// law leaves out.
function command(draw: Draw): Args {
  const path = draw.path('directory');
  // Nginx fails over a folder in the place of a file.
  const isForNginx = /^\/etc\/nginx\/.*\//.test(path);
  const made = draw.made.hasFolderOf(path) && !isForNginx ? path : '/srv/made/by/command';
  const ref = draw.reference();
  const place = {
    ...draw.maybe(0.15, () => ({ cwd: draw.random.pick(['/srv', '/srv', '/srv/a', '/srv/a/b']) })),
  };
  const unit = '/etc/systemd/system/w2.service';
  const choices: Args[] = [
    { run: `mkdir -p ${made}`, creates: made },
    { run: `mkdir -p $(dirname ${made}) && printf '# one\\n' >${made}`, creates: made },
    { run: ['install', '-D', '/dev/null', made], creates: made },
    // A migration: due when what an earlier resource wrote is not what it was.
    {
      run: `cat ${path} >/srv/migrated 2>/dev/null; :`,
      unless: `test "$(cat ${path} 2>/dev/null)" = "$(cat /srv/migrated 2>/dev/null)"`,
    },
    { run: 'useradd --system ghost', unless: 'id ghost' },
    { run: `printf '${sleepingUnit.replaceAll('\n', '\\n')}' >${unit}`, creates: unit },
    { run: 'rm -f /srv/flag', only_if: 'test -e /srv/flag' },
    { run: 'touch /var/tmp/done', unless: 'test -e /var/tmp/done' },
    { run: 'touch /var/tmp/by-$(id -un)', unless: 'test -e /var/tmp/by-$(id -un)', user: draw.account() },
    ...(draw.made.databases.size > 0 ? [tables(), tables(), tables()] : []),
    // A note of its last run lets a script run again.
    { script: 'set-up.sh', ...draw.maybe(0.5, () => ({ args: ['one'] })) },
    { script: 'set-up.sh', args: ['two'], only_if: 'test -d /srv/a' },
    { script: 'set-up.sh', args: ['three'], unless: 'grep -qs three /srv/set-up' },
    ...(ref === undefined
      ? []
      : [
          { run: 'date >>/srv/log', run_on: [ref] },
          { run: 'date >>/srv/log', run_on: [ref], only_if: 'test -e /srv/flag' },
          { script: 'set-up.sh', args: ['four'], run_on: [ref] },
        ]),
  ];
  return { ...draw.random.pick(choices), ...place };
}

/** Tables as an application makes them by itself. */
function tables(): Args {
  const ask = (sql: string) => `su postgres -c "psql -qAt -c '${sql}'"`;
  return { run: ask('CREATE TABLE t1 (id int)'), unless: `${ask('TABLE t1')} >/dev/null 2>&1` };
}

function service(draw: Draw): Args {
  const name = draw.service();
  const ref = draw.reference();
  // Units that start on a condition, or once, are only enabled.
  const runs = !/^(rsync|uuidd|netfilter-persistent)$/.test(name);
  return {
    name,
    settle: '0s',
    ...draw.maybe(0.5, () => ({ enabled: draw.random.chance(0.7) })),
    ...draw.maybe(0.7, () => ({ state: runs && draw.random.chance(0.95) ? 'running' : 'stopped' })),
    ...draw.maybe(0.1, () => ({ masked: draw.random.chance(0.7) })),
    ...(ref === undefined ? {} : draw.maybe(0.3, () => ({ restart_on: [ref] }))),
    ...(ref === undefined ? {} : draw.maybe(0.07, () => ({ reload_on: [ref] }))),
  };
}

function dropIn(draw: Draw): Args {
  const of = draw.random.chance(0.6) ? unitName(draw.service()) : draw.from<string>('systemd_unit', 'of');
  const name = draw.random.pick(['a', 'limits', 'zz']);
  if (draw.random.chance(0.25)) return { name, of, state: 'absent' };
  if (of.endsWith('.timer')) return { name, of, timer: { RandomizedDelaySec: '1min' } };
  const settings = draw.random.pick<Args>([
    { Environment: { A: '1' } },
    { Nice: draw.random.pick([3, 5]) },
    { ExecReload: '/bin/true' },
    { ExecStartPre: '/usr/bin/hello' },
  ]);
  return {
    ...{ name, of, service: settings },
    ...draw.maybe(0.1, () => ({ install: { WantedBy: 'multi-user.target' } })),
  };
}

function unit(draw: Draw): Args {
  // A drop-in of a unit that is not there is an obstacle to the whole playbook.
  if (draw.random.chance(draw.made.services.size > 0 ? 0.3 : 0.02)) return dropIn(draw);
  const name = draw.from('systemd_unit', 'name');
  if (draw.random.chance(0.2)) return { name, state: 'absent' };
  if (name.endsWith('.timer'))
    return { name, timer: { OnCalendar: 'daily' }, install: { WantedBy: 'timers.target' } };
  if (name.endsWith('.socket')) return { name, socket: { ListenStream: '/run/w2.sock' } };
  if (name.endsWith('.path')) return { name, path: { PathExists: '/srv/never' } };
  if (name.endsWith('.slice')) return { name, slice: { MemoryMax: draw.random.pick(['500M', '1G']) } };
  if (draw.random.chance(0.01)) return { name: 'web.container', container: { Image: 'localhost/web:1' } };
  if (name.endsWith('.mount')) return { name, mount: { What: 'tmpfs', Where: '/srv/m', Type: 'tmpfs' } };
  if (draw.random.chance(0.15))
    return {
      name,
      ...draw.random.pick<Args>([{ content: sleepingUnit }, { src: 'w1.service' }, { template: 'unit.j2' }]),
    };
  const socket = name === 'w2.service' ? draw.maybe(0.3, () => ({ unit: { Requires: 'w2.socket' } })) : {};
  const start = draw.random.weighted({ '/bin/sleep infinity': 6, '/srv/a/f': 0.3, '/usr/bin/hello': 0.5 });
  return {
    name,
    service: {
      ExecStart: start,
      ...draw.maybe(0.1, () => ({ User: draw.account() })),
      ...draw.maybe(0.1, () => ({ WorkingDirectory: '/srv/a' })),
    },
    ...draw.maybe(0.7, () => ({ install: { WantedBy: 'multi-user.target' } })),
    ...draw.maybe(0.2, () => ({ unit: { Description: draw.random.pick(['One', 'Two']) } })),
    ...socket,
  };
}
