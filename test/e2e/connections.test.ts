import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Become, Host } from '../../engine/host.ts';
import { type Problem, problemsOf } from '../../engine/problem.ts';
import { connect } from '../../engine/transport/connect.ts';
import type { ConnectOptions } from '../../engine/transport/connect-options.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab, needs } from '../lab/require.ts';
import { build, reconcile } from './reconcile.ts';

// fish and tcsh are what accounts log in to; every account but `deploy` is made below.
const prepared =
  'apt-get update && apt-get install -y --no-install-recommends fish tcsh opendoas && rm -rf /var/lib/apt/lists/*';
const password = 'correct horse battery';
const root: Become = { user: 'root', method: 'sudo' };

let lab: Lab<'web' | 'near' | 'far'>;
let dir: string;
beforeAll(async () => {
  lab = await openLab({
    hosts: { web: { release: 'bookworm', prepared }, near: 'bookworm', far: 'bookworm' },
  });
  dir = mkdtempSync(join(tmpdir(), 'connections-'));
  const made = await lab.exec('web', accounts);
  expect(made.stderr + made.stdout).toBe('');
});
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await lab?.close();
});

const accounts = `set -e
useradd -m -s /bin/bash asked; useradd -m -s /usr/bin/fish fish; useradd -m -s /bin/tcsh tcsh
useradd -m -s /bin/bash noisy; useradd -m -s /bin/bash wants-tty; useradd -m -s /bin/bash doas
useradd -m -s /bin/bash both
for name in asked fish tcsh noisy wants-tty doas both; do
  cp -r /home/deploy/.ssh /home/$name/; chown -R $name: /home/$name/.ssh
  echo "$name:${password}" | chpasswd
done
echo 'root:root ${password}' | chpasswd
useradd -r -m -s /usr/sbin/nologin service; echo 'service:${password}' | chpasswd
printf 'echo noise; echo noise >&2; printf Password:\\n' | tee -a /root/.bashrc /root/.profile >/etc/profile.d/noise.sh
printf 'Defaults:both requiretty\\nboth ALL=(ALL) ALL\\n' >/etc/sudoers.d/both
printf 'asked ALL=(ALL) ALL\\nfish ALL=(ALL) ALL\\ntcsh ALL=(ALL) ALL\\n' >/etc/sudoers.d/asked
printf 'Defaults:asked lecture=always, use_pty\\n' >>/etc/sudoers.d/asked
printf 'wants-tty ALL=(ALL) NOPASSWD: ALL\\nDefaults:wants-tty requiretty\\n' >/etc/sudoers.d/tty
printf 'noisy ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/noisy
printf 'permit nopass deploy as root\\npermit nopass deploy as service\\npermit doas as root\\n' >/etc/doas.conf
printf 'echo welcome\\nprintf "no end of line"\\necho careful >&2\\nprintf "Password: " >&2\\n' >/tmp/rc
cat /home/noisy/.bashrc >>/tmp/rc; mv /tmp/rc /home/noisy/.bashrc; chmod 644 /home/noisy/.bashrc
`;

const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text, { mode: 0o600 });
  return join(dir, name);
};

/** A host of the lab, as an account, with nothing of this machine's own settings. */
function host(changes: Partial<Host> = {}, name: 'web' | 'near' | 'far' = 'web'): Host {
  const { address } = lab.hosts[name];
  const usual = { name, address, user: 'deploy', identityFile: lab.identityFile, transport: 'ssh' as const };
  return { ...usual, groups: [], vars: {}, ...changes };
}

function options(more: ConnectOptions = {}): ConnectOptions {
  return { sshConfigFiles: [], agent: false, knownHostsFiles: [lab.knownHosts], ...more };
}

/** Returns the output of a script on a new connection. */
async function said(
  to: Host,
  become: Become | false,
  given: ConnectOptions,
  script = 'id -un',
): Promise<string> {
  const connection = await connect(to, given);
  try {
    const session = await connection.session(become);
    const { stdout, exit } = await session.run({ script });
    expect(exit).toBe(0);
    return stdout.toString().trim();
  } finally {
    await connection.close();
  }
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const thrown = await promise.then(
    value => expect.fail(`no problem: ${value}`),
    error => error,
  );
  const [problem] = problemsOf(thrown);
  expect(problem!.code).not.toBe('bug');
  expect(JSON.stringify(problem)).not.toContain(password);
  return problem!;
}

