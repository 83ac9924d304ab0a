import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { renderProblems } from '../../../../engine/report/problem-text.ts';
import { warnings as rules } from '../../../../engine/validate/lint/lint.ts';
import { loadPlaybook } from '../../../../engine/validate/load-playbook.ts';
import { modules } from '../../../../modules/index.ts';
import { folderOf, load, shown } from '../../workspace.ts';

const inventory = (hosts: number) => {
  const names = Array.from({ length: hosts }, (_, index) => `web${index + 1}`);
  return `hosts: { ${names.map(name => `${name}: `).join(', ')} }\ngroups: { web: { hosts: [${names}] } }\n`;
};

const beside = {
  'inventory.yml': inventory(2),
  's.secret.yml': 'pw: long-enough\n',
  'templates/env.j2': 'DATABASE_URL=postgresql://app:{{ secrets.pw }}@127.0.0.1/app\nAPI_TOKEN=abcdef\n',
  'files/keys/id': '-----BEGIN OPENSSH PRIVATE KEY-----\n',
  'c.yml': 'params: { token: { type: string } }\nresources: []\n',
};

const found = (playbook: string, files: Readonly<Record<string, string>> = beside, options = {}) =>
  load({ 'playbook.yml': playbook, ...files }, { modules, ...options }).warnings();

/** The codes that lint tells of resources, with their lines. */
function codes(resources: string, { hosts = 2, before = '' } = {}): string[] {
  const playbook = `hosts: web\nsecrets: [s.secret.yml]\n${before}resources:\n${resources}`;
  const all = found(playbook, { ...beside, 'inventory.yml': inventory(hosts) });
  return all.map(({ code }) => code);
}

test('every rule reports its mistakes with place and remedy', async () => {
  const golden = readFileSync(new URL('../mistakes/lint.yml', import.meta.url), 'utf8');
  const all = found(golden, { ...beside, 's.secret.yml': 'pw: x\n' });
  await expect(shown(all)).toMatchFileSnapshot('../mistakes/lint.txt');
  expect(new Set(all.map(({ code }) => code))).toEqual(new Set(Object.keys(rules)));
});

const unit = (settings: string) =>
  `  - name: Unit\n    systemd_unit: { name: app.service, service: { ${settings} } }\n`;
const site = (text: string) => `  - nginx_site: { name: app, content: "server { ${text} }" }\n`;
const socket = 'location / { proxy_pass http://unix:/run/app/app.sock; }';
const gunicorn = (args: string) => unit(`ExecStart: "/v/bin/gunicorn ${args} wsgi:app"`);
const database = '  - pg_database: { name: app }\n';

