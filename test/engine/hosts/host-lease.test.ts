import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeHistory, historyLine } from '../../../engine/apply/host-history.ts';
import type { Outcome } from '../../../engine/events.ts';
import {
  decodeLease,
  decodeOrigin,
  type Holder,
  isLost,
  leasedScript,
  leaseHeldProblem,
  originScript,
  releaseScript,
  shownLease,
} from '../../../engine/hosts/host-lease.ts';
import { recordedScript } from '../../../engine/hosts/kept-outcome.ts';
import { libraries, scratch, sh, shells } from '../shell.ts';

let home: string;
beforeEach(() => {
  home = scratch();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const holder = (run: string): Holder => ({ run, who: 'alice', from: 'laptop', pid: 812 });
/** Sets where the lease is, and as its session a process that lives as long as the test, or one that is dead. */
const place = (pid = process.pid) => `r_home=${home}/state\nr_me=\${r_me%.*}.${pid}\n`;
const dead = 2 ** 22 + 1;
const lease = () => `${home}/state/lease`;
const fields = () => readFileSync(lease(), 'utf8').trimEnd().split('\t');
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe.each(shells)('the lease of a host, kept by %s', (_, argv) => {
  const run = (script: string, pid?: number) => {
    const { exit, stdout, stderr } = sh(place(pid) + script, undefined, argv);
    return { exit, stdout, stderr, text: stdout.toString(), truncated: false };
  };
  const take = (id: string, pid?: number) => run(leasedScript('echo changed', holder(id), 60), pid);

  it('is taken before the first step, readable by nobody else', () => {
    const { exit, text } = take('a');
    expect([exit, text]).toEqual([0, 'changed\n']);
    expect([mode(lease()), mode(`${home}/state`), readdirSync(`${home}/state`)]).toEqual([
      '600',
      '700',
      ['lease'],
    ]);
    expect(decodeLease(run('r_show').text)?.holder).toBe('alice@laptop (pid 812)');
  });

  it('is renewed by its own run, and keeps its start time', () => {
    take('a');
    const [id, since, until, ...rest] = fields();
    writeFileSync(lease(), [id, Number(since) - 300, Number(until) - 300, ...rest].join('\t') + '\n');
    expect(take('a').exit).toBe(0);
    expect(Number(fields()[1])).toBe(Number(since) - 300);
    expect(Number(fields()[2])).toBeGreaterThanOrEqual(Number(until));
  });

  it('lasts as long as the step may take', () => {
    run(leasedScript(':', holder('a'), 5000));
    expect(Number(fields()[2]) - Number(fields()[1])).toBe(5000);
  });

  it('refuses another run before its first step, and names the holder', () => {
    take('a');
    const before = fields();
    const answer = take('b');
    expect([answer.exit, answer.text.includes('changed'), fields()]).toEqual([75, false, before]);
    expect(leaseHeldProblem('web1', answer)).toMatchObject({
      code: 'locked',
      message: expect.stringMatching(
        /^web1 is being changed by alice@laptop \(pid 812\) since \d\d:\d\d UTC; the lease expires at .*UTC\.$/,
      ),
      hint: expect.stringContaining('reconcile lock release web1'),
    });
  });

  describe('once held', () => {
    const keep = () => run(leasedScript('echo changed', holder('a'), 60, true));

    it('is kept by its own run, even if it has expired and nobody has taken it', () => {
      take('a');
      expect([keep().exit, keep().text]).toEqual([0, 'changed\n']);
      writeFileSync(lease(), `a\t1\t2\t${fields()[3]}\t1\talice\n`);
      expect([keep().exit, fields()[0]]).toEqual([0, 'a']);
    });

    it.each([
      ['it was released', () => run('r_drop')],
      [
        'another run has it',
        () => {
          run('r_drop');
          take('b');
        },
      ],
      [
        'another run has had it',
        () => {
          run('r_drop');
          take('b');
          run(releaseScript(holder('b'), '{}'));
        },
      ],
    ])('is lost, and nothing is begun, when %s', (_name, lose) => {
      take('a');
      lose();
      const answer = keep();
      expect([isLost(answer), answer.text]).toEqual([true, 'lost\n']);
      expect(isLost(take('b'))).toBe(false);
    });
  });

  it.each([
    ['it has expired', () => writeFileSync(lease(), `a\t1\t2\t${fields()[3]}\t1\talice\n`)],
    ['a power cut has emptied it', () => writeFileSync(lease(), '')],
  ])('is free when %s', (_name, spoil) => {
    take('a');
    spoil();
    expect(run('r_show').text).toBe('');
    expect([take('b').exit, fields()[0]]).toEqual([0, 'b']);
  });

  it.each(['a\tb\tc\td\te\tf\n', 'a\t1\t2\n', 'a\t1\t99999999999999999999\tx.1\t1\talice\n', 'half', '\n'])(
    'is held until it is released when it is damaged: %j',
    text => {
      take('a');
      writeFileSync(lease(), text);
      expect(leaseHeldProblem('web1', take('b'))).toMatchObject({
        code: 'locked',
        message: 'web1 is being changed by an unknown run, because its lease is damaged.',
      });
      expect(shownLease(run('r_show').text)).toEqual({
        holder: 'an unknown run, because its lease is damaged',
      });
      // A controller that was cut off is not waited for.
      expect(run('r_await').text).toBe('');
      run('r_drop');
      expect([take('b').exit, fields()[0]]).toEqual([0, 'b']);
    },
  );

  it('is held by a step that goes on, even past its time', () => {
    const script = `(read -r r_q r_p </proc/self/stat; mkdir -p "$r_records/outcome.a"; echo "1 $r_q 1.$r_q" >"$r_records/outcome.a/of"; exec sleep 5) & sleep 0.3`;
    take('a');
    writeFileSync(lease(), `a\t1\t2\t${fields()[3]}\t1\talice\n`);
    run(`${script}; r_show`);
    expect(take('b').exit).toBe(75);
    run('rm -r "$r_records/outcome.a"');
    expect(take('b').exit).toBe(0);
  });

  it('is free once its session has ended', () => {
    take('a', dead);
    expect([run('r_show').text, take('b').exit]).toEqual(['', 0]);
  });

  it('is held while a process of a killed step runs, and no longer', () => {
    const killed = `sleep 60 >/dev/null 2>&1 & echo $! >${home}/left
      read -r number pid <${home}/state/outcome.run-a/of; kill -9 $pid`;
    const records = `r_records=${home}/state\n`;
    const step = leasedScript(recordedScript(killed, 'run-a', 1), holder('run-a'), 60);
    expect(run(records + step, dead).exit).not.toBe(0);
    const left = Number(readFileSync(`${home}/left`, 'utf8'));
    try {
      expect(run(`${records}${leasedScript(':', holder('b'), 60)}`).exit).toBe(75);
    } finally {
      process.kill(left, 'SIGKILL');
    }
    expect(run(`${records}${leasedScript(':', holder('b'), 60)}`).exit).toBe(0);
  });

  it('is waited for if its session has lost its parent, and only then', () => {
    const above = `r_above ${process.pid}\nr_my=`;
    run(`${above}$r_u\n${leasedScript(':', holder('a'), 60)}`);
    expect(run('r_await').text).toBe('');
    run(`${above}.1\n${leasedScript(':', holder('a'), 60)}`);
    const shown = `${home}/shown`;
    const ending = `(until [ -s ${shown} ]; do sleep 0.05; done; rm -f "$r_home/lease") >/dev/null 2>&1 &`;
    expect(decodeLease(run(`${ending}\nr_await | tee ${shown}`).text)?.holder).toBe('alice@laptop (pid 812)');
    expect(existsSync(lease())).toBe(false);
  });

  it('is released by its own run only', () => {
    take('a');
    expect(isLost(run(releaseScript(holder('b'), '{}')))).toBe(true);
    expect(existsSync(lease())).toBe(true);
    const mine = releaseScript(holder('a'), `{"run":"${holder('a').run}"}`);
    expect(run(mine).exit).toBe(0);
    expect(existsSync(lease())).toBe(false);
    // One host under two names.
    expect(run(mine).exit).toBe(0);
    run(releaseScript(holder('b'), `{"run":"${holder('b').run}"}`));
    expect(isLost(run(mine))).toBe(true);
  });

  describe('and a saved plan', () => {
    const plan = (n: number) => ({
      id: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
      createdS: 0,
    });
    const use = (id: string, n: number) =>
      run(leasedScript('echo changed', { ...holder(id), savedPlan: plan(n) }, 60));
    const used = () => readFileSync(`${home}/state/plans`, 'utf8').trimEnd().split('\n');

    it('is used by one run, and recorded before its first step', () => {
      expect([use('a', 1).text, use('a', 1).text, used().length]).toEqual(['changed\n', 'changed\n', 1]);
      expect(mode(`${home}/state/plans`)).toBe('600');
      run(releaseScript(holder('a'), '{}'));
      const again = use('b', 1);
      expect([again.exit, again.text.includes('changed'), existsSync(lease())]).toEqual([77, false, false]);
      expect(leaseHeldProblem('web1', again)).toMatchObject({ code: 'plan-applied' });
      expect(decodeOrigin(run(originScript(plan(1).id)).text).applied?.run).toBe('a');
      expect(decodeOrigin(run(originScript(plan(2).id)).text).applied).toBeUndefined();
      expect(use('b', 2).text).toBe('changed\n');
    });

    it('is not used up by a run that another one keeps out', () => {
      take('a');
      expect([use('b', 1).exit, existsSync(`${home}/state/plans`)]).toEqual([75, false]);
    });

    it('is recorded only among the last ones', () => {
      use('a', 0);
      const old = Array.from({ length: 250 }, (_, n) => `${plan(n + 10).id}\tz\t1`);
      writeFileSync(`${home}/state/plans`, `${old.join('\n')}\n`);
      use('a', 1);
      expect([used().length, used().at(-1)]).toEqual([200, expect.stringContaining(plan(1).id)]);
    });

    it('is refused if its use cannot be recorded', () => {
      writeFileSync(`${home}/state`, '');
      expect([take('a').text, use('a', 1).text]).toEqual(['changed\n', 'unwritten\n']);
    });
  });

  it('can be dropped by anybody, who sees its holder', () => {
    take('a');
    expect(decodeLease(run('r_drop').text)?.holder).toBe('alice@laptop (pid 812)');
    expect([existsSync(lease()), run('r_drop')]).toMatchObject([false, { exit: 0, text: '' }]);
  });

  it('goes to one of many runs that want it at once', async () => {
    mkdirSync(`${home}/state`);
    const [program, ...rest] = argv;
    const exits = Array.from({ length: 12 }, (_, i) => {
      const file = `${home}/${i}`;
      writeFileSync(file, `${libraries()}${place()}(${leasedScript('exit 0', holder(`run ${i}`), 60)}\n)`);
      const child = spawn(program!, [...rest, file], { stdio: 'ignore' });
      return new Promise(resolve => child.on('close', resolve));
    });
    const all = await Promise.all(exits);
    expect(all.toSorted()).toEqual([0, ...Array.from({ length: 11 }, () => 75)]);
    expect(fields()[0]).toBe(`run ${all.indexOf(0)}`);
  });

  it('is omitted by an account without a state directory', () => {
    writeFileSync(`${home}/state`, 'not a directory');
    expect(take('a')).toMatchObject({ exit: 0, text: 'changed\n' });
    expect(run(releaseScript(holder('a'), '{}')).exit).toBe(0);
  });

  it('the history grows by a line, readable by nobody else, and leaves nothing else', () => {
    mkdirSync(`${home}/state`);
    for (const line of ['{"n":1}', `{"n":"it's \\n"}`]) run(releaseScript(holder('a'), line));
    expect(run('r_history').text).toBe(`{"n":1}\n{"n":"it's \\n"}\n`);
    expect(readdirSync(`${home}/state`)).toEqual(['history.jsonl']);
    expect(mode(`${home}/state/history.jsonl`)).toBe('600');
  });

  it.each([
    ['1000 lines', 1500, 10],
    ['1 MiB', 500, 4000],
  ])('the history keeps to %s, the newest', (_name, count, length) => {
    mkdirSync(`${home}/state`);
    const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ i, text: 'x'.repeat(length) }));
    writeFileSync(`${home}/state/history.jsonl`, `${lines.join('\n')}\n`);
    run(releaseScript(holder('a'), '{"i":"last"}'));
    const kept = readFileSync(`${home}/state/history.jsonl`, 'utf8').trimEnd().split('\n');
    expect(kept.length).toBeLessThanOrEqual(1000);
    expect(kept.join('\n').length).toBeLessThanOrEqual(1024 * 1024);
    expect(kept.at(-1)).toBe('{"i":"last"}');
    expect(kept.slice(0, -1)).toEqual(lines.slice(1 - kept.length));
    expect(kept.length).toBeGreaterThan(200);
  });
});