/** Changes the sshd of a host, and takes the change back after `work`. */
async function withSshd(
  name: 'web' | 'near' | 'far',
  lines: string,
  work: () => Promise<void>,
): Promise<void> {
  const config = '/etc/ssh/sshd_config.d/test.conf';
  const set = await lab.exec(name, `cat >${config}; systemctl reset-failed ssh; systemctl restart ssh`, {
    input: `${lines}\n`,
  });
  expect(set.code, set.stderr).toBe(0);
  try {
    await work();
  } finally {
    await lab.exec(name, `rm ${config}; systemctl reset-failed ssh; systemctl restart ssh`);
  }
}

describeLab('getting in', () => {
  test('by the agent', async () => {
    const socket = join(dir, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await expect.poll(() => existsSync(socket)).toBe(true);
      spawnSync('ssh-add', ['-q', lab.identityFile], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      const { identityFile: _, ...plain } = host();
      expect(await said(plain, false, options({ agent: socket, identityFiles: [] }))).toBe('deploy');
    } finally {
      agent.kill();
    }
  });

  test('by an encrypted key, whose passphrase is asked for once for all hosts', async () => {
    const key = join(dir, 'locked');
    spawnSync('cp', [lab.identityFile, key]);
    spawnSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', password, '-f', key]);
    let asked = 0;
    const ask = async () => {
      asked++;
      return password;
    };
    const all = (['web', 'near', 'far'] as const).map(name => host({ identityFile: key }, name));
    const names = await Promise.all(all.map(each => said(each, root, options({ ask }), 'hostname')));
    expect([names, asked]).toEqual([['web', 'near', 'far'], 1]);
    const silent = await problemOf(
      connect(host({ identityFile: file('locked2', readFileSync(key, 'utf8')) }), options()),
    );
    expect(silent.message).toContain(
      'locked2 is encrypted, and there is no terminal to ask for its passphrase on',
    );
  });

  test('by the right password only', async () => {
    const { identityFile: _, ...plain } = host({ user: 'asked' });
    await withSshd('web', 'PasswordAuthentication yes\nKbdInteractiveAuthentication no', async () => {
      expect(await said(plain, false, options({ identityFiles: [], password }))).toBe('asked');
      const wrong = await problemOf(connect(plain, options({ identityFiles: [], password: 'wrong' })));
      expect(wrong).toMatchObject({
        code: 'auth-failed',
        message: expect.stringContaining('did not accept the password'),
      });
    });
    await withSshd(
      'web',
      'AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes',
      async () => {
        expect(await said(host({ user: 'asked' }), false, options({ password }))).toBe('asked');
        const none = await problemOf(connect(host({ user: 'asked' }), options()));
        expect(none.hint).toContain('--ask-pass');
      },
    );
  });

  test('through two jump hosts, with one shared connection to each', async () => {
    const proxyJump = `deploy@${lab.hosts.near.address},deploy@${lab.hosts.far.address}:22`;
    const hosts = [1, 2, 3].map(() => host({ proxyJump }));
    const names = await Promise.all(hosts.map(each => said(each, root, options(), 'hostname')));
    expect(names).toEqual(['web', 'web', 'web']);
    const seen = await lab.exec(
      'near',
      'journalctl -u ssh --no-pager | grep -c "Accepted publickey for deploy"',
    );
    expect(Number(seen.stdout)).toBeLessThanOrEqual(2);
  });
});

describeLab('the host key', () => {
  const withKeys = (text: string) => options({ knownHostsFiles: [file('known_hosts', text)] });
  const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';

  test('that is unknown, changed or revoked stops the host, each with its own message', async () => {
    const { address, hostKey } = lab.hosts.web;
    const codes: string[] = [];
    for (const text of ['', `${address} ${other}\n`, `${address} ${hostKey}\n@revoked * ${hostKey}\n`]) {
      codes.push((await problemOf(connect(host(), withKeys(text)))).code);
      const openssh = connect(host({ transport: 'openssh' }), withKeys(text)).then(async connection =>
        (await connection.session(false)).run({ script: ':' }),
      );
      const problem = await problemOf(openssh);
      codes.push(problem.code);
      if (text === '') expect(problem.hint).toContain(`ssh -l deploy ${address}`);
    }
    expect(codes).toEqual([
      ...['host-key-unknown', 'host-key-unknown', 'host-key-changed', 'host-key-changed'],
      ...['host-key-revoked', 'host-key-revoked'],
    ]);
  });

  test('is found by a hashed name, and recorded in a form that ssh knows', async () => {
    const hashed = file('hashed', `${lab.hosts.web.address} ${lab.hosts.web.hostKey}\n`);
    spawnSync('ssh-keygen', ['-q', '-H', '-f', hashed]);
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/);
    expect(await said(host(), false, options({ knownHostsFiles: [hashed] }))).toBe('deploy');
    const fresh = join(dir, 'fresh');
    expect(
      await said(host({ hostKeyChecking: 'accept-new' }), false, options({ knownHostsFiles: [fresh] })),
    ).toBe('deploy');
    expect(
      await said(
        host({ transport: 'openssh', hostKeyChecking: 'strict' }),
        false,
        options({ knownHostsFiles: [fresh] }),
      ),
    ).toBe('deploy');
  });
});