describe('lint reports nothing', () => {
  test.each<[of: string, resources: string]>([
    ['of an alias for one file', site('location = /robots.txt { alias /srv/robots.txt; }')],
    ['of an alias in a location by expression', site('location ~ ^/u/(.+)$ { alias /srv/u/$1; }')],
    [
      'of an alias that ends as its location does',
      site('location /a/ { alias /srv/a/; } location /b { alias /srv/b; }'),
    ],
    ['of a reboot of one host after the other', '  - reboot: {}\n    at_once: 1\n'],
    [
      'of a service whose answers are not known',
      '  - { name: Conf, file: { path: /etc/app.conf } }\n  - service: { name: app, restart_on: ["{{ facts.hostname }}"] }\n',
    ],
    [
      'of a path that is not known',
      '  - file: { path: "/etc/nginx/{{ facts.hostname }}", content: "a b;" }\n',
    ],
    ['of a root', site('location /static/ { root /srv/app; }')],
    ['of a key that few can read', '  - file: { path: /a, src: keys/id, mode: "0640" }\n'],
    [
      'of a name that only begins like a secret',
      '  - file: { path: /a, content: "TOKEN_URL=https://x\\nPASSWORD_FILE=/a\\n" }\n',
    ],
    [
      'of a secret that a shell gets elsewhere',
      '  - file: { path: /a, content: "PASSWORD=$(pass db)\\nTOKEN=\\n" }\n',
    ],
    [
      'of Gunicorn on a socket or on this host',
      gunicorn('--bind unix:/run/app/app.sock --bind 127.0.0.1:8000'),
    ],
    ['of another program on every address', unit('ExecStart: "/usr/bin/caddy --bind 0.0.0.0:80"')],
    ['of a socket that all can enter', site(socket) + unit('User: app, RuntimeDirectory: app')],
    [
      'of a socket of Nginx’s own group',
      site(socket) + unit('User: app, Group: www-data, RuntimeDirectory: app, RuntimeDirectoryMode: "0750"'),
    ],
    [
      'of a group that Nginx is put into',
      `${site(socket)}${unit('User: app, RuntimeDirectory: app, RuntimeDirectoryMode: "0750"')}  - command: { run: adduser www-data app, always: true }\n`,
    ],
    ['of a socket that nothing is known of', site(socket)],
    ['of few workers', database + gunicorn('--workers 97')],
    ['of workers without PostgreSQL', gunicorn('--workers 500')],
    ['of workers that only a host can tell', database + gunicorn('--workers {{ facts.cpus }}')],
    ['of workers of hosts that each have a database', database + gunicorn('--workers 60')],
    [
      'of workers that PostgreSQL was set to take',
      `${database}${gunicorn('--workers 150')}  - pg_setting: { name: max_connections, value: 200 }\n`,
    ],
    [
      'of workers behind PgBouncer',
      `${database}${gunicorn('--workers 150')}  - apt: { packages: [pgbouncer] }\n`,
    ],
    [
      'of a password in a URL that is encoded',
      '  - file: { path: /a, content: "p://u:{{ secrets.pw | urlencode }}@h", mode: "0600" }\n',
    ],
    ['of a port in a URL', '  - file: { path: /a, content: "http://{{ host.name }}:{{ host.port }}/@x" }\n'],
    [
      'of a service that restarts, or reloads, on what it reads',
      '  - file: { path: /etc/app/a, content: a }\n  - file: { path: /etc/app/b, content: b }\n  - service: { name: app, restart_on: [file /etc/app/a], reload_on: [file /etc/app/b] }\n',
    ],
    [
      'of a service that is stopped',
      `${unit('ExecStart: /bin/true')}  - service: { name: app, state: stopped }\n`,
    ],
    ['of a tag beside never', '  - file: { path: /a }\n    tags: [never, once]\n'],
  ])('%s', (_, resources) => {
    expect(codes(resources)).toEqual([]);
  });
});

describe('lint reports', () => {
  test.each<[of: string, resources: string, code: string, setting?: object]>([
    [
      'of an alias in a file of Nginx',
      '  - file: { path: /etc/nginx/conf.d/a, content: "location /a/ { alias /b; }" }\n',
      'alias-slash',
    ],
    [
      'of an alias whose beginning is a variable',
      site('location /a/ { alias {{ host.name }}/b; }'),
      'alias-slash',
    ],
    ['of a bind that is short', gunicorn('-b :8000'), 'public-bind'],
    [
      'of a bind in a settings file',
      '  - file: { path: /srv/gunicorn.conf.py, content: "bind = \'0.0.0.0:8000\'" }\n',
      'public-bind',
    ],
    [
      'of workers on many hosts',
      gunicorn('--workers 9').replace('wsgi', 'postgresql'),
      'too-many-connections',
      { hosts: 12 },
    ],
    [
      'of workers on hosts where the database is left out',
      `${database}    when: inventory_hostname == "db"\n${gunicorn('--workers 9').replace('wsgi', 'postgresql')}`,
      'too-many-connections',
      { hosts: 12 },
    ],
    ['of threads', database + gunicorn('--workers 50 --threads 2'), 'too-many-connections'],
    [
      'of a socket in a closed directory',
      `${site(socket)}  - directory: { path: /run/app, owner: app, mode: "0750" }\n`,
      'socket-unreachable',
    ],
    [
      'of a socket of a socket unit',
      `${site(socket)}  - systemd_unit: { name: app.socket, socket: { ListenStream: /run/app/app.sock, SocketMode: "0600" } }\n`,
      'socket-unreachable',
    ],
    [
      'of a URL that is joined',
      `  - file: { path: /a, content: "{{ 'p://u:' ~ secrets.pw ~ '@h' }}", mode: "0600" }\n`,
      'url-password',
    ],
    [
      'of a program’s own settings',
      '  - file: { path: /etc/app/a, content: a }\n  - service: { name: app }\n',
      'restart-missing',
    ],
    [
      'of what is left out, as far as it is written',
      `${gunicorn('--bind 0.0.0.0:80')}    when: false\n`,
      'public-bind',
    ],
  ])('%s', (_, resources, code, setting) => {
    expect(codes(resources, setting)).toEqual([code]);
  });
});

