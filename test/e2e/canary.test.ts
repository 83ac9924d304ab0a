import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { gatewayAddress } from '../lab/network.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, type Ran, reconcile } from './reconcile.ts';
import type { Seen, SeenFile, SeenProcess } from './sampler.ts';
import { formsOf, tracedFiles, tracesIn } from './traces.ts';

const prepared =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx postgresql';

/** Stands at both ends of every secret, and nowhere else in the world. */
const core = `z${randomBytes(6).toString('hex')}q`;
/** A secret with what URLs, shells, SQL, JSON, HTML and YAML have to escape. */
const canary = (name: string) => `${core}${name}'"<&> %/+\\$ü:${core}`;
/** For where a URL, a unit or a form of words leaves no room for more. */
const plainCanary = (name: string) => `${core}.${name}.${core}`;

const sealed = Object.fromEntries(
  [
    ...['content', 'template', 'derived', 'chained', 'parameter', 'first', 'second', 'named', 'condition'],
    ...['role', 'stdin', 'variable', 'registered', 'unit', 'old', 'printed', 'query'],
  ].map(name => [name, canary(name)]),
);
const inClear = { index: canary('index'), answer: plainCanary('answer'), nginx: plainCanary('nginx') };
const fromCommand = canary('command');
const fromEnvironment = canary('environment');

/** Every file that is meant to hold a secret, below `/`, with the only mode that it may ever have; and its owner. */
const meant: Record<string, string> = {
  'srv/canary/content': '0600 www-data',
  'srv/canary/template': '0640 root',
  'srv/canary/derived': '0600 root',
  'srv/canary/chained': '0400 root',
  'srv/canary/parameter': '0600 root',
  'srv/canary/loop-0': '0600 root',
  'srv/canary/loop-1': '0600 root',
  'srv/canary/command': '0600 root',
  'srv/canary/environment': '0600 root',
  'srv/canary/registered': '0600 root',
  'srv/canary/unit.env': '0600 root',
  'srv/canary/nginx.conf': '0600 root',
  'srv/canary/old': '0600 root',
  'srv/canary/stdin': '0600 root',
};