const noIpv6 = 'this machine has no IPv6';
describeLab('a host by an address of IPv6', () => {
  test.for(['ssh', 'openssh'] as const)('is known by it and entered, over %s', async (transport, context) => {
    const { hostKey } = lab.hosts.web;
    const address6 = needs(context, lab.hosts.web.address6, noIpv6);
    const known = options({ knownHostsFiles: [file('known6', `${address6} ${hostKey}\n`)] });
    const long = address6.replace('::', ':0:0:0:0:0');
    for (const address of [address6, long])
      expect(await said(host({ address, transport }), root, known)).toBe('root');
  });

  test('has its own line of known_hosts for another port, behind jump hosts and by ssh_config', async context => {
    const { hostKey } = lab.hosts.web;
    const address6 = needs(context, lab.hosts.web.address6, noIpv6);
    await withSshd('web', 'Port 22\nPort 2222', async () => {
      const line = file('port6', `[${address6}]:2222 ${hostKey}\n${readFileSync(lab.knownHosts)}`);
      const known = options({ knownHostsFiles: [line] });
      const there = host({ address: address6, port: 2222 });
      expect(await said(there, false, known)).toBe('deploy');
      expect(await said({ ...there, proxyJump: `deploy@${lab.hosts.near.address}` }, false, known)).toBe(
        'deploy',
      );
      const through = `deploy@[${address6}]:2222`;
      expect(await said(host({ proxyJump: through }, 'near'), false, known)).toBe('deploy');
      const unknown = await problemOf(connect(there, options()));
      expect(unknown.hint).toContain(`ssh-keyscan -t ed25519 -p 2222 ${address6}`);
      const fresh = join(dir, 'fresh6');
      const accepting = { ...there, hostKeyChecking: 'accept-new' as const };
      await said(accepting, false, options({ knownHostsFiles: [fresh] }));
      expect(readFileSync(fresh, 'utf8')).toBe(`[${address6}]:2222 ${hostKey}\n`);
    });
    const config = file('config6', `Host six\n HostName ${address6}\n AddressFamily inet6\n`);
    const given = options({
      sshConfigFiles: [{ path: config, of: 'user' }],
      knownHostsFiles: [file('known6', `${address6} ${hostKey}\n`)],
    });
    expect(await said(host({ address: 'six' }), false, given)).toBe('deploy');
  });
});

