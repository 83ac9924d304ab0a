import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { script } from '../engine/apply/step-script.ts';
import { edited } from '../engine/cli/editor.ts';
import type { Io } from '../engine/cli/io.ts';
import { askOnTerminal } from '../engine/cli/prompt.ts';
import type { Event } from '../engine/events.ts';
import { loadInventory } from '../engine/inventory/read-inventory.ts';
import { diff } from '../engine/plan/diff.ts';
import { command, sql } from '../engine/probe.ts';
import { reader } from '../engine/probes/readings.ts';
import { problemsOf } from '../engine/problem.ts';
import { view } from '../engine/report/view.ts';
import { Redactor } from '../engine/secrets/redaction.ts';
import type { Step } from '../engine/step.ts';
import { describe as describeStep } from '../engine/steps/step-kinds.ts';
import { loadPlaybook } from '../engine/validate/load-playbook.ts';
import { modules } from '../modules/index.ts';
import { silentIo } from './engine/cli/run-program.ts';
import { scratch, sh } from './engine/shell.ts';

/**
 * The classes of vulnerabilities that were published of Ansible, with what was published: none of them may happen here.
 * Each has its tests below, or in the file that is named with it.
 */
const classes = {
  'a secret in a log or an output':
    'CVE-2018-10855, CVE-2018-16876, CVE-2019-14846, CVE-2019-14858, CVE-2021-20228, CVE-2019-14864, CVE-2020-14330, CVE-2020-14332, CVE-2021-20178, CVE-2021-20191, CVE-2021-3447, CVE-2021-3620, CVE-2024-0690, CVE-2024-8775',
  'a secret on a command line': 'CVE-2018-16837, CVE-2020-1739',
  'a temporary file in the reach of others': 'CVE-2020-1733, CVE-2020-1736, CVE-2020-1740, CVE-2019-3828',
  'templates and commands from what a host says':
    'CVE-2016-8628, CVE-2020-10684, CVE-2019-10156, CVE-2019-10206, CVE-2019-14856, CVE-2021-3583, CVE-2023-5764, CVE-2024-11079',
  'links and paths that lead elsewhere':
    'CVE-2024-9902, CVE-2026-11837, CVE-2023-5115, CVE-2020-10691, CVE-2020-1735, CVE-2020-1737',
  'trust in the working directory and in what is not signed': 'CVE-2018-10875, CVE-2020-14365',
} as const;

const tested = new Set<string>();
function describeClass(name: keyof typeof classes, tests: () => void): void {
  describe(`${name} (${classes[name]})`, () => {
    tests();
    tested.add(name);
  });
}

let dir: string;
beforeEach(() => {
  dir = scratch();
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
}
const load = (playbook: string, facts: Record<string, unknown> = {}) => {
  write({ 'play.yml': playbook });
  const loaded = loadPlaybook(join(dir, 'play.yml'), {
    modules,
    inventory: ['web1,'],
  });
  const play = loaded.plays[0]!;
  return { play, resources: play.resolve(play.hosts[0]!, facts as never) };
};
const problems = (work: () => unknown): string[] => {
  try {
    work();
    return [];
  } catch (thrown) {
    return problemsOf(thrown).map(({ code }) => code);
  }
};
const secret = "s3cr3t-p@ss'word";

describeClass('a secret in a log or an output', () => {
  it('is hidden in names, differences, commands, their output, skipped reasons and problems alike', () => {
    const redactor = new Redactor();
    redactor.add(secret, 'secrets.password');
    const text = `before ${secret} ${encodeURIComponent(secret)} ${Buffer.from(secret).toString('base64')} after`;
    const event = {
      time: '',
      run: '',
      event: 'resource',
      host: 'web1',
      play: text,
      name: text,
      module: 'file',
      status: 'failed',
      diff: diff({ content: text, gone: text }, { content: `${text} more` }),
      predictedFrom: [text],
      durationMs: 0,
      secrets: [],
      skipped: text,
      commands: [
        { command: text, output: `${text}\n\u001b[1m${secret.slice(0, 5)}\u001b[0m${secret.slice(5)}` },
      ],
      error: { code: 'step-failed', message: text, hint: text, cause: text, resource: text },
    } as unknown as Event;
    const shown = JSON.stringify(view(event, redactor));
    expect(shown).toContain('«secrets.password»');
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), 's3cr3t'])
      expect(shown).not.toContain(form);
  });
});

