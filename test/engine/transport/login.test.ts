import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../../engine/host.ts';
import { type Problem, problemsOf } from '../../../engine/problem.ts';
import { connect } from '../../../engine/transport/connect.ts';
import type { ConnectOptions } from '../../../engine/transport/connect-options.ts';
import { targetOf } from '../../../engine/transport/target.ts';
import { clientKey, hostAt, otherKey, publicKey, startServer } from './ssh-server.ts';

let dir: string;
const ending: (() => Promise<void>)[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'login-'));
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});
afterAll(() => rmSync(dir, { recursive: true }));

const installed = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content, { mode: 0o600 });
  return join(dir, name);
}

async function server(...given: Parameters<typeof startServer>) {
  const started = await startServer(...given);
  ending.push(() => started.close());
  return started;
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const thrown = await promise.then(
    () => expect.fail('no problem'),
    error => error,
  );
  return problemsOf(thrown)[0]!;
}

/** Settings of a login that ignore those of the user; `known` are lines of known_hosts. */
function isolated(known: string, more: ConnectOptions = {}): ConnectOptions {
  const knownHostsFiles = [file('known_hosts', known)];
  return { sshConfigFiles: [], agent: false, identityFiles: [], knownHostsFiles, ...more };
}

async function enters(host: Host, options: ConnectOptions): Promise<void> {
  await (await connect(host, options)).close();
}

