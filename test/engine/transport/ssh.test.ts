import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../../engine/host.ts';
import { type Problem, problemsOf } from '../../../engine/problem.ts';
import { shellCommand } from '../../../engine/quote.ts';
import { connect, openSession } from '../../../engine/transport/connect.ts';
import type { ConnectOptions } from '../../../engine/transport/connect-options.ts';
import { bootstrap } from '../../../engine/transport/session-loop.ts';
import { fingerprint } from '../../../engine/util/ssh-formats.ts';
import fc, { runs } from '../../random.ts';
import {
  clientKey,
  ed25519,
  ed25519Key,
  hostAt,
  otherKey,
  publicKey,
  rsa,
  type ServerOptions,
  startRelay,
  startServer,
  type TestServer,
} from './ssh-server.ts';

let dir: string;
const ending: (() => Promise<void>)[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ssh-'));
  file('id', clientKey.private);
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});
afterAll(() => rmSync(dir, { recursive: true }));

function installed(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content, { mode: 0o600 });
  return join(dir, name);
}

async function server(options: ServerOptions = {}): Promise<TestServer> {
  const started = await startServer(options);
  ending.push(() => started.close());
  return started;
}

async function relay(to: number, options: Parameters<typeof startRelay>[1] = {}) {
  const started = await startRelay(to, options);
  ending.push(() => started.close());
  return started;
}

/** The settings of a client that knows the server and may log in. */
function trusting(knownHosts: string): ConnectOptions {
  return {
    sshConfigFiles: [],
    retryDelaysMs: [10],
    knownHostsFiles: [file('known_hosts', knownHosts)],
    agent: false,
    identityFiles: [join(dir, 'id')],
  };
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const thrown = await promise.then(
    () => expect.fail('no problem'),
    error => error,
  );
  return problemsOf(thrown)[0]!;
}

/** The same server behind a relay has another port, but the same key. */
function behind(port: number): [Host, ConnectOptions] {
  return [hostAt(port), trusting(`[127.0.0.1]:${port} ${publicKey(ed25519.private)}`)];
}

