import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { runProgram } from './run-program.ts';

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-cli-'));
  const site = (content: string) => `name: Site
hosts: localhost
become: false
resources:
  - name: Page
    file: { path: ${at('page')}, content: ${JSON.stringify(content)} }
`;
  writeFileSync(at('site.yml'), site('hello\n'));
  writeFileSync(
    at('secret.yml'),
    site("{{ env('PAGE_TOKEN') }}\n").replace('{ path', '{ mode: "0600", path'),
  );
  writeFileSync(at('bad.yml'), 'hosts: localhost\nresources:\n  - file: { pth: /x }\n');
  writeFileSync(at('worse.yml'), 'hosts: localhost\nresources:\n  - fil: { path: /x }\n');
  writeFileSync(
    at('inventory.yml'),
    `hosts:
  web1: { address: 203.0.113.1, vars: { workers: 5 } }
  web2: { address: 203.0.113.2, port: 2222, user: deploy }
groups:
  web: { hosts: [web1, web2], vars: { workers: 2 } }
`,
  );
});

afterAll(() => rmSync(folder, { recursive: true }));

const reconcile = (...argv: string[]) => runProgram(argv);

describe('a problem of a command line is a sentence', () => {
  test.each<[argv: string[], stderr: string]>([
    [['aply'], "Unknown command 'aply'. Did you mean apply? [usage]"],
    [['apply', 'x.yml', '--chek'], "Unknown option '--chek'. Did you mean --check? [usage]"],
    [['apply', 'x.yml', '-K'], "Unknown option '-K'. [usage]\n  Use --ask-become-pass."],
    [['apply', 'x.yml', '--syntax-check'], 'reconcile validate x.yml'],
    [['apply', 'x.yml', '--extra-vars', 'a=1'], 'Use -e NAME=VALUE.'],
    [['apply', 'x.yml', '--forks=5'], 'Use --parallel.'],
    [['apply', 'x.yml', '-o', 'plan.json'], 'reconcile plan x.yml -o plan.json'],
    [['plan', 'x.yml', '--check'], 'Leave it out: a plan changes nothing.'],
    [['validate', 'x.yml', '-K'], '`reconcile validate --help` lists its arguments and options.'],
    [['facts', '--nothing-like-it'], '`reconcile facts --help` lists its arguments and options.'],
    [['help'], "Unknown command 'help'. [usage]\n  Type:\n      reconcile --help"],
    [['help', 'apply'], 'reconcile apply --help'],
    [['lint', 'x.yml'], 'reconcile validate x.yml'],
    [['x.yml', '--check'], 'reconcile apply x.yml'],
    [['ping'], 'reconcile facts'],
    [['lock', 'stat', 'all'], '[usage]'],
    [['lock', 'status'], "Missing required argument 'pattern'. [usage]"],
    [
      ['apply'],
      "Missing required argument 'playbook'. [usage]\n  `reconcile apply --help` lists its arguments and options.",
    ],
    [
      ['apply', 'x.yml', '-p', '0'],
      "Option '-p, --parallel <n>' argument '0' is invalid. It is a whole number from 1. [usage]",
    ],
    [['apply', 'x.yml', '--timeout', '3x'], 'It is a duration such as 30s, 5m or 1h. [usage]'],
    [['apply', 'x.yml', '--timeout', '0s'], 'It is a duration such as 30s, 5m or 1h. [usage]'],
    [['apply', 'x.yml', '--confirm'], 'nobody can answer: standard input is not a terminal. [usage]'],
    [['apply', 'x.yml', '--confirm', '--json'], '--json leaves no place for it. [usage]'],
    [
      ['apply', 'x.yml', '--report', '/nowhere/r.html'],
      '--report /nowhere/r.html: there is no folder /nowhere. [usage]',
    ],
    [
      ['apply', 'x.yml', '--junit', tmpdir()],
      `--junit ${tmpdir()} is a folder; it takes the name of a file.`,
    ],
    [['modules', 'fil'], 'There is no module "fil". Did you mean "file"? [usage]'],
    [['modules', 'copy'], '- file: { path: /etc/motd, content: "Welcome\\n" }'],
    [['explain', 'buug'], 'There is no problem code "buug". Did you mean "bug"? [usage]'],
    [['completion', 'powershell'], 'Allowed choices are bash, zsh, fish. [usage]'],
  ])('%j', async (argv, stderr) => {
    const ran = await reconcile(...argv);
    expect(ran.stderr).toContain(stderr);
    expect(ran).toMatchObject({ exitCode: 3, stdout: '' });
  });
});

it('a host that times out during the connection is not changed', async () => {
  const ran = await reconcile('apply', at('site.yml'), '--timeout', '1ms');
  expect([ran.exitCode, existsSync(at('page'))]).toEqual([1, false]);
  expect(ran.stdout).toContain('The host exceeded its time limit of 0.001 s. [timeout]');
});