describe('a comment allows a warning', () => {
  const bind = gunicorn('--bind 0.0.0.0:80').trimEnd();
  test.each<[where: string, resources: string]>([
    ['on its line', `${bind} # lint: allow public-bind\n`],
    [
      'on the line above',
      bind.replace('    systemd', '    # lint: allow public-bind: it is behind a firewall\n    systemd'),
    ],
    ['where the resource begins', `  # lint: allow public-bind\n  # Another comment.\n${bind}\n`],
    [
      'with others',
      '  - file: { path: /a, content: "p://u:{{ host.name }}@h TOKEN=a\\nTOKEN=b" } # lint: allow url-password, secret-in-clear\n',
    ],
  ])('%s', (_, resources) => {
    expect(codes(resources)).toEqual([]);
  });

  it('in a template, as a comment of templates', () => {
    const files = { ...beside, 'templates/t.j2': '{# lint: allow secret-in-clear #}\nTOKEN=abc\n' };
    expect(found('hosts: web\nresources: [file: { path: /a, template: t.j2 }]', files)).toEqual([]);
  });

  it('on another line not, and is reported itself', () => {
    expect(codes(`${bind}\n  # lint: allow public-bind\n  - file: { path: /a }\n`)).toEqual([
      'public-bind',
      'unused-allow',
    ]);
  });
});

it('lint needs no secrets, and does not reveal them', () => {
  const playbook =
    'hosts: web\nsecrets: [s.secret.yml]\nresources: [file: { path: /a, content: "p://u:{{ secrets.pw }}@h", mode: "0600" }]';
  const { 's.secret.yml': _, ...without } = beside;
  const missing = found(playbook, without, { secretsMissing: () => {} });
  expect(missing.map(({ code }) => code)).toEqual(['url-password']);
  const told = renderProblems(found(playbook, { ...beside, 's.secret.yml': 'pw: tr0ub4dor\n' }));
  expect(told).not.toContain('tr0ub4dor');
});

it('lint examines a fleet once for each set of groups', () => {
  const play = load({
    ...beside,
    'playbook.yml': 'hosts: all\nresources: []',
    'inventory.yml': inventory(500),
  }).plays[0]!;
  expect(play.subjects().map(({ hosts }) => hosts)).toEqual([500]);
});

describe('a playbook of the repository has no warnings', () => {
  const root = new URL('../../../../playbooks/', import.meta.url).pathname;
  test.each(readdirSync(root).filter(name => name.endsWith('.yml') && name !== 'inventory.yml'))(
    '%s',
    name => {
      const folder = folderOf({});
      cpSync(root, folder, { recursive: true });
      for (const example of readdirSync(join(folder, 'secrets')).filter(file =>
        /\.example\.yml$/.test(file),
      )) {
        const secrets = readFileSync(join(folder, 'secrets', example));
        const file = join(folder, 'secrets', example.replace('.example', ''));
        rmSync(file, { force: true });
        writeFileSync(file, secrets, { mode: 0o600 });
      }
      expect(renderProblems(loadPlaybook(join(folder, name), { modules }).warnings())).toBe('');
    },
  );
});