describe('a connection', () => {
  test('takes one channel for each account, whatever the requests', async () => {
    const { command } = { command: () => `exec ${shellCommand(bootstrap())}` };
    const there = await server({ command });
    const connection = await connect(there.host, trusting(there.knownHosts));
    ending.push(() => connection.close());
    const own = await connection.session({ user: 'deploy', method: 'sudo' });
    const [root, again] = await Promise.all([
      connection.session({ user: 'root', method: 'sudo' }),
      connection.session({ user: 'root', method: 'sudo' }),
    ]);
    for (let i = 0; i < 5; i++)
      await Promise.all([own, root, again].map(session => session.run({ script: ':' })));
    expect(there.channels).toBe(2);
    expect(there.commands).toEqual([
      `exec sh -c 'read -r n; eval "$(head -c "$n")"'`,
      `exec env LC_ALL=C sudo -n -H -u root -- sh -c 'read -r n; eval "$(head -c "$n")"'`,
    ]);
    expect([own.account, root.account, root === again]).toEqual(['deploy', 'root', true]);
  });

  test('costs three round trips up to the first answer, and one for each further one', async () => {
    const there = await server();
    const between = await relay(there.port);
    const [host, options] = behind(between.port);
    let atLogin = Number.NaN;
    const onEvent = () => {
      atLogin = between.turns;
    };
    const session = await openSession(host, false, { ...options, prelude: 'f() { echo "$@"; }', onEvent });
    ending.push(() => session.close());
    const { stdout } = await session.run({ script: 'f done' });
    expect(`${stdout}`).toBe('done\n');
    expect(between.turns - atLogin).toBeLessThanOrEqual(3);
    const before = between.turns;
    await session.run({ script: 'cat', input: Buffer.from('x') });
    expect(between.turns - before).toBe(1);
  });

  test('carries large inputs and outputs completely', async () => {
    const there = await server();
    const session = await openSession(there.host, false, trusting(there.knownHosts));
    ending.push(() => session.close());
    const input = Buffer.alloc(5_000_000, 'a\0\nö');
    const { stdout, exit } = await session.run({ script: 'cat', input });
    expect([exit, stdout.equals(input)]).toEqual([0, true]);
  });

  test('reports a host that allows no shell', async () => {
    const there = await server({ maxSessions: 0, command: () => `exec ${shellCommand(bootstrap())}` });
    const connection = await connect(there.host, trusting(there.knownHosts));
    ending.push(() => connection.close());
    const problem = await problemOf(connection.session(false));
    expect(problem).toMatchObject({ code: 'unreachable', host: 'web1' });
    expect(problem.message).toContain('MaxSessions');
  });

  test('has a second connection if the host allows one shell on each', async () => {
    const there = await server({ maxSessions: 1, command: () => `exec ${shellCommand(bootstrap())}` });
    const connection = await connect(there.host, trusting(there.knownHosts));
    const sessions = [
      await connection.session(false),
      await connection.session({ user: 'root', method: 'sudo' }),
    ];
    for (const session of sessions) expect((await session.run({ script: 'exit 3' })).exit).toBe(3);
    expect(there.connections).toBe(2);
    await connection.close();
  });

  test('whose shell cannot become another account reports the words of sudo', async () => {
    const there = await server({ command: () => 'echo "sudo: a password is required" >&2; exit 1' });
    const session = await openSession(
      there.host,
      { user: 'root', method: 'sudo' },
      trusting(there.knownHosts),
    );
    ending.push(() => session.close());
    expect(await problemOf(session.run({ script: ':' }))).toEqual({
      code: 'become-failed',
      host: 'web1',
      message: 'The login worked, but sudo did not let "deploy" become "root".',
      cause: 'sudo: a password is required',
      hint: expect.stringContaining('deploy ALL=(root) NOPASSWD: ALL'),
    });
  });

  test('whose login shell ends by itself does not blame sudo', async () => {
    const there = await server({ command: () => 'echo "This account is currently not available."; exit 1' });
    const root = { user: 'root', method: 'sudo' } as const;
    const session = await openSession(there.host, root, trusting(there.knownHosts));
    ending.push(() => session.close());
    expect(await problemOf(session.run({ script: ':' }))).toEqual({
      code: 'become-failed',
      message: `The login worked, but the shell of "${there.host.user}" ended with 1 before sudo started.`,
      host: there.host.name,
      cause: 'This account is currently not available.',
    });
  });

  test('with an account without a shell reports that', async () => {
    const there = await server({ command: () => 'echo "This account is not available."; exit 1' });
    const session = await openSession(there.host, false, trusting(there.knownHosts));
    ending.push(() => session.close());
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({
      code: 'unreachable',
      cause: 'This account is not available.',
    });
  });
});

