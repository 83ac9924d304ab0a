/**
 * Measures the time and memory of `reconcile validate` for 2,000 resources on 500 different hosts, and on one.
 * `npx tsx bench/validate.ts [RESOURCES HOSTS ROUNDS]`, after `npm run build`. Prints the median of a few runs with the
 * minimum and the maximum. On a busy machine, compare the processor's time.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const resources = Number(process.argv[2] ?? 2000);
const fleets = process.argv[3] === undefined ? [1, 500] : [Number(process.argv[3])];
const rounds = Number(process.argv[4] ?? 5);

/** Twenty resources of one application, most of them with templates. One in 60 uses values of a single host, the others
 * use values that several hosts share. */
const application = (n: number) => `
  - name: Folder ${n}
    directory: { path: "{{ root }}/app${n}", owner: www-data, group: www-data, mode: "0750" }
  - name: Settings ${n}
    file: { path: "{{ root }}/app${n}/settings.ini", template: settings.ini.j2, owner: www-data, mode: 0640 }
  - name: Environment ${n}
    file:
      path: "{{ root }}/app${n}/.env"
      content: |
        DATABASE_URL=postgresql://app${n}:{{ secrets.password | urlencode }}@{{ database.host }}:{{ database.port }}/app${n}
        {% if zone == "eu" %}REGION=europe{% else %}REGION={{ zone }}{% endif %}

      owner: www-data
      mode: "0600"
  - name: Identity ${n}
    file: { path: "/etc/app${n}/node", content: "{{ ${n % 3 === 0 ? 'host.name }} {{ host.address }} {{ node' : 'rack'} }} {{ zone }}\\n" }
  - name: Limits ${n}
    file: { path: "/etc/security/limits.d/{{ item.name }}.conf", content: "* hard {{ item.name }} {{ item.value }}\\n" }
    loop: [{ name: a${n}, value: 1 }, { name: b${n}, value: 2 }, { name: c${n}, value: "{{ database.port }}" }]
  - name: Role ${n}
    pg_role: { name: app${n}, password: "{{ secrets.password }}", connection_limit: "{{ workers * 5 }}" }
    when: "'db' in host.groups"
  - name: Database ${n}
    pg_database: { name: app${n}, owner: app${n} }
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
    when: facts.memory_mb > 900
  - include: logs.yml
    name: Logs ${n}
    with: { app: app${n}, keep: "{{ workers * 7 }}" }
    needs: [Folder ${n}]
  - name: Packages ${n}
    apt: { packages: [tool-a${n}, "tool-{{ zone }}${n}"] }
  - name: Cache ${n}
    directory: { path: /var/cache/app${n}, owner: www-data }
  - name: Link ${n}
    link: { path: /opt/app${n}, target: "{{ root }}/app${n}" }`;

/** The component of every include. */
const component = `params:
  app: { type: string }
  keep: { type: integer, default: 7 }
resources:
  - name: Folder
    directory: { path: "/var/log/{{ app }}", owner: www-data }
  - name: Rotation
    file: { path: "/etc/logrotate.d/{{ app }}", content: "/var/log/{{ app }}/*.log {\\n  rotate {{ keep }}\\n}\\n" }
  - name: Shipping
    file: { path: "/etc/ship.d/{{ app }}.conf", content: "{{ app }}\\n" }
    needs: [Folder]
`;

const folder = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  for (const hosts of fleets) measure(hosts);
} finally {
  rmSync(folder, { recursive: true });
}

function measure(hosts: number): void {
  mkdirSync(join(folder, 'templates'), { recursive: true });
  writeFileSync(
    join(folder, 'templates/settings.ini.j2'),
    '[{{ domain }}]\n{% for name in groups.db %}\nserver = {{ name }}\n{% endfor %}\nworkers = {{ workers }}\n',
  );
  writeFileSync(join(folder, 'secrets.yml'), 'password: p@ss/word\n', { mode: 0o600 });
  writeFileSync(join(folder, 'logs.yml'), component);
  const applications = Array.from({ length: resources / 20 }, (_, n) => application(n)).join('');
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
          vars: { node: n, zone: ['eu', 'us', 'ap'][n % 3], workers: 2 + (n % 4), rack: `r${n >> 4}` },
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
  const told = (of: number[]) => {
    const [least, median, most] = [0, of.length >> 1, of.length - 1].map(
      at => of.toSorted((a, b) => a - b)[at]!,
    );
    return `${median!.toFixed(0)} (${least!.toFixed(0)} to ${most!.toFixed(0)})`;
  };
  console.log(`reconcile validate, ${resources} resources on ${hosts} hosts, median of ${rounds}:`);
  console.log(`  time       ${told(runs.map(({ ms }) => ms))} ms`);
  console.log(`  processor  ${told(runs.map(({ cpuMs }) => cpuMs))} ms`);
  console.log(`  memory     ${told(runs.map(({ mb }) => mb))} MB`);
}