describe('an entry of the history', () => {
  const outcome = (name: string, status: Outcome['status'], more: Partial<Outcome> = {}): Outcome => ({
    name,
    module: 'file',
    status,
    diff: null,
    predictedFrom: [],
    durationMs: 1,
    secrets: [],
    ...more,
  });
  const diff = {
    kind: 'create' as const,
    changes: [{ key: 'content', before: undefined, after: 'canary-value' }],
    has: () => true,
  };
  const outcomes = [
    outcome('Page of canary-secret', 'changed', { diff }),
    outcome('Same', 'unchanged'),
    outcome('Broken', 'failed', { diff, error: { code: 'no-space', message: 'canary-message' } }),
  ];
  const line = historyLine(holder('a'), '/no/such.yml', 'Site', outcomes, text =>
    text.replace('canary-secret', '«masked»'),
  );

  it('names what changed and what failed, without values', () => {
    expect(line).not.toContain('canary');
    expect(decodeHistory(`${line}\n`)).toMatchObject([
      {
        run: 'a',
        who: 'alice',
        from: 'laptop',
        playbook: '/no/such.yml',
        sha256: null,
        counts: { unchanged: 1, changed: 1, failed: 1, skipped: 0 },
        changed: [{ name: 'Page of «masked»', module: 'file', change: 'create' }],
        failed: [{ name: 'Broken', module: 'file', code: 'no-space' }],
      },
    ]);
  });

  it('is read newest first, without invalid lines', () => {
    const older = line.replace('"run":"a"', '"run":"b"');
    expect(decodeHistory(`half a li\n${older}\n\n{}\n${line}\n`).map(({ run }) => run)).toEqual(['a', 'b']);
  });
});