// A process may end while it is looked at.
const everyCommandLine = 'cat /proc/[0-9]*/cmdline 2>/dev/null; :';

describeClass('a secret on a command line', () => {
  it('enters through standard input or the environment, so no argument of a process contains it', () => {
    const steps: Step[] = [
      { do: 'run', command: ['sh', '-c', `cat >/dev/null; ${everyCommandLine}`], input: secret },
      { do: 'run', command: everyCommandLine, env: { PASSWORD: secret } },
      {
        do: 'write',
        path: join(dir, 'f'),
        content: secret,
        validate: `${everyCommandLine}; test -s %s`,
      },
    ];
    const { script: text, input } = script(steps);
    const ran = sh(text, input);
    expect([ran.exit, ran.stdout.length > 0, ran.stdout.includes(secret)]).toEqual([0, true, false]);
    expect(steps.map(describeStep).join()).not.toContain(secret);
  });

  it('is not in an argument of a query or a condition', () => {
    const look = `x='${secret.replaceAll("'", "'\\''")}'; ${everyCommandLine}`;
    const { script: text, decode } = reader([command(look), sql(`SELECT 1 -- ${secret}`)]);
    const reading = decode(sh(text)).of(command(look)) as { value: { stdout: string; exit: number } };
    expect(reading.value.exit).toBe(0);
    expect(reading.value.stdout).not.toContain(secret);
  });
});

describeClass('a temporary file in the reach of others', () => {
  it('is created beside its destination, new and closed, and removed afterwards', () => {
    const look = `{ stat -c '%a %u' %s; ls -a ${dir}; }`;
    const step: Step = {
      do: 'write',
      path: join(dir, 'f'),
      content: secret,
      mode: '0600',
      validate: `${look} >${dir}-seen`,
    };
    const { script: text, input } = script([step]);
    try {
      expect(sh(text, input).exit).toBe(0);
      const seen = readFileSync(`${dir}-seen`, 'utf8').split('\n');
      expect(seen[0]).toBe(`600 ${process.getuid!()}`);
      expect(seen.filter(name => /^\.reconcile\.\w{8}\.\d+\.\w{10}$/.test(name))).toHaveLength(1);
    } finally {
      rmSync(`${dir}-seen`, { force: true });
    }
    expect(spawnSync('ls', ['-A', dir], { encoding: 'utf8' }).stdout).toBe('f\n');
  });

  it('of edited secrets is readable by its owner alone, in such a folder, and removed afterwards', async () => {
    const seen = join(dir, 'seen');
    const env = {
      VISUAL: `f() { stat -c '%a' "$1" "\${1%/*}" >${seen}; echo "$1" >>${seen}; }; f`,
      XDG_RUNTIME_DIR: dir,
    };
    const io = { ...silentIo(), env };
    expect(await edited('a: b\n', () => [], io)).toBe('a: b\n');
    const [file, folder, path] = readFileSync(seen, 'utf8').split('\n');
    expect([file, folder, existsSync(path!)]).toEqual(['600', '700', false]);
  });
});