describe('an encrypted key', () => {
  const kinds: [string, string[]][] = [
    ['ed25519', ['-t', 'ed25519']],
    ['ecdsa in PEM', ['-t', 'ecdsa', '-m', 'PEM']],
    ['rsa in PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
    ['rsa in PKCS#8', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8']],
  ];
  /** Lets the key of a file in instead of `clientKey`. */
  const make = (name: string, words: readonly string[], passphrase: string) => {
    const path = join(dir, name);
    rmSync(path, { force: true });
    spawnSync('ssh-keygen', ['-q', ...words, '-N', passphrase, '-f', path]);
    return path;
  };

  test.skipIf(!installed('ssh-keygen')).each(kinds)(
    'of kind %s is decrypted once, when the first host accepts it (needs ssh-keygen)',
    async (kind, words) => {
      const path = make(kind.replaceAll(/\W/g, ''), words, 'correct horse');
      const there = await server({ allowed: spawnSync('cat', [`${path}.pub`], { encoding: 'utf8' }).stdout });
      const other = await server();
      const questions: string[] = [];
      const typed = ['wrong', 'correct horse'];
      const ask = async (question: string) => {
        questions.push(question);
        return typed.shift();
      };
      const options = isolated(there.knownHosts + other.knownHosts, { identityFiles: [path], ask });
      expect(await problemOf(connect(other.host, options))).toMatchObject({ code: 'auth-failed' });
      expect(questions).toEqual([]);
      await Promise.all([enters(there.host, options), enters(there.host, options)]);
      await enters(there.host, options);
      expect(questions).toEqual([`Passphrase of ${path}: `, `That was another one. Passphrase of ${path}: `]);
    },
  );

  test.skipIf(!installed('ssh-keygen'))('without its passphrase is skipped (needs ssh-keygen)', async () => {
    const path = make('silent', ['-t', 'ed25519'], 'correct horse');
    const there = await server({ allowed: spawnSync('cat', [`${path}.pub`], { encoding: 'utf8' }).stdout });
    const options = isolated(there.knownHosts, { identityFiles: [path], ask: async () => undefined });
    const problem = await problemOf(connect(there.host, options));
    expect(problem).toMatchObject({ code: 'auth-failed' });
    expect(problem.message).toContain(`the passphrase of ${path} was not given`);
  });

  test.skipIf(!installed('ssh-agent'))(
    'in the agent needs no passphrase, and no other key is offered (needs ssh-agent)',
    async () => {
      const path = make('held', ['-t', 'ed25519'], 'correct horse');
      const there = await server({ allowed: spawnSync('cat', [`${path}.pub`], { encoding: 'utf8' }).stdout });
      const socket = join(dir, 'agent');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      ending.push(async () => void agent.kill());
      await expect.poll(() => existsSync(socket)).toBe(true);
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      spawnSync('ssh-add', ['-q', file('first', otherKey.private)], { env });
      spawnSync('ssh-keygen', ['-p', '-P', 'correct horse', '-N', '', '-f', path]);
      spawnSync('ssh-add', ['-q', path], { env });
      spawnSync('ssh-keygen', ['-p', '-P', '', '-N', 'correct horse', '-f', path]);
      const ask = () => expect.fail('asked');
      await enters({ ...there.host, identityFile: path }, isolated(there.knownHosts, { agent: socket, ask }));
      expect(there.shown).toEqual([publicKey(spawnedKey(path)).split(' ')[1]]);
    },
  );

  const spawnedKey = (path: string) => {
    spawnSync('cp', [path, `${path}.open`]);
    spawnSync('ssh-keygen', ['-p', '-P', 'correct horse', '-N', '', '-f', `${path}.open`]);
    return spawnSync('cat', [`${path}.open`], { encoding: 'utf8' }).stdout;
  };
});

test('a refusal names the certificate beside the key, which another transport can present', async () => {
  const there = await server({ login: { method: 'password', password: 'open sesame' } });
  const id = file('certified', clientKey.private);
  file('certified-cert.pub', 'ssh-ed25519-cert-v01@openssh.com AAAA');
  const options = isolated(there.knownHosts, { identityFiles: [id], password: 'closed' });
  expect((await problemOf(connect(there.host, options))).message).toMatch(
    /it accepted neither a key of \S+certified nor the password; the certificate \S+certified-cert\.pub needs "transport: openssh"\.$/,
  );
});

describe('a password', () => {
  test.each(['password', 'keyboard-interactive'] as const)('logs in by %s', async method => {
    const there = await server({ login: { method, password: 'open sesame' } });
    const options = isolated(there.knownHosts);
    await enters(there.host, { ...options, password: 'open sesame' });
    const wrong = await problemOf(connect(there.host, { ...options, password: 'closed' }));
    expect(wrong).toMatchObject({
      code: 'auth-failed',
      message: expect.stringContaining('did not accept the password'),
    });
    expect(JSON.stringify(wrong)).not.toContain('closed');
    const none = await problemOf(connect(there.host, options));
    expect(none.hint ?? '').toContain('--ask-pass');
  });

  test('is the second proof after a key', async () => {
    const there = await server({
      login: { method: 'keyboard-interactive', password: '123456', afterKey: true },
    });
    const id = file('id', clientKey.private);
    const withKey = (password?: string) =>
      isolated(there.knownHosts, { identityFiles: [id], ...(password && { password }) });
    await enters(there.host, withKey('123456'));
    expect(await problemOf(connect(there.host, withKey()))).toMatchObject({
      message: expect.stringMatching(/it accepted \S+id, and asks for keyboard-interactive besides\.$/),
      hint: expect.stringContaining('--ask-pass'),
    });
    expect(await problemOf(connect(there.host, withKey('654321')))).toMatchObject({
      message: expect.stringContaining('it did not accept the password'),
      hint: expect.stringContaining('The password is that of'),
    });
  });
});

describe('a jump host', () => {
  test('is shared by the hosts behind it, also the second of two', async () => {
    const [first, second, there] = [await server(), await server(), await server()];
    const id = file('id', clientKey.private);
    const options = isolated(first.knownHosts + second.knownHosts + there.knownHosts, {
      identityFiles: [id],
    });
    const proxyJump = `deploy@127.0.0.1:${first.port},ssh://deploy@127.0.0.1:${second.port}`;
    const hosts = ['a', 'b', 'c'].map(name => ({ ...there.host, name, proxyJump }));
    const connections = await Promise.all(hosts.map(host => connect(host, options)));
    const answers = await Promise.all(
      connections.map(async each => (await (await each.session(false)).run({ script: 'echo fine' })).stdout),
    );
    expect(answers.map(String)).toEqual(['fine\n', 'fine\n', 'fine\n']);
    await Promise.all(connections.map(each => each.close()));
    expect([first.connections, second.connections, there.connections]).toEqual([1, 1, 3]);
  });

  test('that refuses is named, and so is one that reaches no host', async () => {
    const [jump, gone] = [await server(), await startServer()];
    await gone.close();
    const id = file('id', clientKey.private);
    const proxyJump = `deploy@127.0.0.1:${jump.port}`;
    const host = { ...hostAt(gone.port), proxyJump };
    const unknown = await problemOf(connect(host, isolated('', { identityFiles: [id] })));
    expect(unknown).toMatchObject({ code: 'host-key-unknown', host: 'web1' });
    expect(unknown.message).toMatch(
      /^On the way, at the jump host "deploy@127\.0\.0\.1:\d+": The host key is not/,
    );
    const nothing = await problemOf(
      connect(host, isolated(jump.knownHosts, { identityFiles: [id], retryDelaysMs: [1] })),
    );
    expect(nothing).toMatchObject({ code: 'unreachable' });
    expect(nothing.message).toMatch(
      /^The jump host "deploy@\S+" made no connection to 127\.0\.0\.1 port \d+\.$/,
    );
  });

  test('that was unreachable is tried again for the next host', async () => {
    const [jump, there] = [await server({ busy: 1 }), await server()];
    const id = file('id', clientKey.private);
    const options = isolated(jump.knownHosts + there.knownHosts, { identityFiles: [id], retryDelaysMs: [] });
    const host = { ...there.host, proxyJump: `deploy@127.0.0.1:${jump.port}` };
    expect(await problemOf(connect(host, options))).toMatchObject({ code: 'unreachable' });
    await enters(host, options);
  });
});

describe('ssh_config', () => {
  test('provides only the settings that the inventory omits', async () => {
    const [jump, there] = [await server(), await server()];
    const [id, config] = [file('id', clientKey.private), join(dir, 'config')];
    const known = file('known', `alias ${there.knownHosts.split(' ').slice(1).join(' ')}${jump.knownHosts}`);
    file(
      'config',
      [
        `Host web1 other\n  HostName 127.0.0.1\n  Port ${there.port}\n  User deploy\n  HostKeyAlias alias`,
        `  ProxyJump bastion\nHost bastion\n  HostName 127.0.0.1\n  Port ${jump.port}\n  User %u\n`,
        `Host *\n  IdentityFile "${dir}/%%missing"\n  IdentityFile ${dir}/id\n  UserKnownHostsFile ${known}\n  IdentityAgent none`,
      ].join('\n'),
    );
    const options: ConnectOptions = { sshConfigFiles: [{ path: config, of: 'user' }] };
    const host: Host = { name: 'web1', address: 'web1', transport: 'ssh', groups: [], vars: {} };
    const connection = await connect(host, options);
    expect(connection.login).toBe('deploy');
    await connection.close();
    expect(jump.connections).toBe(1);
    await enters({ ...host, proxyJump: 'none' }, options);
    expect(jump.connections).toBe(1);
    const wrongPort = await problemOf(
      connect({ ...host, proxyJump: 'none', port: 1 }, { ...options, retryDelaysMs: [] }),
    );
    expect(wrongPort.message).toContain('127.0.0.1 port 1');
    expect(existsSync(id)).toBe(true);
  });

  test.each([
    'ProxyCommand nc %h %p',
    'KnownHostsCommand /bin/x',
    'RevokedHostKeys /x',
    'CanonicalizeHostname yes',
  ])('that sets %s asks for transport openssh', async line => {
    file('config', `${line}\n`);
    const problem = await problemOf(
      connect(hostAt(1), { sshConfigFiles: [{ path: join(dir, 'config'), of: 'user' }] }),
    );
    expect(problem).toMatchObject({
      code: 'invalid-value',
      hint: expect.stringContaining('transport: openssh'),
    });
    expect(problem.message).toContain(line.split(' ')[0]!);
  });

  test.each([
    ['bastion', 'bastion'],
    ['none', undefined],
    [undefined, undefined],
  ])(
    'that sets ProxyCommand is refused unless the inventory names a jump host: proxy_jump %s',
    (jump, way) => {
      file('config', 'Host web1\n ProxyCommand nc %h %p\n');
      const host: Host = { name: 'web1', address: 'web1', transport: 'ssh', groups: [], vars: {} };
      const sshConfigFiles = [{ path: join(dir, 'config'), of: 'user' as const }];
      const target = () =>
        targetOf({ ...host, ...(jump !== undefined && { proxyJump: jump }) }, { sshConfigFiles });
      if (way === undefined) expect(target).toThrow('ssh_config sets ProxyCommand');
      else expect(target().jump?.hop).toBe(way);
    },
  );
});

describe('a server that is busy', () => {
  test('is tried again', async () => {
    const there = await server({ busy: 2 });
    const id = file('id', clientKey.private);
    await enters(there.host, isolated(there.knownHosts, { identityFiles: [id], retryDelaysMs: [1, 1] }));
    expect(there.connections).toBe(3);
  });

  test('for too long is unreachable', async () => {
    const there = await server({ busy: 9 });
    const problem = await problemOf(connect(there.host, isolated(there.knownHosts, { retryDelaysMs: [1] })));
    expect(problem).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('No SSH server answered'),
    });
    expect(there.connections).toBe(2);
  });
});

