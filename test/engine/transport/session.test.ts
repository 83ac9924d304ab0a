import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { problemsOf } from '../../../engine/problem.ts';
import { shellCommand, shellQuote } from '../../../engine/quote.ts';
import { connect, openSession } from '../../../engine/transport/connect.ts';
import { startProgram, withResolvers } from '../../../engine/transport/process.ts';
import { type Session, startSession } from '../../../engine/transport/session.ts';
import { bootstrap, frame, hello } from '../../../engine/transport/session-loop.ts';
import fc, { runs } from '../../random.ts';
import { bytesOf } from '../shell.ts';
import { hostAt } from './ssh-server.ts';

const here = hostAt(22, { name: 'here', transport: 'local', user: userInfo().username });
const isRoot = process.getuid?.() === 0;

function installed(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

/** A session in this shell, whatever `sh` is here. */
async function sessionIn(words: readonly string[], prelude?: string): Promise<Session> {
  const shell = await startProgram('here', words);
  return startSession(shell, {
    host: 'here',
    account: '',
    startTimeoutMs: 10_000,
    prelude,
    refusal: (ending, cause) => ({ code: 'unreachable', message: `ended with ${ending.code}`, cause }),
  });
}

async function text(session: Session, script: string, input?: Buffer): Promise<string> {
  const { stdout } = await session.run({ script, ...(input ? { input } : {}) });
  return stdout.toString();
}

async function problemOf(promise: Promise<unknown>) {
  const thrown = await promise.then(
    () => expect.fail('no problem'),
    error => error,
  );
  return problemsOf(thrown)[0]!;
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'session-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe.each([
  ['dash', ['dash']],
  ['bash', ['bash']],
  ['busybox sh', ['busybox', 'sh']],
])('in %s', (_, [program, ...args]) => {
  describe.skipIf(!installed(program!))(`(${program} is installed here)`, () => {
    let session: Session;
    beforeAll(async () => {
      const [, ...rest] = bootstrap();
      session = await sessionIn([program!, ...args, ...rest], 'greet() { echo "hello $1"; }');
    });
    afterAll(() => session.close());

    test('a script has no POSIXLY_CORRECT, which sudo may keep, so options may follow operands', async () => {
      const [, ...rest] = bootstrap();
      const kept = await sessionIn(['env', 'POSIXLY_CORRECT=1', program!, ...args, ...rest]);
      expect(await text(kept, 'env | grep -c POSIXLY')).toBe('0\n');
      await kept.close();
    });

    test('a script returns its outputs and its exit code', async () => {
      const answer = await session.run({ script: 'echo out; echo err >&2; exit 7' });
      expect({ ...answer, stdout: `${answer.stdout}`, stderr: `${answer.stderr}` }).toEqual({
        exit: 7,
        stdout: 'out\n',
        stderr: 'err\n',
        truncated: false,
      });
    });

    test('an answer that arrived in time counts, although this process stood still until after its time limit', async () => {
      const answer = session.run({ script: 'sleep 0.3; echo out', timeoutMs: 800 });
      await sleep(100);
      // After an immediate, the loop looks at its timers before it reads.
      await new Promise(setImmediate);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
      expect(`${(await answer).stdout}`).toBe('out\n');
    });

    test.each([
      ['returns', 'return 3', 3],
      ['fails under set -e', 'set -e; false; exit 9', 1],
      ['is killed', 'sh -c "kill -9 \\$\\$"', 137],
      ['ends in a comment', 'exit 4 # the end', 4],
      ['ends in a heredoc', 'grep -q b <<end\nb\nend', 0],
      ['closes everything', 'exec <&- >&- 2>&-; exit 5', 5],
      ['becomes another program', 'exec sh -c "exit 6"', 6],
      ['leaves a process behind', 'sleep 1 & exit 8', 8],
    ])('a script that %s is answered, and so is the next', async (_, script, exit) => {
      for (const input of [Buffer.alloc(0), Buffer.alloc(200_000, 'x')]) {
        const [answer, next] = await Promise.all([
          session.run({ script, input }),
          text(session, 'echo next'),
        ]);
        expect([answer.exit, next]).toEqual([exit, 'next\n']);
      }
    });

    test('a script that is no shell is reported', async () => {
      const answer = await session.run({ script: 'if then' });
      expect(answer.exit).toBeGreaterThan(0);
      expect(answer.stderr.toString()).toMatch(/syntax error|unexpected/i);
    });

    test('a script leaves nothing to the next one besides the prelude', async () => {
      await session.run({ script: 'greet() { :; }; left=1; cd /tmp; umask 077; exec 5>&1; set -eu' });
      expect(await text(session, 'greet you; echo "${left-none}" "$PWD" $(umask)')).toBe(
        'hello you\nnone / 0022\n',
      );
    });

    test('a script without input reads an empty input', async () => {
      expect(await text(session, 'wc -c')).toMatch(/^\s*0$/m);
    });

    test('a script cannot see the mark of its end', async () => {
      expect(await text(session, 'set | grep -c "^session_nonce\\|^session_script"')).toBe('0\n');
    });

    test('any bytes pass in both directions', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.nat(3), async (bytes, times) => {
          const input = Buffer.concat(Array(10 ** times).fill(Buffer.from(bytes)));
          const answer = await session.run({ script: 'tee /dev/stderr', input });
          expect(answer.stdout.equals(input) && answer.stderr.equals(input)).toBe(true);
        }),
        { numRuns: runs(40) },
      );
    });

    test('any text in a script stays unchanged', async () => {
      const anyText = fc.string({ unit: 'binary', maxLength: 300 }).map(each => each.replaceAll('\0', ''));
      await fc.assert(
        fc.asyncProperty(anyText, async word => {
          expect(await text(session, `printf %s ${shellQuote(word)}`)).toBe(word);
        }),
        { numRuns: runs(60) },
      );
    });

    test('requests sent before earlier answers are answered in order', async () => {
      const request = fc.record({
        exit: fc.nat(255),
        input: fc.uint8Array({ maxLength: 50 }),
        reads: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async requests => {
          const answers = await Promise.all(
            requests.map(({ exit, input, reads }) =>
              session.run({ script: `${reads ? 'cat' : ':'}; exit ${exit}`, input: Buffer.from(input) }),
            ),
          );
          expect(answers.map(({ exit, stdout }) => [exit, [...stdout]])).toEqual(
            requests.map(({ exit, input, reads }) => [exit, reads ? [...input] : []]),
          );
        }),
        { numRuns: runs(20) },
      );
    });
  });
});

