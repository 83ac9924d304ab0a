import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { script } from '../../../engine/apply/step-script.ts';
import { decodeOutcome, outcomeScript, recordedScript } from '../../../engine/hosts/kept-outcome.ts';
import type { Step } from '../../../engine/step.ts';
import { undoing } from '../../../engine/steps/step-kinds.ts';
import { scratch, sh, shells } from '../shell.ts';

let dir: string;
beforeEach(() => {
  dir = scratch();
});
afterEach(() => rmSync(dir, { recursive: true }));

const home = () => `r_home=${dir}/state`;

/** Does steps as a change that may have to be put back. */
function change(steps: Step[], argv?: string[]) {
  const compiled = script([{ do: 'journal', into: 'revert', ...undoing(steps)! }, ...steps]);
  return sh(`${home()}\n${compiled.script}`, compiled.input, argv).exit;
}
const revert = (argv?: string[]) => sh(`${home()}; r_journal=$r_home/revert; r_revert`, undefined, argv);
const state = () =>
  execFileSync(
    'sh',
    [
      '-c',
      `cd "$1" && find . -path ./state -prune -o -printf '%p %y %m %l\\n' | sort; cat ./tree/* 2>&1 || true`,
      'sh',
      dir,
    ],
    { encoding: 'utf8' },
  );

describe.each(shells)('a journal by %s', (_, argv) => {
  it('restores everything, whatever the number and order of the changes', () => {
    const strange = `${dir}/-a 'name'\n$x`;
    mkdirSync(`${dir}/tree`, { mode: 0o700 });
    writeFileSync(`${dir}/tree/file`, 'old', { mode: 0o640 });
    writeFileSync(`${dir}/tree/gone`, 'gone');
    writeFileSync(strange, 'strange');
    execFileSync('ln', ['-s', 'nowhere', `${dir}/link`]);
    const before = state();
    const steps: Step[] = [
      { do: 'write', path: `${dir}/tree/file`, content: 'new', mode: '0600' },
      { do: 'write', path: strange, content: 'new' },
      { do: 'write', path: `${dir}/tree/file`, content: 'newer' },
      { do: 'write', path: `${dir}/tree/added`, content: 'added' },
      { do: 'remove', path: `${dir}/tree/gone` },
      { do: 'link', path: `${dir}/link`, target: 'elsewhere' },
      { do: 'attributes', path: `${dir}/tree`, mode: '0755' },
      { do: 'directory', path: `${dir}/deep/er/est`, mode: '0711' },
      { do: 'write', path: `${dir}/deep/er/est/file`, content: 'x' },
    ];
    expect(change(steps, argv)).toBe(0);
    expect(state()).not.toBe(before);
    expect(change([{ do: 'write', path: `${dir}/tree/file`, content: 'newest' }], argv)).toBe(0);
    expect(revert(argv).exit).toBe(0);
    expect(state()).toBe(before);
    expect([revert(argv).exit, state()]).toEqual([0, before]);
  });

  it('records many paths in one file that is written once', () => {
    const paths = Array.from({ length: 300 }, (_, i) => `${dir}/tree/d${i % 3}/f${i}`);
    mkdirSync(`${dir}/tree/d0`, { recursive: true });
    for (const path of paths.filter((_, i) => i % 6 === 0)) writeFileSync(path, `old ${path}`);
    const before = state();
    const steps = paths.flatMap((path, i): Step[] => [
      ...(i < 3 ? [{ do: 'directory', path: `${dir}/tree/d${i}` } as const] : []),
      { do: 'write', path, content: 'new', mode: '0600' },
    ]);
    const compiled = script([{ do: 'journal', into: 'revert', ...undoing(steps)! }, ...steps]);
    // Written anew for each path, the journal would take the square of their number.
    const counting = `mv() { case $* in */back.new\\ *) echo >>"$r_home/written" ;; esac; command mv "$@"; }`;
    expect(sh(`${home()}; ${counting}\n${compiled.script}`, compiled.input, argv).exit).toBe(0);
    expect(readFileSync(`${dir}/state/written`, 'utf8')).toBe('\n');
    expect(revert(argv).exit).toBe(0);
    expect(state()).toBe(before);
  });

  it('runs the undo commands before and after the paths, each once', () => {
    writeFileSync(`${dir}/file`, 'old');
    const told = (when: string) => `echo ${when} $(cat ${dir}/file) >>${dir}/told`;
    const step: Step = {
      do: 'run',
      command: ':',
      undo: { before: told('before'), after: ['sh', '-c', told('after')] },
    };
    change([step, { do: 'write', path: `${dir}/file`, content: 'new' }, step], argv);
    revert(argv);
    expect(execFileSync('cat', [`${dir}/told`], { encoding: 'utf8' })).toBe('before new\nafter old\n');
  });

  it('is left alone by other sessions as long as its own lives', () => {
    writeFileSync(`${dir}/file`, 'old');
    for (const into of ['revert', 'armed'] as const) {
      const steps: Step[] = [{ do: 'write', path: `${dir}/file`, content: 'new' }];
      const { script: text, input } = script([{ do: 'journal', into, ...undoing(steps)! }, ...steps]);
      const made = `printf '%s\\n' r_revert | r_seal $r_home/${into}/again`;
      const recovered = (pid: number) => {
        const whole = `${home()}; r_me=\${r_me%.*}.${pid}\n${text}\n${made}`;
        expect(sh(whole, input, argv).exit).toBe(0);
        sh(`${home()}; r_recover`, undefined, argv);
        return [existsSync(`${dir}/state/${into}`), readFileSync(`${dir}/file`, 'utf8')];
      };
      expect(recovered(process.pid)).toEqual([true, 'new']);
      expect(recovered(2 ** 22 + 1)).toEqual([false, 'old']);
    }
  });

  it('reports the failed command by its exit code, and continues with the others', () => {
    writeFileSync(`${dir}/file`, 'old');
    const failing: Step = { do: 'run', command: ':', undo: { before: 'echo no >&2; exit 3' } };
    change([failing, { do: 'write', path: `${dir}/file`, content: 'new' }], argv);
    const { exit, stderr } = revert(argv);
    expect([exit, stderr.toString(), state()]).toEqual([1, 'no\n', expect.stringContaining('./file f 644')]);
    expect(execFileSync('cat', [`${dir}/file`], { encoding: 'utf8' })).toBe('old');
  });
});