describe('the host key', () => {
  const both = [ed25519.private, rsa.private];

  test.each<[string, ServerOptions, (port: number) => string, string]>([
    [
      'is found by its type',
      { hostKeys: both },
      port => `[127.0.0.1]:${port} ${publicKey(rsa.private)}`,
      rsa.private,
    ],
    ['is found without a port', {}, () => `127.0.0.1 ${publicKey(ed25519.private)}`, ed25519.private],
  ])('%s', async (_, options, knownHosts, expected) => {
    const there = await server(options);
    const connection = await connect(there.host, trusting(knownHosts(there.port)));
    ending.push(() => connection.close());
    const blob = Buffer.from(publicKey(expected).split(' ')[1]!, 'base64');
    expect(connection.hostKeyFingerprint).toBe(fingerprint(blob));
  });

  test('that is unknown is refused, with its fingerprint and the command that records it', async () => {
    const there = await server();
    const problem = await problemOf(connect(there.host, trusting('')));
    expect(problem).toMatchObject({ code: 'host-key-unknown', host: 'web1' });
    expect(problem.message).toMatch(
      /^The host key is not in known_hosts \(ssh-ed25519 SHA256:\S{43}\)\. Nothing/,
    );
    expect(problem.hint).toContain(`ssh-keyscan -t ed25519 -p ${there.port} 127.0.0.1 >> ~/.ssh/known_hosts`);
  });

  test('that has changed is refused, with the line of the old key', async () => {
    const there = await server();
    const recorded = `# first\n[127.0.0.1]:${there.port} ${publicKey(otherKey.private)}`;
    const options = trusting(recorded);
    for (const hostKeyChecking of ['strict', 'accept-new'] as const) {
      const problem = await problemOf(connect({ ...there.host, hostKeyChecking }, options));
      expect(problem.code).toBe('host-key-changed');
      expect(problem.message).toContain(`${dir}/known_hosts:2`);
      expect(problem.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${there.port}' -f ${dir}/known_hosts`);
    }
  });

  test('that is pinned is the only accepted one', async () => {
    const there = await server();
    const pinnedRight = { ...there.host, hostKey: publicKey(ed25519.private) };
    const connection = await connect(pinnedRight, trusting(''));
    await connection.close();
    const pinnedWrong = { ...there.host, hostKey: publicKey(otherKey.private) };
    const problem = await problemOf(connect(pinnedWrong, trusting(there.knownHosts)));
    expect(problem.code).toBe('host-key-changed');
    expect(problem.message).toContain('host_key of the inventory');
  });

  test('that is unknown is recorded on demand, and is known afterwards', async () => {
    const there = await server();
    for (const [before, hashed] of [
      ['# no end of line', 'no'],
      ['', 'yes'],
    ] as const) {
      const config = file('config', `HashKnownHosts ${hashed}\nStrictHostKeyChecking accept-new\n`);
      const options = { ...trusting(before), sshConfigFiles: [{ path: config, of: 'user' as const }] };
      await (await connect(there.host, options)).close();
      const lines = readFileSync(join(dir, 'known_hosts'), 'utf8').split('\n').filter(Boolean);
      const [name, type] = lines.at(-1)!.split(' ');
      expect(type).toBe('ssh-ed25519');
      if (hashed === 'yes') expect(name).toMatch(/^\|1\|/);
      else expect([lines[0], name]).toEqual([before, `[127.0.0.1]:${there.port}`]);
      await (await connect({ ...there.host, hostKeyChecking: 'strict' }, options)).close();
      expect(readFileSync(join(dir, 'known_hosts'), 'utf8').trim().split('\n')).toEqual(lines);
    }
  });

  test('that is new and cannot be recorded is refused', async () => {
    const there = await server();
    const options = { ...trusting(''), knownHostsFiles: [join(dir, 'id/known_hosts')] };
    const problem = await problemOf(connect({ ...there.host, hostKeyChecking: 'accept-new' }, options));
    expect(problem).toMatchObject({ code: 'host-key-unknown' });
    expect(problem.message).toContain('could not be recorded in');
  });

  test('that is revoked is refused with its own message', async () => {
    const there = await server();
    const line = `@revoked * ${publicKey(ed25519.private)}\n${there.knownHosts}`;
    expect(await problemOf(connect(there.host, trusting(line)))).toMatchObject({ code: 'host-key-revoked' });
  });

  test('that is pinned but no key is named', async () => {
    const problem = await problemOf(connect(hostAt(1, { hostKey: 'ssh-ed25519 nonsense' }), trusting('')));
    expect(problem).toMatchObject({ code: 'invalid-value' });
    expect(problem.message).toContain('"ssh-ed25519 nonsense"');
  });
});

describe('a login', () => {
  const encrypted = ed25519Key({ passphrase: 'secret', cipher: 'aes256-cbc', rounds: 2 }).private;

  test.each<[string, Partial<Host>, ConnectOptions, string, RegExp]>([
    ['with a wrong key', {}, { identityFiles: ['other'] }, 'auth-failed', /none of the keys of \S+other\.$/],
    [
      'with no key',
      {},
      { identityFiles: ['missing'] },
      'auth-failed',
      /no key to offer in .* and \S+missing\.$/,
    ],
    [
      'with an encrypted key',
      {},
      { identityFiles: ['locked'] },
      'auth-failed',
      /no key .*locked is encrypted, and there is no terminal/,
    ],
    [
      'with a dead agent',
      {},
      { identityFiles: [], agent: '/dev/null' },
      'auth-failed',
      /the agent did not answer/,
    ],
    [
      'with the wrong identity_file',
      { identityFile: 'other' },
      {},
      'auth-failed',
      /none of the keys of \S+other\.$/,
    ],
    [
      'with an encrypted identity_file',
      { identityFile: 'locked' },
      {},
      'invalid-value',
      /locked is encrypted, and there is no terminal/,
    ],
    [
      'with a missing identity_file',
      { identityFile: 'missing' },
      {},
      'invalid-value',
      /missing cannot be read \(ENOENT\)/,
    ],
    [
      'with a public identity_file',
      { identityFile: 'id.pub' },
      {},
      'invalid-value',
      /id\.pub is a public key/,
    ],
    ['by no jump host', { proxyJump: 'a@b@:x' }, {}, 'invalid-value', /"a@b@:x" names no jump hosts/],
  ])('%s is explained', async (_, changes, options, code, message) => {
    file('other', otherKey.private);
    file('locked', encrypted);
    file('id.pub', publicKey(clientKey.private));
    const there = await server();
    const inDir = (name: string) => join(dir, name);
    const { identityFiles, ...rest } = options;
    const host = { ...there.host, ...changes };
    if (host.identityFile !== undefined) host.identityFile = inDir(host.identityFile);
    const files = identityFiles === undefined ? {} : { identityFiles: identityFiles.map(inDir) };
    const problem = await problemOf(connect(host, { ...trusting(there.knownHosts), ...rest, ...files }));
    expect(problem).toMatchObject({ code, host: 'web1' });
    expect(problem.message).toMatch(message);
  });

  test('by an agent that never answers passes the agent over after the time limit', async () => {
    const there = await server();
    const silent = createServer(() => {}).listen(join(dir, 'silent'));
    ending.push(async () => void silent.close());
    const options = { ...trusting(there.knownHosts), agent: join(dir, 'silent'), connectTimeoutMs: 500 };
    await (await connect(there.host, options)).close();
    const problem = await problemOf(connect(there.host, { ...options, identityFiles: [] }));
    expect(problem).toMatchObject({ code: 'auth-failed' });
    expect(problem.message).toContain('the agent did not answer (no answer within 0.5 s)');
  });

  test.skipIf(!installed('ssh-agent'))('by the agent works (needs ssh-agent)', async () => {
    const there = await server();
    const socket = join(dir, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    ending.push(async () => void agent.kill());
    await expect.poll(() => existsSync(socket)).toBe(true);
    const options = { ...trusting(there.knownHosts), agent: socket, identityFiles: [] };
    expect(await problemOf(connect(there.host, options))).toMatchObject({ code: 'auth-failed' });
    spawnSync('ssh-add', ['-q', join(dir, 'id')], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    await (await connect(there.host, options)).close();
  });

  test('offers the identity_file of the host before any other key', async () => {
    const there = await server();
    const host = { ...there.host, identityFile: join(dir, 'id') };
    const options = { ...trusting(there.knownHosts), identityFiles: [file('other', otherKey.private)] };
    await (await connect(host, options)).close();
  });
});

describe('a host that cannot be reached', () => {
  test('because nothing listens', async () => {
    const there = await startServer();
    await there.close();
    const problem = await problemOf(connect(there.host, trusting('')));
    expect(problem).toMatchObject({ code: 'unreachable', host: 'web1' });
    expect(problem.message).toContain(`No connection to 127.0.0.1 port ${there.port}: nothing listens there`);
  });

  test.each([
    ['says nothing', ''],
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['hangs up', 'hang up'],
  ])('because what listens %s', async (_, words) => {
    const other = createServer(socket => {
      socket.on('error', () => {});
      if (words === 'hang up') socket.destroy();
      else socket.write(words);
      ending.push(async () => void socket.destroy());
    });
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    ending.push(async () => void other.close());
    const { port } = other.address() as { port: number };
    const problem = await problemOf(connect(hostAt(port), { ...trusting(''), connectTimeoutMs: 300 }));
    expect(problem).toMatchObject({ code: 'unreachable', host: 'web1' });
    expect(problem.message).toMatch(/^No SSH server answered at 127\.0\.0\.1 port \d+\.$/);
  });

  test('because it opens no shell', async () => {
    const there = await server({ deaf: 'channel' });
    const options = { ...trusting(there.knownHosts), connectTimeoutMs: 3000 };
    expect(await problemOf(openSession(there.host, false, options))).toMatchObject({
      code: 'unreachable',
      message: 'The host opened no shell within 3 s.',
    });
  });
});

describe('a connection that is lost', () => {
  test('by silence is noticed', async () => {
    const there = await server();
    let mute = false;
    const between = await relay(there.port, { mute: () => mute });
    const [host, options] = behind(between.port);
    const session = await openSession(host, false, { ...options, keepaliveMs: 50 });
    ending.push(() => session.close());
    await session.run({ script: ':' });
    mute = true;
    const problem = await problemOf(session.run({ script: ':', what: 'Restarting nginx' }));
    expect(problem).toMatchObject({
      code: 'connection-lost',
      message: 'The connection ended during: Restarting nginx.',
      cause: 'Keepalive timeout',
    });
  });

  test('does not stop a running script', async () => {
    const there = await server();
    const session = await openSession(there.host, false, trusting(there.knownHosts));
    ending.push(() => session.close());
    const done = join(dir, 'done');
    const started = new Promise<void>(resolve => {
      const more = 'for i in 1 2 3; do sleep 0.2; echo more; echo more >&2; done';
      const script = `echo started; ${more}; echo done >${done}`;
      session.run({ script, onOutput: () => resolve() }).catch(() => {});
    });
    await started;
    there.cut();
    await session.closed;
    await expect.poll(() => existsSync(done), { timeout: 15_000 }).toBe(true);
  });

  test('cannot be used again', async () => {
    const there = await server();
    const connection = await connect(there.host, trusting(there.knownHosts));
    ending.push(() => connection.close());
    const session = await connection.session(false);
    await session.run({ script: ':' });
    there.cut();
    await session.closed;
    expect(await problemOf(session.run({ script: ':' }))).toMatchObject({ code: 'connection-lost' });
    expect(await problemOf(connection.session(false))).toMatchObject({ code: 'unreachable' });
  });

  test('at any byte ends in a problem, and the host has a sent file completely or not at all', async () => {
    const there = await server();
    const content = Buffer.alloc(150_000, 'content ');
    const target = join(dir, 'target');
    const visit = async (port: number) => {
      const session = await openSession(...visitor(port));
      await session
        .run({ script: `cat >${target}.new && mv ${target}.new ${target}`, input: content })
        .finally(() => session.close());
    };
    const visitor = (port: number): [Host, false, ConnectOptions] => {
      const [host, options] = behind(port);
      return [host, false, options];
    };
    const whole = await relay(there.port);
    await visit(whole.port);
    expect(readFileSync(target).equals(content)).toBe(true);
    const cutAt = fc.oneof(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: whole.sent - 200 }));
    await fc.assert(
      fc.asyncProperty(cutAt, async bytes => {
        rmSync(target, { force: true });
        const between = await startRelay(there.port, { cutAt: bytes });
        const problem = await problemOf(visit(between.port));
        await between.close();
        expect(['unreachable', 'connection-lost']).toContain(problem.code);
        if (existsSync(target)) expect(readFileSync(target).equals(content)).toBe(true);
      }),
      { numRuns: runs(40) },
    );
  });
});

describe.skipIf(!installed('ssh'))('by transport openssh (needs ssh)', () => {
  const problemAt = async (host: Host, options: ConnectOptions) => {
    const session = await openSession(host, false, options);
    ending.push(() => session.close());
    return problemOf(session.run({ script: ':' }));
  };
  const openssh = (host: Host): Host => ({ ...host, transport: 'openssh', identityFile: join(dir, 'id') });

  test('scripts run', async () => {
    const there = await server();
    const session = await openSession(openssh(there.host), false, trusting(there.knownHosts));
    ending.push(() => session.close());
    const { stdout, exit } = await session.run({ script: 'cat; exit 3', input: Buffer.from('\0fine\n') });
    expect([exit, `${stdout}`]).toEqual([3, '\0fine\n']);
  });

  test('an unknown, a changed and a wrong key have different messages', async () => {
    const there = await server();
    const host = openssh(there.host);
    const other = file('other', otherKey.private);
    expect(await problemAt(host, trusting(''))).toMatchObject({ code: 'host-key-unknown' });
    const changed = `[127.0.0.1]:${there.port} ${publicKey(otherKey.private)}\n`;
    expect(await problemAt(host, trusting(changed))).toMatchObject({ code: 'host-key-changed' });
    const stranger = await problemAt({ ...host, identityFile: other }, trusting(there.knownHosts));
    expect(stranger).toMatchObject({
      code: 'auth-failed',
      cause: expect.stringContaining('Permission denied'),
    });
  });

  test('a host where nothing listens is not reached', async () => {
    const there = await startServer();
    await there.close();
    const problem = await problemAt(openssh(there.host), trusting(''));
    expect(problem).toMatchObject({ code: 'unreachable', cause: expect.stringContaining('refused') });
  });

  test('a pinned key is refused, because it would not be checked', async () => {
    const host = { ...openssh(hostAt(1)), hostKey: publicKey(ed25519.private) };
    expect(await problemOf(connect(host))).toMatchObject({ code: 'invalid-value' });
  });
});