/** The lists of the first packet that a client sends after its name, by RFC 4253. */
async function offers(config = ''): Promise<string[][]> {
  let bytes = Buffer.alloc(0);
  const listener = createServer(socket => {
    socket.on('error', () => {});
    socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    socket.on('data', chunk => {
      bytes = Buffer.concat([bytes, chunk]);
      const start = bytes.indexOf('\r\n') + 2;
      if (start > 1 && bytes.length > start + 4 && bytes.length >= start + 4 + bytes.readUInt32BE(start))
        socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  ending.push(async () => void listener.close());
  const { port } = listener.address() as { port: number };
  const sshConfigFiles = [{ path: file('offers', config), of: 'user' as const }];
  await connect(hostAt(port), isolated('', { retryDelaysMs: [], sshConfigFiles })).catch(() => {});
  let at = bytes.indexOf('\r\n') + 2 + 4 + 1 + 1 + 16;
  return Array.from({ length: 8 }, () => {
    const size = bytes.readUInt32BE(at);
    at += 4 + size;
    return bytes
      .toString('latin1', at - size, at)
      .split(',')
      .filter(Boolean);
  });
}

describe('the offer to a server', () => {
  test.skipIf(!installed('ssh'))('is nothing that OpenSSH does not take by default (needs ssh)', async () => {
    const defaults = spawnSync('ssh', ['-G', '-F', 'none', 'x'], { encoding: 'utf8' }).stdout;
    const taken = (keyword: string) => new RegExp(`^${keyword} (.*)$`, 'm').exec(defaults)![1]!.split(',');
    const [kex, hostKeys, ciphers, back, macs, macsBack, compression] = await offers();
    const ours = kex!.filter(name => !/^(ext-info-c|kex-strict-c-v00@openssh\.com)$/.test(name));
    expect(ours.filter(name => !taken('kexalgorithms').includes(name))).toEqual([]);
    expect(hostKeys!.filter(name => !taken('hostkeyalgorithms').includes(name))).toEqual([]);
    expect([...ciphers!, ...back!].filter(name => !taken('ciphers').includes(name))).toEqual([]);
    expect([...macs!, ...macsBack!].filter(name => !taken('macs').includes(name))).toEqual([]);
    for (const list of [ours, hostKeys!, ciphers!, macs!]) expect(list.length).toBeGreaterThan(1);
    expect(
      [...ours, ...hostKeys!, ...ciphers!, ...macs!].filter(name =>
        /sha1|cbc|md5|dss|^ssh-rsa|arcfour/.test(name),
      ),
    ).toEqual([]);
    expect(compression).toEqual(['none']);
  });

  test
    .skipIf(!installed('ssh'))
    .each([
      'Ciphers aes256-ctr,3des-cbc,aes128-gcm@openssh.com',
      'Ciphers ^aes256-ctr',
      'Ciphers -*-ctr,chacha20*',
      'Ciphers +aes128-cbc',
      'KexAlgorithms ecdh-sha2-nistp384,curve25519-sha256',
      'KexAlgorithms +diffie-hellman-group14-sha1',
      'KexAlgorithms -*nistp*',
      'MACs hmac-sha2-512',
      'MACs ^hmac-sha1',
      'HostKeyAlgorithms rsa-sha2-256,ssh-ed25519',
      'HostKeyAlgorithms -ssh-ed25519*,ecdsa*',
    ])('is of what "%s" makes ssh offer, in its order (needs ssh)', async config => {
    const said = spawnSync('ssh', ['-G', '-F', file('asked', config), 'x'], { encoding: 'utf8' }).stdout;
    const keyword = config.split(' ')[0]!.toLowerCase();
    const theirs = new RegExp(`^${keyword} (.*)$`, 'm').exec(said)![1]!.split(',');
    const at = ['kexalgorithms', 'hostkeyalgorithms', 'ciphers', '', 'macs'].indexOf(keyword);
    const ours = (await offers(config))[at]!.filter(name => !/^(ext-info-c|kex-strict-)/.test(name));
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.filter(name => !theirs.includes(name))).toEqual([]);
    // Only what somebody put in an order has one; ssh2 likes others better than OpenSSH does.
    const named = config.split(' ')[1]!.replace(/^\^/, '').split(',');
    expect(ours.filter(name => named.includes(name))).toEqual(
      theirs.filter(name => named.includes(name) && ours.includes(name)),
    );
    if (config.includes(' ^')) expect(ours[0]).toBe(named[0]);
    // An algorithm that is named alone, or added, is offered, unless ssh2 does not know it.
    if (config.includes('+')) expect(ours.length).toBeGreaterThan((await offers())[at]!.length - 3);
  });

  test('is refused if ssh2 supports no algorithm of ssh_config', async () => {
    const sshConfigFiles = [
      { path: file('none', 'KexAlgorithms sntrup761x25519-sha512@openssh.com\n'), of: 'user' as const },
    ];
    const problem = await problemOf(connect(hostAt(1), isolated('', { sshConfigFiles })));
    expect(problem).toMatchObject({
      code: 'invalid-value',
      message: expect.stringContaining('KexAlgorithms "sntrup761x25519-sha512@openssh.com"'),
      hint: expect.stringContaining('transport: openssh'),
    });
  });

  test('contains no key of a kind that PubkeyAcceptedAlgorithms excludes', async () => {
    const there = await server();
    const asked = (value: string) => {
      const config = `PubkeyAcceptedAlgorithms ${value}\nIdentityFile ${file('id', clientKey.private)}\n`;
      const sshConfigFiles = [{ path: file('kinds', config), of: 'user' as const }];
      return connect(hostAt(there.port), isolated(there.knownHosts, { sshConfigFiles }));
    };
    await (await asked('ssh-ed25519')).close();
    expect((await problemOf(asked('ecdsa-*,rsa-*'))).message).toContain(
      'PubkeyAcceptedAlgorithms of ssh_config leaves out',
    );
  });

  test('contains strict key exchange', async () => {
    const [kex] = await offers();
    expect(kex).toContain('kex-strict-c-v00@openssh.com');
  });
});