describeLab('transport openssh', () => {
  test('logs in by a certificate, to a host with a certificate', async () => {
    const authority = join(dir, 'authority');
    const key = join(dir, 'certified');
    for (const name of [authority, key])
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', name]);
    spawnSync('ssh-keygen', [
      '-q',
      '-s',
      authority,
      '-I',
      'x',
      '-n',
      'deploy',
      '-V',
      '-1h:+1d',
      `${key}.pub`,
    ]);
    const certified = file('host.pub', `${lab.hosts.web.hostKey}\n`);
    spawnSync('ssh-keygen', ['-q', '-s', authority, '-I', 'web', '-h', '-V', '-1h:+1d', certified]);
    writeFileSync(
      join(lab.hosts.web.rootDir, 'etc/ssh/host-cert.pub'),
      readFileSync(join(dir, 'host-cert.pub')),
    );
    writeFileSync(join(lab.hosts.web.rootDir, 'etc/ssh/authority.pub'), readFileSync(`${authority}.pub`));
    const known = file('certified_hosts', `@cert-authority * ${readFileSync(`${authority}.pub`, 'utf8')}`);
    const lines = 'TrustedUserCAKeys /etc/ssh/authority.pub\nHostCertificate /etc/ssh/host-cert.pub';
    await withSshd('web', lines, async () => {
      const given = options({ knownHostsFiles: [known] });
      expect(await said(host({ transport: 'openssh', identityFile: key }), root, given)).toBe('root');
      const own = await problemOf(connect(host({ identityFile: key }), given));
      expect(own).toMatchObject({
        code: 'host-key-unknown',
        hint: expect.stringContaining('transport: openssh'),
      });
    });
  });
});