it('a timeout too long for a timer is a long one', async () => {
  const ran = await reconcile('apply', at('site.yml'), '--check', '--timeout', '9999d');
  expect(ran).toMatchObject({ exitCode: 2, stderr: '' });
});

describe('a plan that is saved', () => {
  const vars = ['-e', 'greeting=hello'];
  const again = (...more: string[]) => reconcile('apply', at('plan.json'), ...more);
  beforeAll(async () => {
    const page = readFileSync(at('site.yml'), 'utf8').replace('"hello\\n"', '"{{ greeting }}\\n"');
    writeFileSync(at('greeting.yml'), page.replace('/page', '/planned'));
    writeFileSync(at('same.json'), JSON.stringify({ hosts: 'localhost', become: false, resources: [] }));
    writeFileSync(at('other.json'), '{ "name": "other" }');
    const planned = await reconcile('plan', at('greeting.yml'), ...vars, '-o', at('plan.json'));
    expect(planned).toMatchObject({ exitCode: 2, stderr: '' });
    expect(planned.stdout.split('\n').at(-2)).toBe(`Saved. To apply:  reconcile apply ${at('plan.json')}`);
  });

  it('is refused after an edit of any of its values', async () => {
    const text = readFileSync(at('plan.json'), 'utf8');
    const values = [...text.matchAll(/(?<=: "?|\[\s*")(?!reconcile plan)[\w./]/g)];
    expect(values.length).toBeGreaterThan(15);
    for (const { index, 0: first } of values) {
      const edited = `${text.slice(0, index)}${first === '2' ? '3' : '2'}${text.slice(index + 1)}`;
      writeFileSync(at('edited.json'), edited);
      const { exitCode, stderr } = await reconcile('apply', at('edited.json'), ...vars, '--check');
      expect([exitCode, stderr], edited).toEqual([3, expect.stringContaining('[plan-invalid]')]);
    }
  });

  it('is readable by its owner alone, and overwrites only a plan', async () => {
    expect(statSync(at('plan.json')).mode & 0o777).toBe(0o600);
    const over = await reconcile('plan', at('greeting.yml'), ...vars, '-o', at('site.yml'));
    expect([over.exitCode, over.stderr]).toEqual([3, expect.stringContaining('is not a plan')]);
  });

  test.each<[more: string[], says: string]>([
    [[], 'plan.json -e greeting=VALUE'],
    [[...vars, '-e', 'other=1'], 'without -e other'],
    [[...vars, '-l', 'localhost'], '--limit is part of the plan'],
    [[...vars, '-t', 'a'], '--tags is part of the plan'],
    [[...vars, '--skip-tags', 'a'], '--skip-tags is part of the plan'],
    [[...vars, '-i', 'web1,'], '--inventory is part of the plan'],
  ])('is not applied with %j', async (more, says) => {
    expect(await again(...more)).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: expect.stringContaining(says),
    });
  });

  it('is distinguished from a playbook by its content', async () => {
    expect((await reconcile('apply', at('same.json'))).exitCode).toBe(0);
    const other = await reconcile('apply', at('other.json'));
    expect([other.exitCode, other.stderr]).toEqual([3, expect.stringContaining('neither a saved plan')]);
    const both = await reconcile('plan', at('plan.json'), ...vars, '-o', at('plan.json'));
    expect([both.exitCode, both.stderr]).toEqual([3, expect.stringContaining('is a plan')]);
  });

  it('is refused with another value of its variable, and applied with the same value', async () => {
    const other = await again('-e', 'greeting=bye', '--check');
    expect([other.exitCode, other.stdout]).toEqual([1, expect.stringContaining('declared otherwise: Page')]);
    expect((await again(...vars)).exitCode).toBe(0);
    expect(readFileSync(at('planned'), 'utf8')).toBe('hello\n');
  });
});

