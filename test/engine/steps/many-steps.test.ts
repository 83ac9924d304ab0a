import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { script } from '../../../engine/apply/step-script.ts';
import type { Step } from '../../../engine/step.ts';
import { bytesOf, scratchInMemory, sh, shells, testState } from '../shell.ts';

const nobody = 65534;
const isRoot = process.getuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = scratchInMemory();
  chmodSync(dir, 0o755);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

/** Writes of `count` files, so many that one process does them. */
const writes = (folder: string, count = 20): Step[] =>
  Array.from({ length: count }, (_, i) => ({
    do: 'write',
    path: `${folder}/f ${i} `,
    content: `new\n${i}\0`,
    mode: '0640',
  }));

const hosts = shells.flatMap(([name, argv]) => [
  { with: `${name} and Perl`, before: '', argv },
  { with: `${name} without Perl`, before: 'perl() { return 1; }\n', argv },
]);

describe.each(hosts)('many steps by $with', { timeout: 60_000 }, ({ before, argv }) => {
  function run(steps: readonly Step[], arrived?: number) {
    const compiled = script(steps);
    expect(compiled.script.split('\n').length).toBeLessThan(steps.length);
    const answer = sh(before + compiled.script, bytesOf(compiled.input).subarray(0, arrived), argv);
    return { exit: answer.exit, outputs: compiled.outputs(answer), stderr: answer.stderr.toString() };
  }

  it('create folders, files and attributes, and leave the rest of the input to later steps', () => {
    writeFileSync(`${dir}/old`, 'old', { mode: 0o600 });
    const { exit, outputs } = run([
      { do: 'directory', path: `${dir}/a/b/t` },
      { do: 'directory', path: `${dir}/a/b/t/sub`, mode: '2750' },
      ...writes(`${dir}/a/b/t/sub`),
      { do: 'write', path: `${dir}/a/b/t/-x'y\\`, content: '', mode: '4755' },
      { do: 'attributes', path: `${dir}/old`, mode: '0604' },
      { do: 'run', command: ['cat'], input: 'said' },
    ]);
    expect([exit, outputs.length, outputs.at(-1)?.stdout]).toEqual([0, 25, 'said']);
    expect(readFileSync(`${dir}/a/b/t/sub/f 19 `, 'utf8')).toBe('new\n19\0');
    expect(readdirSync(`${dir}/a/b/t`).sort()).toEqual(["-x'y\\", 'sub']);
    expect(readdirSync(`${dir}/a/b/t/sub`)).toHaveLength(20);
    const all = ['a/b/t', 'a/b/t/sub', 'a/b/t/sub/f 3 ', "a/b/t/-x'y\\", 'old'];
    expect(all.map(name => mode(`${dir}/${name}`))).toEqual(['755', '2750', '640', '4755', '604']);
  });

  it('replace files and links, and stop at a directory with its name', () => {
    writeFileSync(`${dir}/target`, 'kept');
    symlinkSync('target', `${dir}/f 0 `);
    writeFileSync(`${dir}/f 1 `, 'old');
    mkdirSync(`${dir}/f 17 `);
    const { exit, outputs, stderr } = run(writes(dir));
    expect([exit === 0, outputs.length, outputs.at(-1)?.stderr]).toEqual([
      false,
      18,
      `${dir}/f 17  is a directory; it is not replaced by a file`,
    ]);
    expect([readFileSync(`${dir}/target`, 'utf8'), stderr.includes('f 17')]).toEqual(['kept', true]);
    expect(readdirSync(dir).filter(name => name.startsWith('.reconcile'))).toEqual([]);
  });

  it('write no file whose content arrived in part', () => {
    const { exit, stderr } = run(writes(dir, 16), 300);
    expect([exit === 0, stderr]).toEqual([false, expect.stringContaining('did not arrive whole')]);
    for (const name of readdirSync(dir)) expect(readFileSync(`${dir}/${name}`, 'utf8')).toMatch(/\0$/);
  });

  it('change nothing if newlines arrive in the place of a packet', () => {
    const steps = writes(dir, 16).map(step => ({ ...step, content: Buffer.alloc(40_000, '.') }) as Step);
    const compiled = script(steps);
    const [packet] = compiled.input;
    const input = bytesOf(compiled.input).fill('\n', 0, packet!.length);
    const { exit, stderr } = sh(before + compiled.script, input, argv);
    expect([compiled.input.length, exit === 0, stderr.toString()]).toEqual([
      3,
      false,
      expect.stringContaining('did not arrive whole'),
    ]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('say that a folder or an account is missing', () => {
    expect(run(writes(`${dir}/none`)).stderr).toContain(`the directory ${dir}/none/ does not exist`);
    const owned = writes(dir).map(step => ({ ...step, owner: 'nobody-here' }) as Step);
    expect(run(owned).stderr).toMatch(/invalid user: .?nobody-here/);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.runIf(isRoot)('keep the owner of a replaced file and set a declared one', () => {
    writeFileSync(`${dir}/f 0 `, 'old');
    chownSync(`${dir}/f 0 `, 12, 34);
    const [first, second, ...rest] = writes(dir);
    expect(run([first!, { ...second!, owner: 'nobody', group: '7' } as Step, ...rest]).exit).toBe(0);
    const owners = ['f 0 ', 'f 1 ', 'f 2 '].map(name => statSync(`${dir}/${name}`));
    expect(owners.map(({ uid, gid }) => [uid, gid])).toEqual([
      [12, 34],
      [nobody, 7],
      [0, 0],
    ]);
  });

  it.runIf(isRoot)('do nothing through a link of another account, and nothing to a second name', () => {
    mkdirSync(`${dir}/home`);
    mkdirSync(`${dir}/precious`);
    writeFileSync(`${dir}/precious/file`, 'precious', { mode: 0o600 });
    symlinkSync('../precious', `${dir}/home/l`);
    linkSync(`${dir}/precious/file`, `${dir}/home/second`);
    chownSync(`${dir}/home`, nobody, nobody);
    lchownSync(`${dir}/home/l`, nobody, nobody);
    const attributes = Array.from(
      { length: 16 },
      (): Step => ({ do: 'attributes', path: `${dir}/home/second`, mode: '0666' }),
    );
    const linked = writes(`${dir}/home/l`);
    const below = [{ do: 'write', path: `${dir}/home/f`, content: '', mode: '0644' } as Step, ...linked];
    expect([attributes, linked, below].map(steps => run(steps).exit === 0)).toEqual([false, false, false]);
    expect([readdirSync(`${dir}/precious`), mode(`${dir}/precious/file`)]).toEqual([['file'], '600']);
  });
});

describe('many steps', () => {
  const run = (steps: readonly Step[], before = '') => {
    const { script: text, input } = script(steps);
    return sh(before + text, input);
  };

  it('that changed nothing owe no restart', () => {
    const unit = `many-${process.pid}.service`;
    const note = `${testState()}/owed/${unit}`;
    const owe: Step = { do: 'owe', unit, action: 'restart', because: 'x' };
    try {
      mkdirSync(`${dir}/f 7 `);
      expect(run([owe, ...writes(dir)]).exit).not.toBe(0);
      expect([readdirSync(dir), existsSync(note)]).toEqual([['f 7 '], false]);
      expect(run([owe, { do: 'directory', path: `${dir}/new` }, ...writes(dir)]).exit).not.toBe(0);
      expect(existsSync(note)).toBe(true);
    } finally {
      rmSync(note, { force: true });
    }
  });

  it('remove what an ended session staged, and nothing of a living one', () => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')[0]!;
    writeFileSync(`${dir}/.reconcile.${boot}.4194304.abcdefghij`, '');
    mkdirSync(`${dir}/.reconcile.00000000.${process.pid}.abcdefghij`);
    writeFileSync(`${dir}/.reconcile.${boot}.${process.pid}.abcdefghij`, '');
    expect(run(writes(dir)).exit).toBe(0);
    expect(readdirSync(dir).filter(name => name.startsWith('.'))).toEqual([
      `.reconcile.${boot}.${process.pid}.abcdefghij`,
    ]);
  });

  it('whose input is cut short leave every old file', () => {
    for (let i = 0; i < 20; i++) writeFileSync(`${dir}/f ${i} `, 'old');
    const { script: text, input } = script(writes(dir));
    sh(text, bytesOf(input).subarray(0, -30));
    for (let i = 0; i < 20; i++) expect(readFileSync(`${dir}/f ${i} `, 'utf8')).toBe('old');
  });
});