describeLab('becoming another account', () => {
  const by = (method: Become['method'], user = 'root'): Become => ({ method, user });
  test.each(['ssh', 'openssh'] as const)(
    'by sudo with a password, a lecture and use_pty, over %s',
    async transport => {
      const given = options({ becomePassword: password });
      const input = Buffer.from('a line\n');
      const connection = await connect(host({ user: 'asked', transport }), given);
      for (const account of ['root', 'daemon']) {
        const session = await connection.session(by('sudo', account));
        const { stdout, stderr } = await session.run({ script: 'id -un; cat; echo err >&2', input });
        expect([`${stdout}`, `${stderr}`]).toEqual([`${account}\na line\n`, 'err\n']);
      }
      await connection.close();
    },
  );

  test('a password is in no argument and no environment of the host', async () => {
    const connection = await connect(host({ user: 'asked' }), options({ becomePassword: password }));
    const session = await connection.session(root);
    const script = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c '[c]orrect horse'; true`;
    expect(`${(await session.run({ script })).stdout}`).toBe('0\n');
    const history = await lab.exec('web', `journalctl --no-pager | grep -c '${password}'`);
    expect(history.stdout.trim()).toBe('0');
    await connection.close();
  });

  test('by sudo that needs no password although one was given', async () => {
    expect(await said(host(), root, options({ becomePassword: password }))).toBe('root');
  });

  test.each([
    [
      'a wrong password for sudo',
      'asked',
      root,
      { becomePassword: 'wrong' },
      /sudo did not accept the password for "asked"/,
    ],
    ['no password for sudo', 'asked', root, {}, /sudo did not let "asked" become "root"/],
    [
      'a wrong password for su',
      'deploy',
      { user: 'root', method: 'su' },
      { becomePassword: 'wrong' },
      /su did not accept the password/,
    ],
    [
      'no password for doas',
      'doas',
      { user: 'root', method: 'doas' },
      { becomePassword: 'x' },
      /doas did not let "doas" become "root"/,
    ],
    ['requiretty', 'wants-tty', root, {}, /sudo of the host works on a terminal only \(requiretty\)/],
    [
      'requiretty and a password',
      'both',
      root,
      { becomePassword: password },
      /works on a terminal only \(requiretty\)/,
    ],
    [
      'an account that lets nobody in, for su',
      'deploy',
      { user: 'service', method: 'su' },
      { becomePassword: password },
      /su starts the shell of "service", which lets nobody in/,
    ],
    [
      'an account that is not there',
      'deploy',
      { user: 'nobody-here', method: 'sudo' },
      {},
      /sudo did not let "deploy" become "nobody-here"/,
    ],
  ] as const)('%s is told in a sentence', async (_, user, become, more, message) => {
    const problem = await problemOf(said(host({ user }), become, options(more)));
    expect(problem.code).toBe('become-failed');
    expect(problem.message).toMatch(message);
    expect(problem.hint).toBeDefined();
  });

  test('by su with the password of root, and by doas', async () => {
    expect(await said(host(), by('su'), options({ becomePassword: `root ${password}` }))).toBe('root');
    expect(
      await said(host({ user: 'root' }), by('su', 'daemon'), options({ becomePassword: 'unused' })),
    ).toBe('daemon');
    expect(await said(host(), by('doas'), options())).toBe('root');
  });

  test('into one that refuses logins, by sudo, doas, and su of root', async () => {
    const service = (method: Become['method']) => by(method, 'service');
    expect(await said(host({ user: 'asked' }), service('sudo'), options({ becomePassword: password }))).toBe(
      'service',
    );
    expect(await said(host(), service('doas'), options())).toBe('service');
    expect(await said(host({ user: 'root' }), service('su'), options())).toBe('service');
  });

  test('by doas with a password is refused with the setting to change', async () => {
    const problem = await problemOf(
      said(host({ user: 'doas' }), by('doas'), options({ becomePassword: password })),
    );
    expect(problem.hint).toContain('asks for one on a terminal only');
    expect(problem.hint).toContain('permit nopass doas as root');
  });

  test.each(['fish', 'tcsh'])('from the login shell %s', async user => {
    expect(await said(host({ user }), root, options({ becomePassword: password }))).toBe('root');
    expect(await said(host({ user }), by('su'), options({ becomePassword: `root ${password}` }))).toBe(
      'root',
    );
  });

  test('behind a noisy .bashrc, a banner and a message of the day', async () => {
    await lab.exec('web', 'echo "Authorised people only" >/etc/banner');
    await withSshd('web', 'Banner /etc/banner\nPrintMotd yes', async () => {
      expect(await said(host({ user: 'noisy' }), root, options())).toBe('root');
      expect(await said(host({ user: 'noisy' }), root, options({ becomePassword: password }))).toBe('root');
    });
  });
});

describeLab('a host with narrow limits', () => {
  test('that allows one session', async () => {
    await withSshd('web', 'MaxSessions 1', async () => {
      const connection = await connect(host(), options());
      const first = await connection.session(false);
      const second = await connection.session(root);
      const ids = await Promise.all(
        [first, second].map(async each => `${(await each.run({ script: 'id -un' })).stdout}`),
      );
      expect(ids).toEqual(['deploy\n', 'root\n']);
      await connection.close();
    });
  });

  test('that allows few logins at a time', async () => {
    await withSshd('web', 'MaxStartups 1:100:1', async () => {
      const patient = options({ retryDelaysMs: Array(12).fill(200) });
      const all = await Promise.all(Array.from({ length: 6 }, () => said(host(), false, patient)));
      expect(all).toEqual(Array(6).fill('deploy'));
    });
  });

  test('uses strict key exchange', async () => {
    await withSshd('web', 'LogLevel DEBUG3', async () => {
      await said(host(), false, options());
      const log = await lab.exec(
        'web',
        'journalctl -u ssh --no-pager | grep -c "will use strict KEX ordering"',
      );
      expect(Number(log.stdout)).toBeGreaterThan(0);
    });
  });
});

describeLab('an inventory of Ansible', () => {
  test.skipIf(spawnSync('ansible-vault', ['--version']).error !== undefined)(
    'logs in and becomes by passwords that ansible-vault encrypted, each host by its own',
    async () => {
      build();
      const folder = mkdtempSync(join(dir, 'ansible-'));
      const put = (name: string, text: string) => {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      };
      const vault = (...words: string[]) =>
        execFileSync('ansible-vault', [...words, '--vault-password-file', join(folder, 'vault-password')], {
          cwd: folder,
          encoding: 'utf8',
        });
      put('vault-password', 'open sesame\n');
      put('hosts', `[web]\nweb ansible_host=${lab.hosts.web.address} ansible_user=asked\n`);
      put('group_vars/web/vault.yml', `ansible_become_pass: ${password}\n`);
      vault('encrypt', 'group_vars/web/vault.yml');
      put('group_vars/web/login.yml', vault('encrypt_string', password, '--name', 'ansible_password'));
      put(
        'play.yml',
        `hosts: web
become: true
resources:
  - command: { run: "id -un >/tmp/as-root", creates: /tmp/as-root }
  - command: { run: "id -un >/tmp/as-service", creates: /tmp/as-service }
    become: { user: service }
`,
      );
      mkdirSync(join(folder, 'home/.ssh'), { recursive: true, mode: 0o700 });
      put('home/.ssh/known_hosts', readFileSync(lab.knownHosts, 'utf8'));
      const HOME = join(folder, 'home');
      await withSshd('web', 'PasswordAuthentication yes', async () => {
        const locked = await reconcile(folder, ['apply', '-i', 'hosts', 'play.yml'], { HOME });
        expect([locked.exit, locked.stderr]).toEqual([
          3,
          expect.stringContaining('encrypted by Ansible Vault'),
        ]);
        const RECONCILE_VAULT_PASSWORD_FILE = join(folder, 'vault-password');
        const ran = await reconcile(folder, ['apply', '-i', 'hosts', '-vv', 'play.yml'], {
          HOME,
          RECONCILE_VAULT_PASSWORD_FILE,
        });
        expect([ran.exit, ran.stdout]).toEqual([0, expect.stringContaining('2 changed')]);
        expect(ran.stdout + ran.stderr).not.toContain(password);
      });
      const made = await lab.exec('web', 'cat /tmp/as-root /tmp/as-service');
      expect(made.stdout).toBe('root\nservice\n');
    },
  );
});

describeLab('an apply', () => {
  test('takes its jump hosts from ~/.ssh/config, and sudo takes the typed password', async () => {
    build();
    const home = mkdtempSync(join(dir, 'home-'));
    spawnSync('mkdir', ['-m', '700', join(home, '.ssh')]);
    writeFileSync(join(home, '.ssh/known_hosts'), readFileSync(lab.knownHosts));
    const { near, web } = lab.hosts;
    const config = `Host web\n HostName ${web.address}\n User asked\n ProxyJump near\nHost near\n HostName ${near.address}\n User deploy\n`;
    writeFileSync(join(home, '.ssh/config'), `${config}Host *\n IdentityFile ${lab.identityFile}\n`, {
      mode: 0o600,
    });
    const playbook =
      'hosts: web\nbecome: true\nresources:\n  - file: { path: /root/made, content: "made\\n" }\n';
    file('play.yml', playbook);
    file('inventory.yml', 'hosts: { web: }\n');
    const unasked = await reconcile(dir, ['apply', 'play.yml'], { HOME: home });
    expect([unasked.exit, unasked.stdout + unasked.stderr]).toEqual([
      1,
      expect.stringContaining('--ask-become-pass'),
    ]);
    const nobody = await reconcile(dir, ['apply', 'play.yml', '--ask-become-pass'], { HOME: home });
    expect([nobody.exit, nobody.stderr]).toEqual([
      3,
      expect.stringContaining('standard input is not a terminal'),
    ]);
    const program = join(import.meta.dirname, '../../dist/reconcile.cjs');
    const command = `'${process.execPath}' '${program}' apply play.yml -vv --ask-become-pass`;
    const typing = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: dir,
      env: { ...process.env, HOME: home, SSH_AUTH_SOCK: '' },
    });
    let shown = '';
    typing.stdout.on('data', bytes => {
      const before = shown;
      shown += bytes;
      if (!/sudo or su for .*: /.test(before) && /sudo or su for .*: /.test(shown))
        typing.stdin.write(`${password}\r`);
    });
    const code = await new Promise(resolve => typing.on('close', resolve));
    expect([code, shown]).toEqual([0, expect.stringContaining('1 changed')]);
    expect(shown).not.toContain(password);
    expect((await lab.exec('web', 'cat /root/made')).stdout).toBe('made\n');
    const listed = spawnSync(process.execPath, [program, 'inventory', '--json'], {
      cwd: dir,
      env: { ...process.env, HOME: home },
      encoding: 'utf8',
    });
    expect(JSON.parse(listed.stdout).hosts.web).toMatchObject({ address: 'web', port: 22, user: 'asked' });
    appendFileSync(join(home, '.ssh/config'), 'Host *\n ProxyCommand nc %h %p\n');
    const refused = await reconcile(dir, ['apply', 'play.yml', '--check'], { HOME: home });
    expect(refused.stdout + refused.stderr).toContain('ssh_config sets ProxyCommand for "near"');
  });
});