describe('an irreversible change', () => {
  it.each([
    ['a command that does not say how', { do: 'run', command: 'rm x' }],
    ['statements', { do: 'sql', statements: ['DROP ROLE x'], objects: [] }],
    ['the removal of a directory', { do: 'remove', path: '/srv', recursive: true }],
    ['attributes of everything below', { do: 'attributes', path: '/srv', owner: 'x', recursive: true }],
  ] satisfies [string, Step][])('is %s', (_, step) => {
    expect(undoing([{ do: 'write', path: '/a', content: '' }, step])).toBeUndefined();
  });
});

describe.each(shells)('the outcome of a change by %s', (_, argv) => {
  const collected = (then: string, number = 1) =>
    decodeOutcome({
      ...sh(
        `${home()}; r_records=${dir}/state; mkdir -p ${dir}/state\n${then}\n${outcomeScript('run', number)}`,
        undefined,
        argv,
      ),
      truncated: false,
    });
  const begin = (text: string) => `(${recordedScript(text, 'run', 1)}) >/dev/null 2>&1`;

  it('is its output and exit code, even before its end', () => {
    const begun = `until [ -f ${dir}/state/outcome.run/of ]; do sleep 0.01; done`;
    const found = collected(`${begin('echo out; sleep 0.5; echo err >&2; exit 3')} &\n${begun}`);
    expect(found).toMatchObject({ exit: 3, stdout: Buffer.from('out\n'), stderr: Buffer.from('err\n') });
  });

  it('is "never begun" for another change', () => {
    expect(collected(begin('echo other'), 2)).toBe('never');
  });

  it('is "cut off" if its process is gone', () => {
    expect(collected(begin('read -r _ _ _ parent _ </proc/self/stat; kill -9 "$parent"'))).toBe('cut');
  });
});
