import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { script } from '../../../engine/apply/step-script.ts';
import type { Step } from '../../../engine/step.ts';
import { bytesOf, scratch, scratchInMemory, sh, shells } from '../shell.ts';

/** The account that wants to have root change what it may not change itself. */
const nobody = 65534;
const isRoot = process.getuid?.() === 0;
/** Number of attacks on root for each kind of step; the test on a real host attacks for longer. */
const tries = 24;

let dir: string;
/** A folder of the other account, and one of root's with a file that nothing may happen to. */
let home: string;
let precious: string;

beforeEach(() => {
  dir = scratchInMemory();
  chmodSync(dir, 0o755);
  home = `${dir}/home`;
  precious = `${dir}/precious`;
  mkdirSync(home);
  mkdirSync(precious, { mode: 0o755 });
  writeFileSync(`${precious}/file`, 'precious', { mode: 0o600 });
  if (isRoot) chownSync(home, nobody, nobody);
});
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));

function planted(path: string, target: string): void {
  spawnSync('ln', ['-s', target, path], { uid: nobody, gid: nobody });
  expect(readlinkSync(path)).toBe(target);
}

/** All that tells whether something has happened in root's folder. */
const state = () =>
  ['', '/file', ...readdirSync(precious).map(name => `/${name}`)].map(name => {
    const { mode, uid, gid, size, ino, mtimeMs } = lstatSync(precious + name);
    return [name, mode, uid, gid, size, ino, mtimeMs];
  });

/** One of each kind of step that has to do with a path. */
const stepsAt = (path: string): Step[] => [
  { do: 'write', path, content: 'new', owner: 'nobody', mode: '0666', backup: true },
  { do: 'attributes', path, owner: 'nobody', group: 'nogroup', mode: '0777' },
  { do: 'attributes', path, owner: 'nobody', mode: '0777', recursive: true },
  { do: 'directory', path: `${path}.d/below`, owner: 'nobody', mode: '0777' },
  { do: 'link', path: `${path}.l`, target: '/' },
  { do: 'remove', path },
  { do: 'remove', path: `${path}.d`, recursive: true },
  {
    do: 'checked',
    steps: [{ do: 'write', path: `${path}.c`, content: 'new' }],
    by: ['false'],
  },
];