describe('a session on this machine', () => {
  let session: Session;
  afterEach(() => session?.close());

  test('knows its account and counts its requests', async () => {
    session = await openSession(here, false);
    await Promise.all([session.run({ script: ':' }), session.run({ script: ':' })]);
    expect([session.account, session.requests]).toEqual([userInfo().username, 2]);
  });

  test('does not pass on the environment of the controller', async () => {
    process.env['SESSION_TEST_PASSWORD'] = 'hidden';
    try {
      session = await openSession(here, false);
      expect(await text(session, 'env')).not.toContain('hidden');
    } finally {
      delete process.env['SESSION_TEST_PASSWORD'];
    }
  });

  test('reports output while a script runs', async () => {
    session = await openSession(here, false);
    const heard: string[] = [];
    const told = new Promise<void>(resolve => {
      const onOutput = (stream: string, bytes: Buffer) => {
        heard.push(`${stream} ${bytes}`);
        resolve();
      };
      // It goes on only when the test has heard of it.
      const script = `echo working >&2; until [ -e ${dir}/heard ]; do sleep 0.01; done`;
      session.run({ script, onOutput }).catch(() => {});
    });
    await told;
    await openSession(here, false).then(async other => {
      await other.run({ script: `touch ${dir}/heard` });
      await other.close();
    });
    expect(heard[0]).toBe('stderr working');
  });

  test('keeps no more output than its limit, and continues', async () => {
    session = await openSession(here, false);
    const answers = await Promise.all([
      session.run({ script: 'head -c 40000000 /dev/zero' }),
      session.run({ script: 'printf 123456', capBytes: 5 }),
      session.run({ script: 'printf 12345', capBytes: 5 }),
    ]);
    expect(answers.map(({ stdout, truncated }) => [stdout.length, truncated])).toEqual([
      [32 * 1024 * 1024, true],
      [5, true],
      [5, false],
    ]);
  });

  test('refuses a script with a NUL', async () => {
    session = await openSession(here, false);
    expect(await problemOf(session.run({ script: 'echo \0' }))).toMatchObject({ code: 'bug', host: 'here' });
    expect(await text(session, 'echo fine')).toBe('fine\n');
  });

  test('reports a start-up file that joins both streams', async () => {
    session = await sessionIn(['sh', '-c', `exec 2>&1; ${bootstrap()[2]}`]);
    expect((await problemOf(session.run({ script: ':' }))).message).toContain('joins its errors');
  });

  test('names the request that took too long, and ends', async () => {
    session = await openSession(here, false);
    const slow = session.run({ script: 'sleep 2', what: 'Reading package nginx', timeoutMs: 50 });
    const behind = session.run({ script: 'echo', timeoutMs: 10_000 });
    const problem = {
      code: 'timeout',
      message: 'Reading package nginx exceeded its time limit of 0.05 s.',
    };
    expect(await problemOf(slow)).toMatchObject(problem);
    expect(await problemOf(behind)).toMatchObject({ code: 'timeout' });
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({ code: 'timeout' });
  });

  test('accepts more time than a timer can hold', async () => {
    session = await sessionIn(bootstrap());
    expect((await session.run({ script: 'sleep 0.1; exit 3', timeoutMs: 2 ** 40 })).exit).toBe(3);
  });

  test('does not count the time that a request waits for others', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    session = await openSession(here, false);
    const begun = withResolvers<void>();
    const first = `echo begun; until [ -e ${dir}/go ]; do sleep 0.01; done`;
    const answers = [
      session.run({ script: first, onOutput: () => begun.resolve() }),
      session.run({ script: 'echo', timeoutMs: 900 }),
      session.run({ script: 'echo', timeoutMs: 900 }),
    ];
    await begun.promise;
    vi.advanceTimersByTime(60_000);
    writeFileSync(join(dir, 'go'), '');
    expect((await Promise.all(answers)).map(({ exit }) => exit)).toEqual([0, 0, 0]);
  });

  test('names its request if its shell is killed', async () => {
    session = await openSession(here, false);
    await session.run({ script: ':' });
    const killer = session.run({ script: 'echo "about to" >&2; kill -9 0', what: 'Restarting nginx' });
    const behind = session.run({ script: ':' });
    expect(await problemOf(killer)).toMatchObject({
      code: 'connection-lost',
      message: 'The connection ended during: Restarting nginx.',
    });
    expect(await problemOf(behind)).toMatchObject({ code: 'connection-lost' });
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({ code: 'connection-lost' });
  });

  test('runs nothing after it is closed', async () => {
    session = await openSession(here, false);
    await session.close();
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({ code: 'connection-lost' });
  });

  test('is the same for all users of its account', async () => {
    const connection = await connect(here);
    session = await connection.session(false);
    expect(await connection.session({ user: userInfo().username, method: 'sudo' })).toBe(session);
    await session.close();
    const next = await connection.session(false);
    expect(next).not.toBe(session);
    await connection.close();
    expect(await problemOf(next.run({ script: ':' }))).toMatchObject({ code: 'connection-lost' });
  });

  test('fails the next request if the prelude is no shell', async () => {
    session = await sessionIn(['dash', ...bootstrap().slice(1)], 'if then');
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({ code: 'connection-lost' });
  });

  test.skipIf(!isRoot)('becomes another account by su (needs root)', async () => {
    session = await openSession(here, { user: 'nobody', method: 'su' });
    expect([await text(session, 'id -un'), session.account]).toEqual(['nobody\n', 'nobody']);
  });

  test('reports why it could not become another account', async () => {
    session = await openSession(here, { user: 'no-such-user', method: 'su' });
    const problem = await problemOf(session.run({ script: ':' }));
    expect(problem).toMatchObject({ code: 'become-failed', host: 'here' });
    expect(problem.message).toContain('su did not let');
    expect(problem.cause).toMatch(/no-such-user|su:/);
  });

  test.each([
    ['exits', 'echo "This account is not available"; exit 1', 30_000, 'unreachable', 'ended with 1'],
    ['never speaks', 'echo "Welcome, stranger"; sleep 5', 300, 'timeout', 'answered within 0.3 s'],
  ])('says what it heard from a shell that %s', async (_, script, startTimeoutMs, code, message) => {
    const shell = await startProgram('here', ['sh', '-c', script]);
    await once(shell.stdout, 'readable');
    const refusal = (ending: { code?: number }, cause: string) =>
      ({ code: 'unreachable', message: `ended with ${ending.code}`, cause }) as const;
    session = startSession(shell, { host: 'here', account: '', startTimeoutMs, refusal });
    const problem = await problemOf(session.run({ script: ':' }));
    expect(problem.code).toBe(code);
    expect(problem.message).toContain(message);
    expect(problem.cause).toMatch(/account|stranger/);
  });

  test('a missing program is named', async () => {
    const problem = await problemOf(startProgram('web1', ['no-such-program']));
    expect(problem).toMatchObject({ code: 'unreachable', host: 'web1' });
    expect(problem.message).toContain('"no-such-program"');
  });
});