describeClass('templates and commands from what a host says', () => {
  const playbook = `hosts: web1
become: false
resources:
  - name: Said
    command: { run: ["echo", "{{ facts.hostname }}"], always: true }
`;
  const nasty = '{{ 7 * 7 }}{% for x in [1] %}{{ lookup("pipe", "id") }}{% endfor %} $(id) `id`';

  it('a fact is data, neither a template nor shell code', () => {
    const { resources } = load(playbook, { hostname: nasty });
    expect(resources[0]!.args['run']).toEqual(['echo', nasty]);
    const { script: text, input } = script([{ do: 'run', command: ['printf', '%s', nasty] }]);
    expect(sh(text, input).stdout.toString()).toContain(nasty);
  });

  it('a fact cannot set how the host is entered', () => {
    const { play } = load(playbook, { hostname: 'web1' });
    const before = JSON.stringify(play.hosts[0]);
    const facts = {
      hostname: 'x',
      address: '203.0.113.9',
      ansible_host: '203.0.113.9',
      host: { address: 'x' },
    };
    play.resolve(play.hosts[0]!, facts as never);
    expect(JSON.stringify(play.hosts[0])).toBe(before);
  });

  it('a question of a host is shown with visible control characters', async () => {
    let shown = '';
    const stdin = Object.assign(new Readable({ read() {} }), { isTTY: true, setRawMode: () => {} });
    const io = {
      ...silentIo(),
      stdin,
      stderr: { write: (text: string) => (shown += text) },
    } as unknown as Io;
    const asked = askOnTerminal(io, 'web1: \u001b]52;c;eA==\u0007Code\u202e\u009b2J: ');
    stdin.push('1\n');
    expect(await asked).toBe('1');
    expect(shown).toBe('web1: ␛]52;c;eA==␇Code<U+202E><U+009B>2J: \n');
  });
});

describeClass('links and paths that lead elsewhere', () => {
  it('a link in the place of a file is replaced, and its target stays unchanged', () => {
    write({ precious: 'precious' });
    symlinkSync('precious', join(dir, 'authorized_keys'));
    const path = join(dir, 'authorized_keys');
    const { script: text, input } = script([
      { do: 'write', path, content: 'new', mode: '0600', backup: true },
      { do: 'attributes', path, mode: '0600' },
    ]);
    expect(sh(text, input).exit).toBe(0);
    expect([readFileSync(join(dir, 'precious'), 'utf8'), readFileSync(path, 'utf8')]).toEqual([
      'precious',
      'new',
    ]);
  });

  it('attributes of a link are its own, even below a folder', () => {
    mkdirSync(join(dir, 'd'));
    write({ precious: 'precious' });
    chmodSync(join(dir, 'precious'), 0o600);
    symlinkSync('../precious', join(dir, 'd/l'));
    const { script: text, input } = script([
      { do: 'attributes', path: join(dir, 'd/l'), mode: '0777' },
      { do: 'attributes', path: join(dir, 'd'), group: 'root', recursive: true },
    ]);
    sh(text, input);
    expect(statSync(join(dir, 'precious')).mode & 0o777).toBe(0o600);
  });

  it('links that another account plants or exchanges are in test/engine/steps/path-functions.test.ts', () => {
    const tests = readFileSync(join(import.meta.dirname, 'engine/steps/path-functions.test.ts'), 'utf8');
    expect(tests).toContain('while another account exchanges');
  });
});

describeClass('trust in the working directory and in what is not signed', () => {
  it.each<[mode: number, codes: string[]]>([
    [0o700, []],
    [0o755, []],
    [0o777, ['insecure-file']],
  ])('an inventory that was come across in a folder of mode %o', (mode, codes) => {
    write({ 'inventory.yml': 'hosts: { web1: {} }\n', 'play.yml': '' });
    chmodSync(dir, mode);
    const beside = join(dir, 'play.yml');
    expect(problems(() => loadInventory({ beside }))).toEqual(codes);
    expect(problems(() => loadInventory({ beside, inventory: [join(dir, 'inventory.yml')] }))).toEqual([]);
  });

  it('apt never accepts unsigned packages, nor downgrades that are not declared', () => {
    const sources = spawnSync(
      'grep',
      ['-rnE', 'unauthenticated|insecure-repositories|force-yes', 'engine', 'modules'],
      {
        cwd: join(import.meta.dirname, '..'),
        encoding: 'utf8',
      },
    );
    expect(sources.stdout).toBe('');
  });
});

it('each class has a test that names it', () => {
  expect([...tested].toSorted()).toEqual(Object.keys(classes).toSorted());
});
