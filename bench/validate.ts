/**
 * How long `reconcile validate` takes, and how much memory, for 2,000 resources on 500 hosts that are all different.
 * `npx tsx bench/validate.ts [RESOURCES HOSTS]`, after `npm run build`. Prints the median of a few runs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const resources = Number(process.argv[2] ?? 2000);
const hosts = Number(process.argv[3] ?? 500);
const rounds = 5;

/** Ten resources of one application, of which a few look at the host's own variables. */
const application = (n: number) => `
  - name: Folder ${n}
    directory: { path: "{{ root }}/app${n}", owner: www-data, group: www-data, mode: "0750" }
  - name: Settings ${n}
    file:
      path: "{{ root }}/app${n}/settings.ini"
      template: settings.ini.j2
      owner: www-data
      mode: 0640
  - name: Identity ${n}
    file: { path: "/etc/app${n}/node", content: "{{ host.name }} {{ node }} {{ zone }}\\n" }
  - name: Environment ${n}
    file:
      path: "{{ root }}/app${n}/.env"
      content: |
        DATABASE_URL=postgresql://app${n}:{{ secrets.password | urlencode }}@{{ database.host }}:{{ database.port }}/app${n}
        {% if zone == "eu" %}REGION=europe{% else %}REGION={{ zone }}{% endif %}

      owner: www-data
      mode: "0600"
  - name: Limits ${n}
    file: { path: "/etc/security/limits.d/{{ item.name }}.conf", content: "* hard {{ item.name }} {{ item.value }}\\n" }
    loop: [{ name: a${n}, value: 1 }, { name: b${n}, value: 2 }, { name: c${n}, value: "{{ database.port }}" }]
  - name: Role ${n}
    pg_role: { name: app${n}, password: "{{ secrets.password }}", connection_limit: "{{ workers * 5 }}" }
    when: "'db' in host.groups"
  - name: Unit ${n}
    systemd_unit:
      name: app${n}.service
      unit: { Description: "Application ${n} on {{ facts.hostname }}" }
      service:
        User: www-data
        EnvironmentFile: "{{ root }}/app${n}/.env"
        ExecStart: "{{ root }}/app${n}/venv/bin/gunicorn --workers {{ workers }} --bind unix:/run/app${n}/app.sock wsgi:app"
        RuntimeDirectory: app${n}
      install: { WantedBy: multi-user.target }
  - name: Service ${n}
    service: { name: app${n}, enabled: true, state: running, restart_on: [Settings ${n}, Environment ${n}, Unit ${n}] }
    tags: [app${n}]
  - name: Site ${n}
    nginx_site:
      name: app${n}
      server_names: ["app${n}.{{ domain }}"]
      locations:
        /static/: { alias: "{{ root }}/app${n}/static/", expires: 30d }
        /: { proxy_pass: "http://unix:/run/app${n}/app.sock" }
  - name: Migration ${n}
    command: { run: ["{{ root }}/app${n}/migrate"], run_on: [Settings ${n}] }
    when: facts.memory_mb > 900`;

const folder = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  mkdirSync(join(folder, 'templates'));
  writeFileSync(
    join(folder, 'templates/settings.ini.j2'),
    '[{{ domain }}]\n{% for name in groups.db %}\nserver = {{ name }}\n{% endfor %}\nworkers = {{ workers }}\n',
  );
  writeFileSync(join(folder, 'secrets.yml'), 'password: p@ss/word\n', { mode: 0o600 });
  const applications = Array.from({ length: resources / 10 }, (_, n) => application(n)).join('');
  writeFileSync(
    join(folder, 'playbook.yml'),
    `hosts: all\nbecome: true\nsecrets: [secrets.yml]\nvars: { root: /srv, database: { host: db0, port: 5432 } }\nresources:${applications}\n`,
  );
  const names = Array.from({ length: hosts }, (_, n) => `${n < hosts / 10 ? 'db' : 'web'}${n}`);
  const inventory = {
    hosts: Object.fromEntries(
      names.map((name, n) => [
        name,
        {
          address: `10.0.${n >> 8}.${n & 255}`,
          vars: { node: n, zone: ['eu', 'us', 'ap'][n % 3], workers: 2 + (n % 4) },
        },
      ]),
    ),
    groups: {
      all: { vars: { domain: 'example.com' } },
      db: { hosts: names.filter(name => name.startsWith('db')) },
      web: { hosts: names.filter(name => name.startsWith('web')), vars: { domain: 'web.example.com' } },
    },
  };
  writeFileSync(join(folder, 'inventory.yml'), JSON.stringify(inventory, null, 1));
  const script = `
    process.argv.splice(1, 1, ${JSON.stringify(join(import.meta.dirname, '../dist/reconcile.cjs'))}, 'validate', 'playbook.yml');
    process.on('exit', () => { const u = process.resourceUsage(); process.stderr.write('used ' + u.maxRSS + ' ' + (u.userCPUTime + u.systemCPUTime)); });
    require(process.argv[1]);`;
  const runs = Array.from({ length: rounds }, () => {
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script, '-'], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`validate exited with ${status}\n${stdout}${stderr.slice(0, 2000)}`);
    const [, kb, cpu] = /used (\d+) (\d+)/.exec(stderr)!;
    return { ms: performance.now() - started, cpuMs: Number(cpu) / 1000, mb: Number(kb) / 1024 };
  });
  const median = (of: number[]) => of.sort((a, b) => a - b)[Math.floor(of.length / 2)]!.toFixed(0);
  console.log(`reconcile validate, ${resources} resources on ${hosts} hosts, median of ${rounds}:`);
  console.log(`  time    ${median(runs.map(({ ms }) => ms))} ms`);
  console.log(`  memory  ${median(runs.map(({ mb }) => mb))} MB`);
} finally {
  rmSync(folder, { recursive: true });
}