describe('the command that starts a session', () => {
  describe.each(['bash', 'dash', 'zsh', 'fish', 'csh', 'tcsh'])('in %s', login => {
    test.skipIf(!installed(login))(`means the same (${login} is installed here)`, async () => {
      const session = await sessionIn([login, '-c', `exec ${shellCommand(bootstrap())}`]);
      expect(await text(session, 'echo fine')).toBe('fine\n');
      await session.close();
    });
  });

  test('contains nothing that a login shell could interpret', () => {
    expect(bootstrap().join(' ')).not.toMatch(/['!\\\n]/);
  });

  test('works after a noisy profile', async () => {
    const noise = 'echo welcome; printf "\\nabab 1 0\\n"; echo warning >&2;';
    const session = await sessionIn(['sh', '-c', `${noise} exec ${shellCommand(bootstrap())}`]);
    const answer = await session.run({ script: 'echo fine' });
    expect([`${answer.stdout}`, `${answer.stderr}`]).toEqual(['fine\n', '']);
    await session.close();
  });
});

describe('a partial request', () => {
  const nonce = 'f00d';

  /** Sends these bytes to a shell and ends its input. */
  async function send(bytes: Buffer): Promise<void> {
    const shell = await startProgram('here', bootstrap());
    shell.stdout.resume();
    shell.stderr.resume();
    shell.stdin.on('error', () => {});
    shell.stdin.end(Buffer.concat([Buffer.from(hello(nonce)), bytes]));
    await shell.ended;
  }

  /** Every place near the ends of a run of bytes, and some in between. */
  function cuts(from: number, to: number): number[] {
    const all = Array.from({ length: to - from }, (_, i) => from + i);
    return all.filter((at, i) => i < 6 || to - at < 6 || i % 9 === 0);
  }

  test('runs no script, wherever it is cut', async () => {
    const file = join(dir, 'cut-script');
    const whole = bytesOf(frame(nonce, 1, `echo run >>${file}; echo all >>${file}`, Buffer.alloc(0)));
    for (const size of cuts(0, whole.length)) await send(whole.subarray(0, size));
    expect(existsSync(file)).toBe(false);
    await send(whole);
    expect(readFileSync(file, 'utf8')).toBe('run\nall\n');
  });

  test('gives no script a partial input, wherever it is cut', async () => {
    const file = join(dir, 'cut-input');
    const script = `cat >${file}.new && mv ${file}.new ${file}`;
    const pieces = frame(nonce, 1, script, Buffer.from('the whole file'));
    const whole = bytesOf(pieces);
    for (const size of cuts(pieces[0]!.length, whole.length - 1)) await send(whole.subarray(0, size));
    expect(existsSync(file)).toBe(false);
    await send(whole);
    expect(readFileSync(file, 'utf8')).toBe('the whole file');
  });
});
