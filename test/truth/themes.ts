import type { Layer } from './case.ts';

/** The themes of playbooks, so that the resources of one playbook meet in the same things. */
export interface Theme {
  layers: Readonly<Partial<Record<Layer, number>>>;
  /** Module → weight. Modules that are not named here come in by `anything` and by the module in focus. */
  modules: Readonly<Record<string, number>>;
  /** The packages that most of them need. */
  needs?: string | readonly string[];
  paths: readonly string[];
  /** Of the kinds of start actions. */
  start: readonly string[];
}

const plain = ['/srv/a', '/srv/a/b', '/srv/a/b/c', '/srv/a/f', '/srv/a/b/f', '/etc/app.conf', '/opt/x'];
const moving = [
  '/srv/cur',
  '/srv/cur/f',
  '/srv/r',
  '/srv/r/1',
  '/srv/r/1/f',
  '/srv/r/2',
  '/srv/a',
  '/srv/a/f',
];
const ofPackages = [
  ...['/etc/memcached.conf', '/etc/nginx/conf.d', '/etc/nginx/conf.d/x.conf', '/var/www/html', '/etc/nginx'],
  ...['/etc/nginx/sites-enabled/default', '/var/lib/redis', '/etc/redis', '/etc/default/rsync', '/srv/a'],
  ...['/usr/local/bin/tool', '/etc/default/uuidd', '/usr/share/doc/hello', '/etc/app.conf', '/var/lib/app'],
];
/** The folders among them. */
export const foldersOfPackages: ReadonlySet<string> = new Set([
  ...[
    '/etc/nginx',
    '/etc/nginx/conf.d',
    '/var/www/html',
    '/var/lib/redis',
    '/etc/redis',
    '/usr/share/doc/hello',
  ],
]);
const ofUnits = [
  ...['/etc/systemd/system/w1.service', '/etc/systemd/system/w2.service', '/srv/a/f', '/etc/app.conf'],
  ...['/etc/systemd/system/w1.service.d', '/etc/systemd/system/w1.service.d/a.conf', '/srv/a'],
  ...['/etc/systemd/system/app@.service', '/etc/systemd/system/multi-user.target.wants/w1.service'],
];

const ofSystem = [
  ...['/etc/cron.d/backup', '/etc/cron.d', '/etc/sudoers.d/ops', '/etc/hosts', '/etc/app.conf', '/srv/a'],
  ...[
    '/etc/logrotate.d/web',
    '/srv/a/f',
    '/var/log/app',
    '/etc/systemd/journald.conf.d',
    '/etc/systemd/journald.conf.d/zzz.conf',
  ],
];

/** Weights of the themes themselves. */
export const themeWeights = {
  ...{ files: 5, accounts: 3, moving: 3, packages: 5, units: 4, postgres: 4, web: 3, system: 4, anything: 3 },
};

/** Every theme by its name. */
export const themes: Readonly<Record<keyof typeof themeWeights, Theme>> = {
  files: {
    layers: { blank: 1 },
    modules: { file: 5, directory: 5, link: 2, tree: 2, command: 2 },
    paths: plain,
    start: ['files', 'accounts'],
  },
  accounts: {
    layers: { blank: 3, servers: 1 },
    modules: {
      user: 6,
      group: 4,
      authorized_keys: 2,
      file: 3,
      directory: 3,
      command: 1,
      service: 0.5,
      systemd_unit: 0.5,
    },
    paths: [...plain, '/home/app', '/home/app/.profile', '/home/ghost/f'],
    start: ['accounts', 'files'],
  },
  moving: {
    layers: { blank: 1 },
    modules: { file: 4, directory: 3, link: 5, tree: 1, command: 1 },
    paths: moving,
    start: ['files', 'links'],
  },
  packages: {
    layers: { blank: 3, servers: 2 },
    modules: {
      apt: 6,
      apt_repository: 1,
      file: 3,
      directory: 3,
      link: 1,
      service: 3,
      tree: 1,
      command: 1,
      firewall: 1,
    },
    paths: ofPackages,
    start: ['packages', 'files', 'services'],
  },
  units: {
    layers: { blank: 3, servers: 2 },
    modules: { systemd_unit: 5, service: 6, file: 3, directory: 2, link: 1, command: 1, apt: 1 },
    paths: ofUnits,
    start: ['units', 'services', 'files'],
  },
  postgres: {
    layers: { postgres: 9, blank: 1 },
    needs: 'postgresql',
    modules: {
      ...{ pg_role: 4, pg_database: 4, pg_grant: 3, pg_extension: 2, pg_setting: 2, pg_hba: 2, pg_check: 1 },
      ...{ service: 2, apt: 1, command: 1 },
    },
    paths: plain,
    start: ['postgres', 'services'],
  },
  web: {
    layers: { servers: 3, blank: 1 },
    needs: 'nginx-light',
    modules: { nginx_site: 5, certbot: 1, file: 2, link: 2, service: 2, apt: 2, http_check: 1, directory: 1 },
    paths: [
      ...['/etc/nginx/conf.d/x.conf', '/etc/nginx/sites-enabled/default', '/etc/nginx/sites-enabled/app'],
      ...['/etc/nginx/sites-available/app', '/srv/a', '/var/www/html', '/var/www/html/index.html'],
    ],
    start: ['web', 'services', 'packages'],
  },
  system: {
    layers: { blank: 1 },
    needs: ['cron', 'logrotate'],
    modules: {
      ...{
        cron_job: 4,
        sudoers: 3,
        systemd_config: 3,
        logrotate: 3,
        unattended_upgrades: 1,
        hosts_entry: 3,
        sysctl: 1,
      },
      ...{ file: 2, directory: 1, link: 1, service: 1, apt: 1, command: 1 },
    },
    paths: ofSystem,
    start: ['files', 'accounts', 'packages', 'services', 'upgrades', 'hosts'],
  },
  anything: {
    layers: { blank: 2, servers: 2, postgres: 2 },
    modules: {},
    paths: [...plain, ...ofPackages.slice(0, 4), ...ofUnits.slice(0, 2)],
    start: ['files', 'packages', 'services', 'units', 'postgres', 'accounts'],
  },
};
