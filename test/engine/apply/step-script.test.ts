import {
  chmodSync,
  existsSync,
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
import { FileContent } from '../../../engine/util/file-content.ts';
import { bytesOf, scratch, sh, shells, testState } from '../shell.ts';

let dir: string;
beforeEach(() => {
  dir = scratch();
});
afterEach(() => rmSync(dir, { recursive: true }));

function run(steps: Step[], argv?: string[], arrived?: number) {
  const compiled = script(steps);
  const answer = sh(compiled.script, bytesOf(compiled.input).subarray(0, arrived), argv);
  return { exit: answer.exit, outputs: compiled.outputs(answer), stderr: answer.stderr.toString() };
}
const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe.each(shells)('steps run by %s', (_, argv) => {
  it('write any bytes, with the mode set, and leave no staged file', () => {
    const content = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
    const path = `${dir}/-a 'name'\n$x`;
    expect(run([{ do: 'write', path, content, mode: '0600' }], argv).exit).toBe(0);
    expect(readFileSync(path)).toEqual(content);
    expect(mode(path)).toBe('600');
    expect(readdirSync(dir)).toHaveLength(1);
  });

  it('write keeps the mode of the replaced file if none is given', () => {
    writeFileSync(`${dir}/f`, 'old');
    chmodSync(`${dir}/f`, 0o640);
    run([{ do: 'write', path: `${dir}/f`, content: 'new' }], argv);
    expect([readFileSync(`${dir}/f`, 'utf8'), mode(`${dir}/f`)]).toEqual(['new', '640']);
  });

  it('several inputs reach their own steps, even if a program does not read its own', () => {
    const steps: Step[] = [
      { do: 'run', command: ['true'], input: 'nobody reads this' },
      { do: 'write', path: `${dir}/f`, content: 'file' },
      { do: 'run', command: ['cat'], input: 'said' },
    ];
    const { exit, outputs } = run(steps, argv);
    expect([exit, outputs.at(-1)?.stdout, readFileSync(`${dir}/f`, 'utf8')]).toEqual([0, 'said', 'file']);
  });

  it('a script exists while it runs, gets its arguments and its input, and leaves nothing behind', () => {
    const content = 'stat -c "%n %a" "$0"; printf "<%s>" "$@"; cat; exit 3\n';
    const step: Step = {
      do: 'run',
      command: ['sh'],
      script: { name: "it's.sh", content, args: ['a b', "it's", ''] },
      input: 'said',
      expectExit: [3],
    };
    const write: Step = { do: 'write', path: `${dir}/f`, content: 'file' };
    const { exit, outputs } = run([step, write], argv);
    const [first = '', rest] = outputs[0]!.stdout.split('\n');
    expect([exit, rest, readFileSync(`${dir}/f`, 'utf8')]).toEqual([0, "<a b><it's><>said", 'file']);
    expect(first).toMatch(/\/script\.[^/]+\/it's\.sh 400$/);
    expect(existsSync(first.replace(/\/it's.*/, ''))).toBe(false);
    expect(run([{ ...step, expectExit: [0] }], argv).exit).toBe(3);
  });

  it('a script that does not arrive whole, or is another than planned, does not run', () => {
    const ran = `${dir}/ran`;
    const step = (content: string | FileContent): Step => ({
      do: 'run',
      command: ['sh'],
      script: { name: 'set-up', content, args: [] },
    });
    const cut = run([step(`touch ${ran}\n# the end`)], argv, 10 + ran.length);
    expect([cut.exit, cut.stderr]).toEqual([1, expect.stringContaining('did not arrive whole')]);
    const source = `${dir}/source`;
    writeFileSync(source, `touch ${ran}\n`);
    const content = new FileContent(source, source, statSync(source));
    expect(content.head(5).toString()).toBe('touch');
    const compiled = script([step(content)]);
    const answer = sh(compiled.script, Buffer.from(`touch ${ran}#`), argv);
    expect([answer.exit, answer.stderr.toString()]).toEqual([
      1,
      expect.stringContaining('its source has changed'),
    ]);
    expect(existsSync(ran)).toBe(false);
    expect(readdirSync(testState()).filter(name => name.startsWith('script.'))).toEqual([]);
  });

  it('a script of a killed session is removed by the next one', () => {
    const left = `${testState()}/script.00000000.1.abcdefghij`;
    mkdirSync(left);
    expect(sh('r_sweep_scripts', [], argv).exit).toBe(0);
    expect(existsSync(left)).toBe(false);
  });

  it('a large content takes its place only if it is the planned one', () => {
    const [source, path] = [`${dir}/source`, `${dir}/f`];
    const bytes = Buffer.alloc(2_000_000, 'some text\n');
    writeFileSync(source, bytes);
    const content = new FileContent(source, source, statSync(source));
    const compiled = script([{ do: 'write', path, content, mode: '0640' }]);
    const another = Buffer.from(bytes).fill('\n', 1_000_000);
    const refused = sh(compiled.script, another, argv);
    expect([refused.exit === 0, refused.stderr.toString()]).toEqual([
      false,
      expect.stringContaining(`the content of ${path} is another one than planned`),
    ]);
    expect(readdirSync(dir)).toEqual(['source']);
    expect(sh(compiled.script, bytes, argv).exit).toBe(0);
    expect([readFileSync(path).equals(bytes), mode(path)]).toEqual([true, '640']);
  });

  it('a content that arrives in part changes nothing and leaves nothing', () => {
    writeFileSync(`${dir}/f`, 'old');
    const { exit, stderr } = run([{ do: 'write', path: `${dir}/f`, content: 'new content' }], argv, 5);
    expect(exit).not.toBe(0);
    expect(stderr).toContain('did not arrive whole');
    expect([readFileSync(`${dir}/f`, 'utf8'), readdirSync(dir)]).toEqual(['old', ['f']]);
  });

  it('a validation that fails leaves the old file', () => {
    writeFileSync(`${dir}/f`, 'old');
    const step: Step = { do: 'write', path: `${dir}/f`, content: 'new', validate: 'grep -q old %s' };
    expect(run([step], argv).exit).toBe(1);
    expect([readFileSync(`${dir}/f`, 'utf8'), readdirSync(dir)]).toEqual(['old', ['f']]);
  });

  it('write replaces a link itself and never a directory', () => {
    writeFileSync(`${dir}/target`, 'kept');
    symlinkSync('target', `${dir}/f`);
    mkdirSync(`${dir}/d`);
    expect(run([{ do: 'write', path: `${dir}/f`, content: 'new' }], argv).exit).toBe(0);
    expect(readFileSync(`${dir}/target`, 'utf8')).toBe('kept');
    const refused = run([{ do: 'write', path: `${dir}/d`, content: 'new' }], argv);
    expect([refused.exit === 0, refused.stderr.includes('is a directory')]).toEqual([false, true]);
  });

  it('the first failure ends the steps and is the last output', () => {
    const { exit, outputs } = run(
      [
        { do: 'run', command: ['echo', 'one'] },
        { do: 'run', command: 'echo two >&2; exit 3' },
        { do: 'write', path: `${dir}/never`, content: '' },
      ],
      argv,
    );
    expect(exit).toBe(3);
    expect(outputs.map(({ stdout, stderr }) => [stdout, stderr])).toEqual([
      ['one', ''],
      ['', 'two'],
    ]);
    expect(existsSync(`${dir}/never`)).toBe(false);
  });

  it('files that are valid only together are restored together', () => {
    writeFileSync(`${dir}/a`, 'old a');
    symlinkSync('a', `${dir}/l`);
    const steps: Step[] = [
      {
        do: 'checked',
        steps: [
          { do: 'write', path: `${dir}/a`, content: 'new a' },
          { do: 'write', path: `${dir}/b`, content: 'new b' },
          { do: 'link', path: `${dir}/l`, target: 'b' },
        ],
        by: ['grep', '-q', 'nothing', `${dir}/a`],
      },
    ];
    expect(run(steps, argv).exit).not.toBe(0);
    expect(readdirSync(dir).sort()).toEqual(['a', 'l']);
    expect([readFileSync(`${dir}/a`, 'utf8'), readlinkSync(`${dir}/l`)]).toEqual(['old a', 'a']);
  });

  it('directory, link, attributes and remove are idempotent', () => {
    const steps: Step[] = [
      { do: 'directory', path: `${dir}/x/y`, mode: '0750' },
      { do: 'link', path: `${dir}/x/l`, target: 'y' },
      { do: 'attributes', path: `${dir}/x`, mode: '0711' },
      { do: 'remove', path: `${dir}/none` },
    ];
    expect([run(steps, argv).exit, run(steps, argv).exit]).toEqual([0, 0]);
    expect([mode(`${dir}/x/y`), mode(`${dir}/x`), readlinkSync(`${dir}/x/l`)]).toEqual(['750', '711', 'y']);
    expect(run([{ do: 'remove', path: `${dir}/x`, recursive: true }], argv).exit).toBe(0);
    expect(existsSync(`${dir}/x`)).toBe(false);
  });

  it('a directory cut off before chown has mode 0700', () => {
    const made = (name: string, given: { mode?: string }) => {
      const path = `${dir}/${name}`;
      const { exit } = run([{ do: 'directory', path, owner: 'nobody-here', ...given }], argv);
      return [exit === 0, mode(path)];
    };
    expect(made('plain', {})).toEqual([false, '755']);
    expect(made('declared', { mode: '0750' })).toEqual([false, '700']);
  });

  it('a program gets its environment, directory and expected exit codes', () => {
    const step: Step = {
      do: 'run',
      command: 'echo "$V" "$PWD"; exit 4',
      env: { V: "it's" },
      cwd: dir,
      expectExit: [0, 4],
    };
    const { exit, outputs } = run([step], argv);
    expect([exit, outputs[0]?.stdout, outputs[0]?.exit]).toEqual([0, `it's ${dir}`, 4]);
  });

  it.each<[title: string, kept: boolean, steps: Step[]]>([
    ['refused content', false, [{ do: 'write', path: '/f', content: '', validate: 'false %s' }]],
    ['files put back', false, [{ do: 'checked', steps: [{ do: 'remove', path: '/f' }], by: ['false'] }]],
    [
      'a change before it',
      true,
      [
        { do: 'run', command: 'true' },
        { do: 'write', path: '/f', content: '', validate: 'false %s' },
      ],
    ],
  ])(
    'a restart that a change owes is owed after it failed only if something changed: %s',
    (_, kept, steps) => {
      const unit = `unit-${process.pid}.service`;
      const note = `${testState()}/owed/${unit}`;
      const here = JSON.parse(JSON.stringify(steps).replaceAll('/f', `${dir}/f`));
      try {
        expect(run([{ do: 'owe', unit, action: 'restart', because: 'x' }, ...here], argv).exit).toBe(1);
        expect(existsSync(note)).toBe(kept);
      } finally {
        rmSync(note, { force: true });
      }
    },
  );

  // The shell that does the steps: the parent of `timeout`, whose child this is.
  const killSteps = 'read -r _ _ _ steps _ </proc/$PPID/stat; kill -9 $steps';
  const killed = (path: string, after: string): Step => ({
    do: 'checked',
    steps: [{ do: 'write', path, content: 'new' }],
    by: ['sh', '-c', `[ -e ${after} ] || { ${killSteps}; }; grep -q fine ${path}`],
  });

  it('a check that was cut off runs again, and its files are restored if it fails', () => {
    writeFileSync(`${dir}/f`, 'old');
    run([killed(`${dir}/f`, `${dir}/cut`)], argv);
    expect(readFileSync(`${dir}/f`, 'utf8')).toBe('new');
    writeFileSync(`${dir}/cut`, '');
    sh('r_recover', undefined, argv);
    expect(readFileSync(`${dir}/f`, 'utf8')).toBe('old');
  });

  it.each(['checked', 'validate'])('a %s that hangs has failed, and the file is unchanged', kind => {
    writeFileSync(`${dir}/f`, 'old');
    const write = { do: 'write', path: `${dir}/f`, content: 'new' } as const;
    const step: Step =
      kind === 'checked'
        ? { do: 'checked', steps: [write], by: ['sleep', '60'], timeoutS: 1 }
        : { ...write, validate: 'sleep 60; test -n %s', timeoutS: 1 };
    expect([run([step], argv).exit, readFileSync(`${dir}/f`, 'utf8'), readdirSync(dir)]).toEqual([
      124,
      'old',
      ['f'],
    ]);
  });

  it('a file that somebody has fixed since a check was cut off stays', () => {
    writeFileSync(`${dir}/f`, 'old');
    run([killed(`${dir}/f`, `${dir}/cut`)], argv);
    writeFileSync(`${dir}/cut`, '');
    writeFileSync(`${dir}/f`, 'fine');
    sh('r_recover', undefined, argv);
    expect(readFileSync(`${dir}/f`, 'utf8')).toBe('fine');
  });

  it('the next staging removes a file that was staged when the steps were killed', () => {
    const step: Step = {
      do: 'write',
      path: `${dir}/f`,
      content: 'new',
      validate: `${killSteps}; test -n %s`,
    };
    run([step], argv);
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/^\.reconcile\./)]);
    writeFileSync(`${dir}/.reconcile.yml`, 'not ours');
    run([{ do: 'write', path: `${dir}/g`, content: '' }], argv);
    expect(readdirSync(dir).sort()).toEqual(['.reconcile.yml', 'g']);
  });

  it.each([
    [0, [1], 1],
    [3, [0, 1], 3],
  ])('exit code %i where %j is expected ends the steps, and is told', (code, expectExit, ends) => {
    const later: Step = { do: 'write', path: `${dir}/later`, content: '' };
    const { exit, outputs } = run([{ do: 'run', command: `exit ${code}`, expectExit }, later], argv);
    expect([exit, outputs.map(one => one.exit), readdirSync(dir)]).toEqual([ends, [code], []]);
  });

  it('a program that hangs is ended', () => {
    expect(run([{ do: 'run', command: ['sleep', '60'], timeoutS: 1 }], argv).exit).toBe(124);
  });
});
