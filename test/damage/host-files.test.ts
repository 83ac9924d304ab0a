import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeHistory, historyLine } from '../../engine/apply/host-history.ts';
import { script } from '../../engine/apply/step-script.ts';
import {
  decodeOrigin,
  distrustProblem,
  isLost,
  leaseHeldProblem,
  shownLease,
} from '../../engine/hosts/host-lease.ts';
import { decodeOutcome } from '../../engine/hosts/kept-outcome.ts';
import type { Probe } from '../../engine/probe.ts';
import { owed } from '../../engine/probes/owed.ts';
import { undoing } from '../../engine/steps/step-kinds.ts';
import { scratchInMemory, sh, shells } from '../engine/shell.ts';
import { brokenBytes, brokenFields, type Damaged, full, some } from './damage.ts';

// Each trial puts a damaged file into a copy of a state directory and runs functions of the session there. All trials of a
// file run in one shell. `$live` is the state directory, and a test's own things lie beside it.

let root: string;
beforeEach(() => {
  root = scratchInMemory();
  mkdirSync(join(root, 'first/state'), { recursive: true, mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string) => join(root, 'first', name);
const put = (name: string, text: string | Buffer) => {
  mkdirSync(join(at(name), '..'), { recursive: true, mode: 0o700 });
  writeFileSync(at(name), text, { mode: 0o600 });
};

interface Answer {
  exit: number;
  stdout: Buffer;
  stderr: Buffer;
  truncated: boolean;
}
interface Trial {
  how: string;
  damaged: Buffer;
  answers: Record<string, Answer>;
  /** The things beside the state directory, and what they hold. */
  left: string;
}

const settings = () =>
  `r_home=${root}/live/state; r_base=$r_home; r_records=$r_home; r_now=1; r_unit=${root}/unit`;

/** Runs `words`, by name, on each damaged version of a file of the state directory. */
function trials(
  file: string,
  damaged: readonly Damaged[],
  words: Record<string, string>,
  argv: string[],
): Trial[] {
  const results = join(root, 'results');
  mkdirSync(join(root, 'damaged'));
  mkdirSync(results);
  for (const [i, { bytes }] of damaged.entries())
    writeFileSync(join(root, 'damaged', String(i)), bytes, { mode: 0o600 });
  const lines = Object.entries(words).map(
    ([name, line]) =>
      `(${line}) >${results}/$i.${name}.out 2>${results}/$i.${name}.err; echo $? >${results}/$i.${name}.exit`,
  );
  const { stderr } = sh(
    `${settings()}
    i=0; while [ $i -lt ${damaged.length} ]; do
      rm -rf ${root}/live; cp -a ${root}/first ${root}/live; cat ${root}/damaged/$i >${root}/live/state/${file}
      ${lines.join('\n')}
      (cd ${root}/live; rm -rf state; find . -type f -exec grep -H . {} +; find . -printf '%p %m\\n' | sort) >${results}/$i.left
      i=$((i + 1))
    done`,
    undefined,
    argv,
  );
  expect(stderr.toString()).toBe('');
  const read = (name: string) => readFileSync(join(results, name));
  return damaged.map(({ how, bytes }, i) => ({
    how,
    damaged: bytes,
    left: read(`${i}.left`).toString(),
    answers: Object.fromEntries(
      Object.keys(words).map(name => [
        name,
        {
          exit: Number(read(`${i}.${name}.exit`)),
          stdout: read(`${i}.${name}.out`),
          stderr: read(`${i}.${name}.err`),
          truncated: false,
        },
      ]),
    ),
  }));
}

/** Returns the trials that a law does not hold for, with the reason. */
function unlawful(all: readonly Trial[], law: (trial: Trial) => string | undefined): unknown[] {
  return all.flatMap(trial => {
    let why = law(trial);
    // A shell that stumbles over a damaged file names itself and the line.
    const stumbles = /(dash|bash|busybox|sh|script): |line \d+|not found|[Ss]yntax|arithmetic|number/;
    for (const [name, { stderr }] of Object.entries(trial.answers))
      if (stumbles.test(stderr.toString())) why ??= `${name}: ${stderr}`;
    return why === undefined ? [] : [[trial.how, why]];
  });
}

/** The first shell tries every damage, the others a sample. */
const few = (all: readonly Damaged[], argv: readonly string[]) =>
  some(all, 6, full && argv === shells[0]![1]);
const broken = (text: string, separator: string, argv: readonly string[]) =>
  few([...brokenBytes(text), ...brokenFields(text, separator)], argv);
const text = ({ stdout }: Answer) => stdout.toString();

describe.each(shells)('with a damaged file, %s', (_, argv) => {
  it('takes and gives back no lease in silence', () => {
    const now = Number(sh('date +%s').stdout);
    const line = `A\t${now}\t${now + 600}\tBOOT.${process.pid}\t.1\talice@laptop (pid 812)\n`;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')[0]!;
    const all = trials(
      'lease',
      broken(line.replace('BOOT', boot), '\t', argv),
      {
        show: 'r_show',
        take: "r_lease r_take B 'bob@desk (pid 2)' 600 && cat $r_home/lease",
        renew: "r_lease r_renew A 'alice@laptop (pid 812)' 600",
        release: `r_release A '{"run":"A"}'`,
      },
      argv,
    );
    const bad = unlawful(all, ({ answers: { show, take, renew, release }, damaged }) => {
      shownLease(text(show!));
      if (take!.exit === 0 && !text(take!).startsWith('B\t')) return 'taken without a lease';
      if (take!.exit !== 0 && leaseHeldProblem('web1', take!) === undefined)
        return 'refused without a sentence';
      // After B has taken it, A has lost it.
      if (take!.exit === 0 && !isLost(renew!)) return 'two runs have the lease';
      if (take!.exit === 0 && text(release!) !== 'lost\n') return 'the loss is silent';
      if (damaged.length > 0 && damaged.toString() === line && take!.exit === 0)
        return 'a sound lease is taken';
      return undefined;
    });
    expect(bad).toEqual([]);
  });

  it('uses up saved plans, and refuses those that were used', () => {
    const used = '01234567-89ab-cdef-0123-456789abcdef';
    const other = 'fedcba98-89ab-cdef-0123-456789abcdef';
    const take = (plan: string, run: string) =>
      `r_lease r_take ${run} 'bob@desk (pid 2)' 600 ${plan}; r_c=$?; rm -f $r_home/lease; exit $r_c`;
    const all = trials(
      'plans',
      broken(`${other}\tX\t1700000000\n${used}\tA\t1700000001\n`, '\t', argv),
      {
        origin: `r_origin ${used}`,
        used: take(used, 'B'),
        new: take('00000000-0000-0000-0000-000000000000', 'C'),
        again: take('00000000-0000-0000-0000-000000000000', 'C'),
        twice: take('00000000-0000-0000-0000-000000000000', 'D'),
      },
      argv,
    );
    const bad = unlawful(all, ({ damaged, answers: { origin, used: second, new: first, again, twice } }) => {
      decodeOrigin(text(origin!));
      const isKnown = new RegExp(`^${used}\t`, 'm').test(damaged.toString('latin1'));
      if (isKnown && leaseHeldProblem('web1', second!)?.code !== 'plan-applied') return 'used twice';
      if (first!.exit !== 0 || again!.exit !== 0) return 'a new plan is refused';
      if (leaseHeldProblem('web1', twice!)?.code !== 'plan-applied') return 'its use is lost';
      return undefined;
    });
    expect(bad).toEqual([]);
  });

  it('shows the history, and loses no new line', () => {
    const who = { run: 'A', who: 'alice', from: 'laptop', pid: 1 };
    const entry = (play: string) => historyLine(who, '/nowhere/site.yml', play, [], words => words);
    const all = trials(
      'history.jsonl',
      broken(`${entry('One')}\n${entry('Two')}\n`, '[:,]', argv),
      { history: 'r_history', release: `r_release A '${entry('New')}'`, later: 'r_history' },
      argv,
    );
    const bad = unlawful(all, ({ answers: { history, later } }) => {
      decodeHistory(text(history!));
      return decodeHistory(text(later!))[0]?.play === 'New' ? undefined : 'the new line is lost';
    });
    expect(bad).toEqual([]);
  });

  it('keeps owed restarts', () => {
    const probe: Extract<Probe, { kind: 'owed' }> = { kind: 'owed', unit: 'app.service' };
    put('state/owed/app.service', '');
    const all = trials(
      'owed/app.service',
      broken('restart\t1700000000\tSite\nreload\t1700000001\tApp environment\n', '\t', argv),
      {
        owed: 'r_owed app.service',
        owe: 'r_owe app.service restart Other; r_owed app.service',
        pay: 'r_pay app.service; r_owed app.service',
      },
      argv,
    );
    const decoded = (answer: Answer) => owed.decode([probe], answer as never, '')[0]![1];
    const bad = unlawful(all, ({ damaged, answers: { owed: first, owe, pay } }) => {
      const notes = (decoded(first!) as { value: { action: string }[] }).value;
      if (notes.length === 0) return 'the note is lost';
      const isSound = (line: string) => /^(restart|reload|run)\t\d+\t./.test(line);
      const lines = damaged.toString('latin1').replaceAll('\0', '').split('\n').filter(Boolean);
      if (!lines.every(isSound) && !notes.some(({ action }) => action === 'restart'))
        return 'a restart is lost';
      if (!text(owe!).includes('\tOther')) return 'a new note is lost';
      return text(pay!) === '' ? undefined : 'the note cannot be paid';
    });
    expect(bad).toEqual([]);
  });

  it.each(['back', 'before', 'after', 'again', 'by', 'directory'])(
    'does not revert by a damaged journal: %s',
    file => {
      const { journal, before, after } = cutOff(argv);
      const name =
        file === 'directory' ? readdirSync(at(journal)).find(each => each.endsWith('.directory'))! : file;
      const whole = readFileSync(join(at(journal), name), 'latin1');
      const all = trials(
        `revert/${name}`,
        few(brokenBytes(Buffer.from(whole, 'latin1')), argv),
        { recover: 'r_recover', show: 'r_show' },
        argv,
      );
      const bad = unlawful(all, ({ left, answers: { show }, damaged }) => {
        const problem = distrustProblem(show!);
        if (left !== before && left !== after) return `something else is done: ${left}`;
        if (left === after && problem?.code !== 'state-damaged')
          return 'it is not reverted, and nothing is said';
        if (left === before && damaged.toString('latin1').trimEnd() !== whole.trimEnd())
          return 'a damaged journal is run';
        return undefined;
      });
      expect(bad).toEqual([]);
    },
  );

  /** Leaves a change cut off while it was being reverted. Returns the things before it and after it. */
  function cutOff(argv: string[]) {
    put('tree/file', 'old\n');
    mkdirSync(at('tree/folder'), { mode: 0o700 });
    const path = (name: string) => `${root}/live/tree/${name}`;
    const told = (when: string) => `echo ${when} >>${path('told')}`;
    const steps = [
      { do: 'write', path: path('file'), content: 'new\n', mode: '0600' },
      { do: 'attributes', path: path('folder'), mode: '0755' },
      { do: 'run', command: ':', undo: { before: told('before'), after: told('after') } },
    ] as const;
    const compiled = script([{ do: 'journal', into: 'revert', ...undoing(steps)! }, ...steps]);
    const shown = () =>
      execFileSync(
        'sh',
        [
          '-c',
          `cd ${root}/live; mv state ../kept; find . -type f -exec grep -H . {} +; find . -printf '%p %m\\n' | sort; mv ../kept state`,
        ],
        { encoding: 'utf8' },
      );
    execFileSync('cp', ['-a', join(root, 'first'), join(root, 'live')]);
    // Its session has ended.
    const dead = 'r_me=${r_me%.*}.4194304';
    const cut = "printf '%s\\n' r_revert | r_seal $r_home/revert/again";
    expect(sh(`${settings()}; ${dead}\n${compiled.script}\n${cut}`, compiled.input, argv).exit).toBe(0);
    const after = shown();
    rmSync(join(root, 'first'), { recursive: true });
    execFileSync('cp', ['-a', join(root, 'live'), join(root, 'first')]);
    expect(sh(`${settings()}; r_recover`, undefined, argv).exit).toBe(0);
    const before = shown();
    expect([
      before.includes('told:after'),
      before.includes('file:old'),
      existsSync(join(root, 'live/state/revert')),
    ]).toEqual([true, true, false]);
    return { journal: 'state/revert', before, after };
  }

  it('reverts an armed change whose deadline is damaged', () => {
    put('state/armed/by', '');
    const all = trials(
      'armed/deadline',
      broken('01234567 99\n#sum 1 12\n', ' ', argv),
      { due: 'r_armed r_due' },
      argv,
    );
    expect(
      unlawful(all, ({ answers: { due } }) => (due!.exit === 0 ? undefined : 'it is never due')),
    ).toEqual([]);
  });

  it('reports no outcome that it does not know', () => {
    put('state/outcome.A/out', 'words\n');
    put('state/outcome.A/err', '');
    put('state/outcome.A/of', '2 4194304 2.4194304\n');
    put('state/outcome.A/end', '3 3\n');
    for (const [file, whole] of [
      ['of', '2 4194304 2.4194304\n'],
      ['end', '3 3\n'],
    ] as const) {
      const all = trials(
        `outcome.A/${file}`,
        broken(whole, '[ .]', argv),
        { outcome: 'r_outcome A 2', running: 'r_running A' },
        argv,
      );
      const bad = unlawful(all, ({ answers: { outcome, running } }) => {
        const found = decodeOutcome(outcome!);
        if (found === 'never') return 'it would be done again';
        if (typeof found === 'object' && found.exit !== 3) return `it exited ${found.exit}`;
        return running!.exit === 0 ? 'it goes on' : undefined;
      });
      expect(bad).toEqual([]);
      for (const folder of ['damaged', 'results', 'live']) rmSync(join(root, folder), { recursive: true });
    }
  });
});