// Thousands of processes, on a machine that may be busy.
describe.runIf(isRoot).each(shells)('as root, %s', { timeout: 120_000 }, (_, argv) => {
  const run = (steps: Step[]) => {
    const { script: text, input } = script(steps);
    return sh(text, input, argv);
  };

  it('does nothing through a link of another account in the path', () => {
    planted(`${home}/d`, precious);
    const before = state();
    for (const step of stepsAt(`${home}/d/file`)) {
      const { exit, stderr } = run([step]);
      expect([step.do, exit === 0, stderr.toString()]).toEqual([
        step.do,
        false,
        expect.stringMatching(/\/home\/d is a link that another account than root may have made/),
      ]);
    }
    expect(state()).toEqual(before);
  });

  it('follows links that only root can have created, even several in a row', () => {
    mkdirSync(`${dir}/real`);
    symlinkSync('real', `${dir}/relative`);
    symlinkSync(`${dir}/./relative/../relative`, `${dir}/absolute`);
    expect(run([{ do: 'write', path: `${dir}/absolute/f`, content: 'new' }]).exit).toBe(0);
    expect(readFileSync(`${dir}/real/f`, 'utf8')).toBe('new');
    symlinkSync(`${home}/theirs`, `${dir}/behind`);
    planted(`${home}/theirs`, precious);
    expect(run([{ do: 'write', path: `${dir}/behind/f`, content: 'new' }]).exit).not.toBe(0);
    expect(existsSync(`${precious}/f`)).toBe(false);
  });

  it('sets the mode of a folder, whatever set-ID bits it has or inherits', () => {
    chmodSync(precious, 0o2775);
    const steps: Step[] = [
      { do: 'directory', path: `${precious}/new`, mode: '0750' },
      { do: 'attributes', path: precious, mode: '0755' },
    ];
    expect(run(steps).exit).toBe(0);
    expect([precious, `${precious}/new`].map(path => statSync(path).mode & 0o7777)).toEqual([0o755, 0o750]);
  });

  it('changes files, folders and links of another account like its own', () => {
    mkdirSync(`${home}/d`);
    chownSync(`${home}/d`, nobody, nobody);
    writeFileSync(`${home}/d/f`, 'old', { mode: 0o640 });
    chownSync(`${home}/d/f`, nobody, nobody);
    const steps: Step[] = [
      { do: 'write', path: `${home}/d/f`, content: 'new', backup: true, validate: 'grep -q new %s' },
      { do: 'write', path: `${home}/d/g`, content: 'g', owner: 'nobody', mode: '0600' },
      { do: 'attributes', path: `${home}/d/g`, mode: '0604' },
      { do: 'attributes', path: `${home}/d`, group: 'root', mode: '0711', recursive: true },
      { do: 'directory', path: `${home}/d/x/y`, owner: 'nobody', mode: '0700' },
      { do: 'link', path: `${home}/d/l`, target: '../anything' },
    ];
    const ran = run(steps);
    expect([ran.exit, run(steps).exit]).toEqual([0, 0]);
    const names = readdirSync(`${home}/d`).sort();
    expect(names.filter(name => !name.includes('~'))).toEqual(['f', 'g', 'l', 'x']);
    const at = (name: string) => {
      const { mode, uid, gid } = statSync(`${home}/d/${name}`);
      return [(mode & 0o7777).toString(8), uid, gid];
    };
    expect([readFileSync(`${home}/d/f`, 'utf8'), at('f'), at('g'), at('x/y'), at('.')]).toEqual([
      'new',
      ['640', nobody, 0],
      ['604', nobody, 0],
      ['700', nobody, 0],
      ['711', nobody, 0],
    ]);
    expect(run([{ do: 'remove', path: `${home}/d`, recursive: true }]).exit).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });

  it.each(['step by step', 'in one process'])(
    'keeps the access list and the attributes of a file, and no capabilities, %s',
    how => {
      const folder = scratch();
      chmodSync(folder, 0o755);
      mkdirSync(`${folder}/open`);
      chmodSync(`${folder}/open`, 0o777);
      const names = ['same', 'mode', 'owner', 'open/same', 'open/mode', 'open/owner'];
      const paths = names.map(name => `${folder}/${name}`);
      const python = (text: string) =>
        spawnSync('python3', ['-c', `import os, sys\n${text}`, ...paths]).stdout;
      python(`for path in sys.argv[1:]:
  open(path, 'w').write('old')
  entry = lambda tag, may, who: bytes([tag, 0, may, 0]) + who.to_bytes(4, 'little')
  entries = [entry(1, 6, 2**32 - 1), entry(2, 6, 2), entry(4, 4, 2**32 - 1), entry(16, 6, 2**32 - 1), entry(32, 0, 2**32 - 1)]
  os.setxattr(path, 'system.posix_acl_access', bytes([2, 0, 0, 0]) + b''.join(entries))
  os.setxattr(path, 'user.note', b'kept')
  os.setxattr(path, 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))`);
      const more = (name: string) =>
        name.endsWith('mode')
          ? { mode: '0600' }
          : name.endsWith('owner')
            ? { owner: 'nobody', mode: '0640' }
            : {};
      const steps = names.map(
        (name, i): Step => ({
          do: 'write',
          path: paths[i]!,
          content: i % 2 === 0 ? 'new' : '',
          ...more(name),
        }),
      );
      const many: Step[] = Array.from({ length: 16 }, (_, i) => {
        return { do: 'write', path: `${folder}/new${i}`, content: '', mode: '0600' };
      });
      const together = [...many, ...steps.map(step => ({ mode: '0660', ...step }) as Step)];
      const { exit, stderr } = run(how === 'in one process' ? together : steps);
      expect([exit, stderr.toString()]).toEqual([0, expect.not.stringContaining('cp:')]);
      const kept = ['system.posix_acl_access', 'user.note'];
      expect(
        JSON.parse(
          String(
            python(`import json
print(json.dumps([[sorted(os.listxattr(path)), oct(os.stat(path).st_mode & 0o7777)] for path in sys.argv[1:]]))`),
          ),
        ),
      ).toEqual(
        names.map(name =>
          name.endsWith('owner') ? [[], '0o640'] : [kept, name.endsWith('mode') ? '0o600' : '0o660'],
        ),
      );
      const others = readdirSync(folder).filter(name => !name.startsWith('new'));
      expect(others.toSorted()).toEqual(['mode', 'open', 'owner', 'same']);
      rmSync(folder, { recursive: true });
    },
  );

  it.each(['step by step', 'in one process'])(
    'gives a file no access list of its folder that the old one did not have, %s',
    how => {
      const folder = scratch();
      const paths = ['plain', ...Array.from({ length: 16 }, (_, i) => `new${i}`)].map(
        name => `${folder}/${name}`,
      );
      const python = (text: string) =>
        spawnSync('python3', ['-c', `import os, sys\n${text}`, folder, ...paths], { encoding: 'utf8' })
          .stdout;
      python(`open(sys.argv[2], 'w').write('old')
os.chmod(sys.argv[2], 0o640)
entry = lambda tag, may, who=2**32 - 1: bytes([tag, 0, may, 0]) + who.to_bytes(4, 'little')
entries = [entry(1, 7), entry(2, 5, 2), entry(4, 5), entry(16, 5), entry(32, 0)]
os.setxattr(sys.argv[1], 'system.posix_acl_default', bytes([2, 0, 0, 0]) + b''.join(entries))`);
      const steps = paths.map((path): Step => ({ do: 'write', path, content: 'new', mode: '0640' }));
      expect(run(how === 'in one process' ? steps : steps.slice(0, 2)).exit).toBe(0);
      const listed = python('print([len(os.listxattr(path)) for path in sys.argv[2:4]])');
      expect([listed, (statSync(paths[0]!).mode & 0o777).toString(8)]).toEqual(['[0, 1]\n', '640']);
      rmSync(folder, { recursive: true });
    },
  );

  it('sets the owner and mode of no file with a second name elsewhere', () => {
    linkSync(`${precious}/file`, `${home}/f`);
    const { exit, stderr } = run([{ do: 'attributes', path: `${home}/f`, owner: 'nobody', mode: '0666' }]);
    expect([exit === 0, stderr.toString()]).toEqual([false, expect.stringContaining('has a second name')]);
    expect(statSync(`${precious}/file`).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(['f']);
  });

  it('runs no program from a folder that another account can change', () => {
    mkdirSync(`${home}/venv`);
    const step = (runsFrom: string): Step => ({ do: 'run', command: ['true'], runsFrom });
    expect(run([step('/usr/lib/none')]).exit).toBe(0);
    const { exit, stderr } = run([step(`${home}/venv`)]);
    expect([exit === 0, stderr.toString()]).toEqual([false, expect.stringContaining('can be written by')]);
  });
});

describe.runIf(isRoot)('as root', { timeout: 120_000 }, () => {
  /** Renames as fast as it can, until it is stopped. */
  async function against(attack: string, work: () => void): Promise<void> {
    const attacker = spawn('perl', ['-e', `chdir "${home}" or die; for (;;) { ${attack} }`], {
      uid: nobody,
      gid: nobody,
      stdio: 'inherit',
    });
    await new Promise(resolve => attacker.once('spawn', resolve));
    const ended = new Promise(resolve => attacker.once('close', resolve));
    try {
      work();
      expect(attacker.exitCode).toBe(null);
    } finally {
      attacker.kill('SIGKILL');
      await ended;
    }
  }
  // renameat2 with RENAME_EXCHANGE: there is no moment at which neither is there.
  const exchange = (a: string, b: string) =>
    `my ($a, $b) = ("${a}", "${b}"); syscall(316, -100, $a, -100, $b, 2);`;

  it.each<[what: string, attack: string, steps: () => Step[]]>([
    ['a folder and a link', exchange('d', 'l'), () => stepsAt(`${home}/d/file`)],
    [
      'a file and a link',
      exchange('d/file', 'd/link'),
      () => [
        { do: 'attributes', path: `${home}/d/file`, mode: '0777' },
        { do: 'attributes', path: `${home}/d/file`, owner: 'nobody', mode: '0640' },
        { do: 'write', path: `${home}/d/other`, content: 'new', backup: true },
      ],
    ],
    [
      'what is staged and a link',
      'for my $f (glob "d/.reconcile.*") { rename $f, "aside"; symlink "../../precious/file", $f } unlink glob "d/.reconcile.*";',
      () => [
        { do: 'write', path: `${home}/d/file`, content: 'new', mode: '0777' },
        { do: 'link', path: `${home}/d/l`, target: '/' },
        { do: 'attributes', path: `${home}/d/file`, owner: 'nobody', mode: '0666' },
      ],
    ],
  ])('nothing happens in its folder while another account exchanges %s', async (_, attack, stepsOf) => {
    mkdirSync(`${home}/d`);
    for (const name of ['file', 'file.c']) writeFileSync(`${home}/d/${name}`, 'theirs');
    planted(`${home}/l`, precious);
    chownSync(`${home}/d`, nobody, nobody);
    planted(`${home}/d/link`, `${precious}/file`);
    const before = state();
    // One process does so many neighbouring steps.
    const many = stepsOf().filter(step => step.do === 'attributes' || (step.do === 'write' && !step.backup));
    const all = [...stepsOf().map(step => [step]), ...many.map(step => Array<Step>(16).fill(step))];
    const rounds = all.map((steps, i) => {
      const { script: text, input } = script(steps);
      writeFileSync(`${dir}/input${i}`, bytesOf(input));
      return `(${text}\n) <${dir}/input${i} >/dev/null 2>&1 && echo done\n`;
    });
    const attempts = Math.ceil(tries / rounds.length);
    await against(attack, () => {
      const { stdout } = sh(`for r_i in $(seq ${attempts}); do\n${rounds.join('')}done`);
      expect(stdout.toString()).toContain('done');
    });
    expect([readFileSync(`${precious}/file`, 'utf8'), state()]).toEqual(['precious', before]);
  });
});