describe('invalid input', () => {
  it('is reported on stderr with its place, and exits with 3', async () => {
    const ran = await reconcile('apply', at('bad.yml'), '--json');
    expect(ran).toMatchObject({ exitCode: 3, stdout: '' });
    expect(ran.stderr).toContain('bad.yml:3:13: ');
    expect(ran.stderr).toContain('Did you mean "path"?');
  });

  it('includes inventories in validate, which names an unused file of secrets', async () => {
    writeFileSync(at('keyed.yml'), `${readFileSync(at('site.yml'), 'utf8')}secrets: [none.yml]\n`);
    const ran = await reconcile('validate', at('keyed.yml'), at('inventory.yml'));
    expect([ran.exitCode, ran.stdout]).toEqual([
      0,
      `${at('keyed.yml')}: 1 play for 1 host, no problems\n${at('inventory.yml')}: an inventory of 2 hosts, no problems\n`,
    ]);
    expect(ran.stderr).toContain('none.yml is missing');
    expect((await reconcile('apply', at('keyed.yml'), '--check')).exitCode).toBe(3);
  });

  it('excludes lint warnings, which leave exit code 0 without --strict', async () => {
    writeFileSync(
      at('warned.yml'),
      `${readFileSync(at('site.yml'), 'utf8')}vars: { db_password: hunter2 }\n`,
    );
    const ran = await reconcile('validate', at('warned.yml'), at('site.yml'));
    expect(ran).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/host, 1 warning\n.*no problems\n$/s),
    });
    expect(ran.stderr).toContain(
      'warned.yml:7:9: warning: "db_password" is a secret that stands here in clear.',
    );
    expect((await reconcile('validate', '--strict', at('warned.yml'))).exitCode).toBe(3);
    expect((await reconcile('validate', '--strict', at('site.yml'))).exitCode).toBe(0);
    expect((await reconcile('plan', at('warned.yml'))).stderr).toBe('');
  });

  it('is reported for all validated files', async () => {
    const ran = await reconcile('validate', at('bad.yml'), at('site.yml'), at('worse.yml'));
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toMatch(/bad\.yml:.*worse\.yml:/s);
    expect(ran.stdout).toMatch(/site\.yml: 1 play for 1 host, no problems\n$/);
  });
});

describe('a check of this computer', () => {
  it('exits with 2 and prints the command to apply it', async () => {
    const ran = await reconcile('apply', at('site.yml'), '--check');
    expect(ran.exitCode).toBe(2);
    expect(ran.stdout).toContain('  + Page  file  content 1 line\n        + hello\n');
    expect(ran.stdout).toMatch(
      /\nlocalhost: 1 would change, 0 unchanged\nNothing was changed. To apply: {2}reconcile apply \S+site.yml\n$/,
    );
  });

  it('is the same as plan', async () => {
    const ran = await reconcile('plan', at('site.yml'), '--no-diff');
    expect(ran.exitCode).toBe(2);
    expect(ran.stdout).not.toContain('+ hello');
    expect(ran.stdout).toMatch(/reconcile apply \S+site.yml --no-diff\n$/);
  });

  it('prints only JSON with --json', async () => {
    const ran = await reconcile('apply', at('site.yml'), '--check', '--json');
    const events = ran.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: 'run_finished', exit_code: 2 });
    expect(ran.stderr).toBe('');
  });

  it('writes its reports', async () => {
    await reconcile('plan', at('site.yml'), '--report', at('r.html'), '--junit', at('j.xml'));
    expect(readFileSync(at('r.html'), 'utf8')).toContain('<h1>Site</h1>');
    expect(readFileSync(at('j.xml'), 'utf8')).toContain('<testsuite name="localhost: Site"');
  });

  it('keeps its exit code if a report cannot be written, and says so', async () => {
    const ran = await reconcile('plan', at('site.yml'), '--report', '/dev/full', '--junit', '/dev/full');
    expect([ran.exitCode, ran.stderr.match(/"\/dev\/full" could not be written: ENOSPC/g)?.length]).toEqual([
      2, 2,
    ]);
    const refused = await reconcile('plan', at('site.yml'), '-o', '/dev/full');
    expect([refused.exitCode, refused.stderr]).toEqual([
      3,
      expect.stringContaining('takes the name of a file'),
    ]);
  });

  it('shows no secret anywhere', async () => {
    process.env['PAGE_TOKEN'] = 'tr0ub4dor';
    const text = await reconcile('plan', at('secret.yml'), '--report', at('r.html'), '-vv');
    const json = await reconcile('plan', at('secret.yml'), '--json');
    delete process.env['PAGE_TOKEN'];
    expect(text.stdout).toContain('+ «env.PAGE_TOKEN»');
    expect(json.stdout).toContain('+«env.PAGE_TOKEN»');
    expect(JSON.stringify([text, json]) + readFileSync(at('r.html'), 'utf8')).not.toContain('tr0ub4dor');
  });
});