describeLab('secrets in every place that a playbook has for them', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  let home: string;
  let server: Server;
  const asked: string[] = [];
  const ran: Record<string, Ran> = {};
  let seen: Seen;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: { release: 'bookworm', prepared } } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    home = mkdtempSync(join(tmpdir(), 'reconcile-e2e-home-'));
    mkdirSync(join(home, 'tmp'));
    server = createServer((request, response) => {
      asked.push(decodeURIComponent(`${request.url} ${request.headers.authorization ?? ''}`));
      if (!request.url!.startsWith('/simple')) response.end(`here: ${inClear.answer}`);
      else response.writeHead(404).end();
    });
    await new Promise<void>(resolve => server.listen(0, gatewayAddress(lab.id), resolve));
    await web1(`set -e
      DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends curl python3-venv >/dev/null
      for s in "log_statement = 'all'" 'log_min_duration_statement = 0' 'log_connections = on'; do
        runuser -u postgres -- psql -qc "ALTER SYSTEM SET $s"; done
      systemctl reload postgresql
      printf '[install]\ntrusted-host = ${gatewayAddress(lab.id)}\n' >>/etc/pip.conf`);
    writePlaybooks();
    expect((await run('secrets', 'init', 'secrets/new.yml')).exit).toBe(0);
    expect((await run('secrets', 'encrypt', 'secrets/sealed.yml')).exit).toBe(0);
    const watch = await sampler(
      ['/srv/canary', '/tmp', '/run', '/root'].map(path => lab.hosts.web1.rootDir + path),
    );
    ran['validate'] = await run('validate', 'play.yml', 'failing.yml');
    ran['plan'] = await run('plan', 'play.yml', '-o', 'plan.json', '-vv');
    ran['apply a plan'] = await run(
      ...['apply', 'plan.json', '-vv', '--diff', '--report', 'one.html', '--junit', 'one.xml'],
    );
    ran['check that finds nothing'] = await run('apply', 'play.yml', '--check', '--json', '-vv');
    await web1(
      'cd /srv/canary; for f in content template derived chained old; do printf "\nmore\n" >>$f; done; rm -f stdin registered',
    );
    ran['check that finds drift'] = await run('apply', 'play.yml', '--check', '-vv');
    ran['apply'] = await run(
      ...['apply', 'play.yml', '--json', '-vv', '--report', 'two.html', '--junit', 'two.xml'],
    );
    writeFileSync(join(lab.hosts.web1.rootDir, 'root/forms'), otherForms(sealed['printed']!).join('\n'));
    ran['failing apply'] = await run(
      ...['apply', 'failing.yml', '-vv', '--diff', '--report', 'three.html', '--junit', 'three.xml'],
    );
    ran['failing apply in JSON'] = await run('apply', 'failing.yml', '--json', '-vv');
    await web1('rm /root/forms');
    ran['history'] = await run('history', '--json');
    ran['inventory'] = await run('inventory', '--json');
    ran['explained inventory'] = await run('inventory', '--explain', 'web1');
    ran['graph'] = await run('graph', 'play.yml');
    ran['facts'] = await run('facts');
    seen = await watch();
  });
  afterAll(async () => {
    for (const each of [folder, home]) if (each) rmSync(each, { recursive: true });
    server?.close();
    await lab?.close();
  });

  const web1 = async (script: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec('web1', script, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  /** The files with a trace that are on no disk. */
  const inMemory = () =>
    web1('grep -rlaF -D skip -f - /run /tmp /dev/shm || [ $? = 1 ]', formsOf(core).join('\n'));
  const run = (...args: string[]) =>
    reconcile(folder, args, {
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      CANARY: fromEnvironment,
      RECONCILE_DEBUG: '1',
    });

  function write(name: string, content: string | object, mode = 0o644): void {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode });
    chmodSync(file, mode);
  }

  function writePlaybooks(): void {
    const { address, port } = server.address() as { address: string; port: number };
    const url = `http://${address}:${port}`;
    write('inventory.yml', lab.inventory());
    const lines = Object.entries(sealed).map(([name, text]) => `${name}: ${JSON.stringify(text)}\n`);
    write('secrets/sealed.yml', lines.join(''), 0o600);
    write('secrets/clear.yml', inClear, 0o600);
    write('source.txt', fromCommand, 0o600);
    write('templates/canary.j2', 'KEY={{ secrets.template | to_json }}\n{{ chained }}\n');
    write('components/canary.yml', {
      params: { token: { type: 'string', description: 'A secret.' } },
      resources: [file('parameter', '{{ token }}\n')],
    });
    const play = {
      hosts: 'web1',
      become: true,
      secrets: ['secrets/sealed.yml', 'secrets/clear.yml', { command: ['cat', 'source.txt'], as: 'command' }],
      vars: { chained: '{{ again | replace("-", "_") }}', again: 'x-{{ secrets.chained }}-y' },
    };
    write('play.yml', {
      ...play,
      name: 'Canaries',
      resources: [
        { name: 'Folder', directory: { path: '/srv/canary', mode: '0755' } },
        file('content', '{{ secrets.content }}', { owner: 'www-data' }),
        {
          file: { path: '/srv/canary/template', template: 'canary.j2', mode: '0640', group: 'www-data' },
        },
        file(
          'derived',
          '{{ secrets.derived | b64encode }}\n{{ secrets.derived | urlencode }}\n{{ secrets.derived | quote }}\n' +
            '{{ {"a": secrets.derived} | combine({"b": secrets.derived | upper}) | to_yaml }}\n',
        ),
        file('chained', '{{ chained }}', { mode: '0400' }),
        { include: 'components/canary.yml', with: { token: '{{ secrets.parameter }}' } },
        {
          ...file('loop-{{ index }}', '{{ item }}'),
          name: 'Loop',
          loop: ['{{ secrets.first }}', '{{ secrets.second }}'],
        },
        { ...file('command', '{{ secrets.command }}'), name: 'Named {{ secrets.named }}' },
        { ...file('environment', "{{ env('CANARY') }}"), when: 'secrets.condition != "x"' },
        file('old', '{{ secrets.old }}', { backup: true }),
        { name: 'Role', pg_role: { name: 'canary', password: '{{ secrets.role }}' } },
        {
          name: 'In',
          command: {
            run: 'umask 077; cat >/srv/canary/stdin',
            stdin: '{{ secrets.stdin }}',
            creates: '/srv/canary/stdin',
          },
        },
        {
          name: 'Variable',
          command: {
            run: 'printf "made of %s" "$V"; sleep 0.1',
            env: { V: '{{ secrets.registered }}' },
            only_if: 'test ! -e /srv/canary/registered',
          },
          register: 'made',
        },
        {
          ...file('registered', '{{ made.stdout }}{{ secrets.registered if made.skipped else "" }}'),
          when: 'made.changed',
        },
        file('unit.env', 'CANARY={{ secrets.unit | to_json }}\n'),
        {
          name: 'Unit',
          systemd_unit: {
            name: 'canary.service',
            service: { EnvironmentFile: '/srv/canary/unit.env', ExecStart: '/bin/sleep infinity' },
          },
        },
        { service: { name: 'canary', state: 'running', restart_on: ['Unit'] } },
        file('nginx.conf', 'proxy_set_header X-Canary "{{ secrets.nginx }}";\n'),
        {
          name: 'Site',
          nginx_site: {
            name: 'canary',
            server_names: ['_'],
            listen: [8080],
            locations: { '/': { return: '204' } },
            extra: 'include /srv/canary/nginx.conf;',
          },
        },
        { service: { name: 'nginx', state: 'running', reload_on: ['Site'] } },
      ],
      checks: [
        {
          name: 'Answer',
          http_check: { url: `${url}/?q={{ secrets.query | urlencode }}`, contains: '{{ secrets.answer }}' },
        },
        {
          pg_check: {
            dsn: 'postgresql://canary:{{ secrets.role | urlencode }}@127.0.0.1/postgres',
            expect: 1,
          },
        },
        { name: 'Login', pg_check: { user: 'canary', database: 'postgres', password: '{{ secrets.role }}' } },
      ],
    });
    const failing = (resource: object) => ({ ...resource, on_failure: 'continue' });
    write('failing.yml', {
      ...play,
      name: 'Failures',
      resources: [
        failing({
          name: 'Prints it in many forms',
          command: {
            run: 'echo before; cat /root/forms >&2; echo "$V" after >&2; sleep 0.1; exit 3',
            env: { V: '{{ secrets.variable }}' },
            always: true,
          },
        }),
        failing({
          name: 'Refused',
          file: {
            path: '/srv/canary/refused',
            content: '{{ secrets.content }}',
            mode: '0600',
            validate: 'cat %s >&2; exit 1',
          },
        }),
        failing({
          name: 'Venv',
          python_venv: {
            path: '/srv/venv',
            packages: ['canary'],
            index_url: `http://user:{{ secrets.index | urlencode }}@${address}:${port}/simple`,
          },
        }),
        failing({
          name: 'Wrong answer',
          http_check: {
            url: `${url}/?q={{ secrets.query | urlencode }}`,
            contains: '{{ secrets.index }}',
            attempts: 1,
          },
        }),
        failing({
          name: 'Wrong password',
          pg_check: { user: 'canary', database: 'postgres', password: '{{ secrets.index }}', attempts: 1 },
        }),
      ],
    });
  }

  const file = (name: string, content: string, more: object = {}) => ({
    file: { path: `/srv/canary/${name}`, content, mode: '0600', ...more },
  });

  /** Starts to look at processes and folders; the result stops it and gives what was seen. */
  async function sampler(folders: string[]): Promise<() => Promise<Seen>> {
    const program = join(import.meta.dirname, 'sampler.ts');
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let printed = '';
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
    const ready = new Promise<void>(resolve => child.stdout.once('data', () => resolve()));
    child.stdout.on('data', bytes => (printed += bytes));
    child.stdin.write(`${JSON.stringify({ core, folders })}\n`);
    await ready;
    return async () => {
      child.stdin.end();
      await ended;
      return JSON.parse(printed.slice('ready\n'.length));
    };
  }

  it('every run ends as it should', () => {
    const exits = Object.fromEntries(Object.entries(ran).map(([name, { exit }]) => [name, exit]));
    expect([exits, ran['apply']!.stderr, errors(ran['apply']!)]).toEqual([
      {
        validate: 0,
        plan: 2,
        'apply a plan': 0,
        'check that finds nothing': 0,
        'check that finds drift': 2,
        apply: 0,
        'failing apply': 1,
        'failing apply in JSON': 1,
        history: 0,
        inventory: 0,
        'explained inventory': 0,
        graph: 0,
        facts: 0,
      },
      '',
      [],
    ]);
    expect(errors(ran['failing apply in JSON']!).map(({ resource }) => resource)).toHaveLength(5);
  });

  it('no output contains a trace of a secret', () => {
    const traces = Object.entries(ran).flatMap(([name, { stdout, stderr }]) =>
      [stdout, stderr].flatMap(text => tracesIn(text, core).map(words => `${name}: ${words}`)),
    );
    expect(traces).toEqual([]);
  });

  it('the words around them in the output of a failed command stay readable', () => {
    const { stdout } = ran['failing apply']!;
    expect(stdout).toContain('«secrets.variable» after');
    for (const name of ['URL', 'base64', 'SQL', 'HTML', 'JSON', 'shell'])
      expect(stdout).toMatch(new RegExp(`${name}: .*«secrets.printed».*, said the host`));
  });

  it('the controller writes no secret into any file', () => {
    const sources = ['secrets/clear.yml', 'source.txt'];
    const written = tracedFiles(folder, core).filter(({ path }) => !sources.includes(path));
    expect([...written, ...tracedFiles(home, core)]).toEqual([]);
  });

  it('on the host they are only in their own files, with the declared modes', async () => {
    const upper = tracedFiles(join(lab.hosts.web1.rootDir, '../upper'), core);
    const found = upper.map(({ path, mode }) => [path.replace(/~.*~$/, '~'), mode] as const);
    const expected = Object.entries(meant).map(([path, words]) => [path, words.split(' ')[0]] as const);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries([...expected, ['srv/canary/old.~', '0600']]),
    );
    expect(await inMemory()).toBe('');
    expect(tracesIn(await web1('journalctl -a -o export --no-pager'), core)).toEqual([]);
  });

  it('PostgreSQL, which logs every statement, receives only verifiers', async () => {
    const log = await web1('cat /var/log/postgresql/*.log');
    expect(log).toMatch(/CREATE ROLE "canary" LOGIN PASSWORD 'SCRAM-SHA-256\$/);
    expect(tracesIn(log, core)).toEqual([]);
  });

  it('no process has one in its arguments, and none in its environment besides its own', () => {
    expect(seen.samples, `one every ${seen.everyMs.toFixed(1)} ms`).toBeGreaterThan(500);
    const given = ({ file, onHost, words }: SeenProcess) =>
      file === 'environ' &&
      words.every(each =>
        (onHost ? /variable|registered|CANARY=\S*unit/ : /CANARY=\S*environment/).test(each),
      );
    expect(seen.processes.filter(each => !given(each))).toEqual([]);
    // They are found at all.
    expect(seen.processes.some(({ onHost }) => onHost)).toBe(true);
    expect(seen.processes.some(({ onHost }) => !onHost)).toBe(true);
  });

  it('no file with a secret ever has a wider mode or another owner than declared', async () => {
    const accounts = new Map([
      ['root', 0],
      ['www-data', Number(await web1('id -u www-data'))],
    ]);
    const wider = (mode: string, declared: string) =>
      (Number.parseInt(mode, 8) & ~Number.parseInt(declared, 8)) !== 0;
    const wrong = ({ path, mode, uid }: SeenFile) => {
      const relative = path.slice(lab.hosts.web1.rootDir.length + 1).replace(/\.~.*~$/, '');
      if (relative === 'root/forms') return false;
      // A file staged beside them belongs to root, or has its final owner and mode.
      const [declared, owner] = (meant[relative] ?? '0640 www-data').split(' ') as [string, string];
      return wider(mode, declared) || (uid !== 0 && uid !== accounts.get(owner));
    };
    expect(seen.files.filter(wrong)).toEqual([]);
    expect(seen.files.length).toBeGreaterThan(Object.keys(meant).length);
  });

  it('their services receive them unchanged', async () => {
    expect(readFileSync(join(lab.hosts.web1.rootDir, 'srv/canary/content'), 'utf8')).toBe(sealed['content']);
    expect(await web1('cat /srv/canary/registered')).toBe(`made of ${sealed['registered']}`);
    expect(asked).toContain(`/?q=${sealed['query']} `);
    // pip writes them so.
    const authorized = Buffer.from(`user:${inClear.index}`, 'latin1').toString('base64');
    expect(asked).toContain(`/simple/canary/ Basic ${authorized}`);
  });

  it('planted leaks are found', async () => {
    const folder = join(lab.hosts.web1.rootDir, 'srv/planted');
    mkdirSync(folder);
    const watch = await sampler([folder]);
    const slow = "sh -c 'sleep 4; :'";
    const leaking = `cd /srv/planted; ${slow} ${core}
      cat >wide <<'end'\n${canary('planted')}\nend
      sleep 1; chmod 600 wide; logger "$(base64 wide)"; cp wide /run/wide; LEAK=${core} ${slow}`;
    // As a process of the host's own, not one that has come into it.
    await web1('systemd-run --quiet --pipe --wait sh -s', leaking);
    const { processes, files } = await watch();
    expect(await inMemory()).toContain('/run/wide\n');
    const found = (file: string) =>
      processes.some(each => each.file === file && each.onHost && each.command.startsWith('sh -c sleep 4'));
    expect([found('cmdline'), found('environ')]).toEqual([true, true]);
    expect(files.map(({ mode }) => mode)).toEqual(expect.arrayContaining(['0644', '0600']));
    const traced = tracedFiles(join(lab.hosts.web1.rootDir, '../upper/srv/planted'), core);
    expect(traced).toEqual([expect.objectContaining({ path: 'wide', mode: '0600' })]);
    expect(tracesIn(await web1('journalctl -a -o export --no-pager'), core)).not.toEqual([]);
    for (const form of otherForms(canary('x'))) expect(tracesIn(form, core)).not.toEqual([]);
  });
});

/** The forms of a secret in the output of programs, one a line. */
function otherForms(secret: string): string[] {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const url = encodeURIComponent(secret);
  return [
    `URL: ${url}, ${url.replaceAll('%20', '+')}, ${url.replace(/%../g, code => code.toLowerCase())}, said the host`,
    `base64: ${base64(secret)} ${base64(`x${secret}y`)} ${base64(`xx${secret}`)}, said the host`,
    `SQL: '${secret.replaceAll("'", "''")}', said the host`,
    `HTML: ${secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')}, said the host`,
    `JSON: ${JSON.stringify(secret)} ${JSON.stringify(secret).replace(/[^ -~]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}, said the host`,
    `shell: '${secret.replaceAll("'", "'\\''")}' '${secret.replaceAll("'", `'"'"'`)}', said the host`,
  ];
}
