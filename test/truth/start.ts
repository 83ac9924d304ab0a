import type { Draw } from './draw.ts';
import { sleepingUnit } from './pools.ts';
import { contentFor } from './shapes.ts';

const install = 'DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends';
const psql = (sql: string, database = 'postgres') =>
  `su postgres -c "psql -qX -d ${database} -c \\"${sql}\\""`;
const quoted = (text: string) => `'${text.replaceAll('\n', '\\n')}'`;

const siteFile =
  "mkdir -p /etc/nginx/sites-available && printf 'server {\\n  listen 8080;\\n}\\n' >/etc/nginx/sites-available/app";

const archive = 'http://deb.debian.org/debian $(. /etc/os-release; echo $VERSION_CODENAME)-backports';
const sources = [
  `echo "deb ${archive} main" >/etc/apt/sources.list.d/old.list`,
  `printf 'Types: deb\\nURIs: %s\\nSuites: %s\\nComponents: main\\n' ${archive} >/etc/apt/sources.list.d/backports.sources`,
  `printf 'Package: *\\nPin: release n=x\\nPin-Priority: 1\\n' >/etc/apt/preferences.d/other`,
];

/** Ways in which a host can be other than fresh, by kind: each a shell line. */
const actions: Readonly<Record<string, (draw: Draw) => string>> = {
  files: draw => {
    const path = draw.path();
    return draw.random.pick([
      `mkdir -p ${path}`,
      `mkdir -p ${path} && echo kept >${path}/extra`,
      `mkdir -p $(dirname ${path}) && printf ${quoted(contentFor(path, draw))} >${path}`,
      `mkdir -p $(dirname ${path}) && printf ${quoted(contentFor(path, draw))} >${path} && chmod 0600 ${path}`,
      `mkdir -p ${path} && chown deploy ${path} && chmod 2750 ${path}`,
      `mkdir -p $(dirname ${path}) && ln -sfn ${draw.from('link', 'target')} ${path}`,
      `rm -rf ${path}`,
      'touch /srv/flag',
    ]);
  },
  links: draw => {
    const [path, target] = [draw.path(), draw.from('link', 'target')];
    return draw.random.pick([
      `mkdir -p /srv/r/1 /srv/r/2 && echo '# one' >/srv/r/1/f && ln -sfn r/1 /srv/cur`,
      `mkdir -p $(dirname ${path}) && ln -sfn ${target} ${path}`,
      `ln -sfn /srv/r/1 /srv/a`,
    ]);
  },
  accounts: ({ random }) =>
    random.pick([
      'useradd --system ghost',
      'groupadd web',
      'groupadd --gid 1500 web && useradd --create-home --groups web,www-data app',
      'useradd --create-home --uid 1501 --shell /bin/sh --comment One app && echo "app:secret" | chpasswd',
      'useradd --create-home app && usermod --lock --expiredate 2030-01-01 app',
      'useradd --create-home app && usermod -aG www-data app && systemd-run --uid=app sleep infinity',
      'mkdir -p /home/app /srv/home',
    ]),
  hosts: draw =>
    draw.random.pick([
      "echo '10.0.0.5 db.internal db' >>/etc/hosts",
      "echo '10.0.0.9 web # reconcile' >>/etc/hosts",
      "printf '10.0.0.5 shop' >>/etc/hosts",
    ]),
  upgrades: () => `systemctl unmask apt-daily-upgrade.timer && ${install} unattended-upgrades`,
  packages: draw => {
    const name = draw.from('apt', 'packages');
    return draw.random.pick([
      `${install} ${name}`,
      `${install} ${name}`,
      `apt-get -qy remove ${name}`,
      `apt-get -qy purge ${name}`,
      `apt-mark auto ${name}`,
      `${install} ${name} && apt-mark hold ${name}`,
      draw.random.pick(sources),
    ]);
  },
  services: draw => {
    // Without its server nothing of a theme about PostgreSQL can be asked for.
    const others = [...draw.made.services].filter(each => each !== 'postgresql');
    const name = others.length > 0 && draw.random.chance(0.9) ? draw.random.pick(others) : draw.service();
    return draw.random.pick([
      `systemctl stop ${name}`,
      `systemctl disable ${name}`,
      `systemctl disable --now ${name}`,
      `systemctl mask ${name}`,
      `systemctl enable --now ${name}`,
    ]);
  },
  units: draw => {
    const name = draw.random.pick(['w1', 'w2', 'app@']);
    const write = `printf ${quoted(sleepingUnit)} >/etc/systemd/system/${name}.service`;
    const load = 'systemctl daemon-reload';
    return draw.random.pick([
      write,
      `${write} && ${load}`,
      `${write} && ${load} && systemctl enable --now ${name.replace('@', '@1')}`,
    ]);
  },
  postgres: draw =>
    draw.random.pick([
      psql(`CREATE ROLE ${draw.from('pg_role', 'name')} LOGIN PASSWORD 'one two'`),
      psql(`CREATE ROLE ${draw.from('pg_role', 'name')} NOLOGIN CREATEDB`),
      psql(`CREATE DATABASE ${draw.from('pg_database', 'name')}`),
      psql(`CREATE DATABASE ${draw.from('pg_database', 'name')} OWNER ${draw.role()}`),
      psql('CREATE TABLE t1 (id int)', draw.database()),
      psql('CREATE SCHEMA s1', draw.database()),
      psql(`GRANT ${draw.role()} TO ${draw.role()}`),
      psql('CREATE EXTENSION hstore', draw.database()),
      psql("ALTER SYSTEM SET work_mem = '16MB'"),
      ...(draw.random.chance(0.2) ? ['systemctl stop postgresql'] : []),
    ]),
  web: draw =>
    draw.random.pick([
      'rm -f /etc/nginx/sites-enabled/default',
      'mkdir -p /srv/a && echo page >/srv/a/index.html',
      siteFile,
      // A link to nothing would make Nginx itself fail.
      `${siteFile} && mkdir -p /etc/nginx/sites-enabled && ln -sfn ../sites-available/app /etc/nginx/sites-enabled/app`,
    ]),
};

/** A folder, or a link to nothing, where Nginx wants a file of its configuration, lets its package fail: no plan can know. */
const breaksNginx =
  /^mkdir -p (\/etc\/nginx\/(conf\.d|sites-enabled)\/\S|\$\(dirname \/etc\/nginx\/\S+\) && ln )/;

/** systemd never has a unit loaded that has a directory in the place of a drop-in. */
const breaksSystemd = /^mkdir -p \/etc\/systemd\/system\/\S+\.conf( |$)/;

/** The lines that make the start state of a case: often none, seldom more than three. */
export function drawStart(draw: Draw): string[] {
  const count = draw.random.pick([0, 0, 1, 1, 2, 2, 3, 4]);
  const lines = Array.from({ length: count }, () => {
    const line = actions[draw.random.pick(draw.theme.start)]!(draw);
    draw.made.byLine(line);
    return line;
  });
  return [...new Set(lines)].filter(line => !breaksNginx.test(line) && !breaksSystemd.test(line));
}