describe('inventory', () => {
  it('names this computer, which no inventory lists', async () => {
    const { exitCode, stdout } = await reconcile('inventory', '-i', at('inventory.yml'), 'localhost');
    expect([exitCode, stdout.trim()]).toEqual([0, 'localhost  local']);
  });

  it('reports a missing inventory, and a host without variables', async () => {
    writeFileSync(at('bare.yml'), 'hosts: { web1: }\n');
    const bare = await reconcile('inventory', '-i', at('bare.yml'), '--explain', 'web1');
    expect(bare.stdout).toMatch(/\nin no group\n\nIt has no variables\.\n$/);
    const none = await reconcile('inventory');
    expect([none.exitCode, none.stderr.split('\n')[0]]).toEqual([
      3,
      'There is no host or group "all": there is no inventory. [unknown-host]',
    ]);
  });

  it('lists the hosts with their connections', async () => {
    const { stdout } = await reconcile('inventory', '-i', at('inventory.yml'), 'web2');
    expect(stdout).toBe('web2  deploy@203.0.113.2:2222  web\n');
  });

  it('prints JSON for other programs', async () => {
    const { stdout } = await reconcile('inventory', '-i', at('inventory.yml'), '--json', 'web2');
    expect(JSON.parse(stdout)).toEqual({
      hosts: {
        web2: { address: '203.0.113.2', port: 2222, user: 'deploy', groups: ['web'], vars: { workers: 2 } },
      },
    });
  });

  it('shows the groups', async () => {
    const { stdout } = await reconcile('inventory', '-i', at('inventory.yml'), '--graph');
    expect(stdout).toBe('all\n└─ web: web1, web2\n');
  });

  it('explains the source of each value of a host, and the values it overrides', async () => {
    const { stdout } = await reconcile('inventory', '-i', at('inventory.yml'), '--explain', 'web1');
    expect(stdout.replaceAll(folder, '')).toMatch(
      /^web1 {2}\S+@203\.0\.113\.1:22\nin all < web\n\n {2}address {2}"203\.0\.113\.1" {2}host web1 {2}\S+:2\n\n {2}workers {2}5 {7}host web1 {2}\S+:2\n {11}over 2 {2}group web {2}\S+:5\n$/,
    );
  });

  it('explains a variable for each host', async () => {
    const { stdout } = await reconcile('inventory', '-i', at('inventory.yml'), '--explain', 'workers');
    expect(stdout).toMatch(
      /^web1\n {2}workers {2}5 {7}host web1 .*\n {11}over 2 .*\n\nweb2\n {2}workers {2}2 {2}group web .*\n$/,
    );
    const other = await reconcile('inventory', '-i', at('inventory.yml'), '--explain', 'worker');
    expect([other.exitCode, other.stderr]).toEqual([3, expect.stringContaining('Did you mean "workers"?')]);
  });
});

describe('the graph', () => {
  beforeAll(() =>
    writeFileSync(
      at('graph.yml'),
      `hosts: localhost
resources:
  - name: Packages
    apt: { packages: [nginx, postgresql] }
  - name: Database
    pg_database: { name: app }
  - name: Settings "a"
    file: { path: /etc/app, content: a }
    needs: [Database]
  - name: Memory
    file: { path: /srv/memory, content: "{{ facts.memory_mb }}" }
  - name: App
    service: { name: app, state: running, restart_on: ['Settings "a"'], reload_on: [Memory] }
  - name: Site
    nginx_site: { name: site, server_names: [example.com], root: /srv }
`,
    ),
  );

  it('shows the dependencies, as written and as predicted by a check of a blank host', async () => {
    const { stdout } = await reconcile('graph', at('graph.yml'));
    expect(stdout).toContain('p1r3["Settings #34;a#34;<br><small>file</small>"]');
    expect(stdout.match(/p1r\d \S+ p1r\d/g)).toEqual([
      'p1r1 -.->|after| p1r2',
      'p1r2 -->|needs| p1r3',
      'p1r3 -->|restart_on| p1r5',
      'p1r4 -->|reload_on| p1r5',
      'p1r1 -.->|after| p1r6',
    ]);
  });

  it('is an SVG by --format or by the name of the file', async () => {
    const printed = await reconcile('graph', at('graph.yml'), '--format', 'svg');
    const written = await reconcile('graph', at('graph.yml'), '-o', at('graph.svg'));
    expect(written).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(readFileSync(at('graph.svg'), 'utf8')).toBe(printed.stdout);
    expect(printed.stdout).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  it.each([
    ['graph.pdf', 'Use a name that ends in .svg or .mmd'],
    ['nowhere/graph.svg', 'could not be written'],
  ])('is not written to %s', async (name, says) => {
    const ran = await reconcile('graph', at('graph.yml'), '-o', at(name));
    expect(ran).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(says) });
  });
});

it('explain takes a code as messages show it', async () => {
  expect((await reconcile('explain', '[no-space]')).stdout).toBe(
    'no-space\nA file system of the host is full.\n\nFree some space (`df -h`, `df -i`, `apt-get clean`), then apply again.\n',
  );
});

it('explain knows the warnings of lint', async () => {
  expect((await reconcile('explain', 'alias-slash')).stdout).toContain('End both with a slash, or neither.');
  expect((await reconcile('explain', 'alias-slsh')).stderr).toContain('Did you mean "alias-slash"?');
});

it('help needs no files and exits with 0', async () => {
  for (const argv of [[], ['--help'], ['apply', '--help'], ['--version']]) {
    expect(await reconcile(...argv)).toMatchObject({ exitCode: 0, stderr: '' });
  }
});
