import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { labCgroup, processesIn } from './cgroup.ts';
import { run, runNow } from './command.ts';
import { type Lab, openLab } from './lab.ts';
import { listLabs, startTime } from './registry.ts';
import { describeLab } from './require.ts';

/** Logs in by OpenSSH's client; `patience` is in seconds, and short where no answer is what is expected. */
function ssh(lab: Lab, account: string, name: string, command: string, patience = 20) {
  const identity = [
    '-i',
    lab.identityFile,
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    `ConnectTimeout=${patience}`,
  ];
  const trust = [
    '-F',
    'none',
    '-o',
    `UserKnownHostsFile=${lab.knownHosts}`,
    '-o',
    'StrictHostKeyChecking=yes',
  ];
  return run(['ssh', ...identity, ...trust, `${account}@${lab.hosts[name]!.address}`, command]);
}

/** Returns the remains of a lab, in words. */
function traces(id: number): string[] {
  const lines = (text: string) => text.split('\n').filter(line => line.trim() !== '');
  const commands = readdirSync('/proc').filter(
    name => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`),
  );
  const commandLine = (pid: string) => runNow(['cat', `/proc/${pid}/cmdline`]).stdout.replaceAll('\0', ' ');
  return [
    ...lines(runNow(['ip', '-oneline', 'link']).stdout).filter(line =>
      new RegExp(`: (vb-)?rl${id}(h\\d+)?[@:]`).test(line),
    ),
    ...lines(runNow(['iptables-save']).stdout).filter(line => line.includes(`reconcile-lab-${id} `)),
    ...lines(readFileSync('/proc/self/mounts', 'utf8')).filter(line => line.includes(`/labs/${id}/`)),
    ...commands.map(commandLine).filter(line => new RegExp(`/labs/${id}/|10\\.77\\.${id}\\.`).test(line)),
    ...(existsSync(labCgroup(id)) ? [labCgroup(id)] : []),
    ...listLabs().flatMap(lab => (lab.id === id ? [lab.dir] : [])),
  ];
}

describeLab('a lab of two hosts', () => {
  let lab: Lab<'web1' | 'web2'>;
  beforeAll(async () => {
    lab = await openLab({ hosts: { web1: 'bookworm', web2: 'trixie' } });
  });
  afterAll(() => lab?.close());

  it.each([
    ['web1', 'bookworm'],
    ['web2', 'trixie'],
  ] as const)('%s runs %s and lets deploy in by key, with sudo', async (name, release) => {
    const login = await ssh(
      lab,
      'deploy',
      name,
      '. /etc/os-release; echo $VERSION_CODENAME $(hostname) $(id -un) $(sudo id -un)',
    );
    expect(login).toEqual({ code: 0, stdout: `${release} ${name} deploy root\n`, stderr: '' });
    expect(await ssh(lab, 'root', name, 'id -un')).toMatchObject({ code: 0, stdout: 'root\n' });
  });

  it.each(['web1', 'web2'] as const)('%s is blank, and its systemd is in order', async name => {
    const programs = await lab.exec(name, 'for p in python3 nginx psql curl sudo; do command -v $p; done');
    expect(programs.stdout).toBe('/usr/bin/sudo\n');
    expect((await lab.exec(name, 'systemctl is-system-running --wait')).stdout).toBe('running\n');
    expect((await lab.exec(name, 'systemd-run --quiet --wait --pipe echo ran')).stdout).toBe('ran\n');
    expect((await lab.exec(name, 'journalctl --quiet --unit ssh --output cat')).stdout).toContain(
      'Server listening',
    );
  });

  it('a unit stopped on one host continues on the other', async () => {
    await lab.exec('web1', 'systemctl stop dbus.socket dbus');
    expect((await lab.exec('web1', 'systemctl is-active dbus')).stdout).toBe('inactive\n');
    expect((await lab.exec('web2', 'systemctl is-active dbus')).stdout).toBe('active\n');
    await lab.exec('web1', 'systemctl start dbus.socket dbus');
  });

  it('exec gives back the exit code, both outputs and passes input', async () => {
    const outcome = await lab.exec('web1', 'cat; echo oops >&2; exit 7', { input: 'given' });
    expect(outcome).toEqual({ code: 7, stdout: 'given', stderr: 'oops\n' });
  });

  it('a power cut ends the host, and it boots again with the files it wrote', async () => {
    await lab.exec('web1', 'echo kept > /srv/file');
    const before = (
      await lab.exec('web1', 'cat /proc/sys/kernel/random/boot_id /etc/machine-id; pidof systemd-journald')
    ).stdout;
    lab.powerCut('web1');
    await expect(lab.exec('web1', 'true')).rejects.toThrow('web1 is off');
    expect((await ssh(lab, 'deploy', 'web1', 'true', 2)).code).toBe(255);
    await lab.boot('web1');
    expect(await ssh(lab, 'deploy', 'web1', 'cat /srv/file')).toMatchObject({ code: 0, stdout: 'kept\n' });
    expect((await lab.exec('web1', 'cat /etc/machine-id')).stdout).toBe(`${before.split('\n')[1]}\n`);
  });

  it('a host that is cut off is unreachable until reconnected, and keeps running', async () => {
    await lab.exec('web2', 'touch /run/still-up');
    lab.cut('web2');
    expect((await ssh(lab, 'deploy', 'web2', 'true', 2)).code).toBe(255);
    expect((await ssh(lab, 'deploy', 'web1', 'true')).code).toBe(0);
    lab.mend('web2');
    expect(await ssh(lab, 'deploy', 'web2', 'test -e /run/still-up')).toMatchObject({ code: 0, stderr: '' });
  });

  it('restore returns to a snapshot, even on the same host with its keys', async () => {
    await lab.exec('web2', 'echo one > /srv/state; rm /etc/issue');
    await lab.snapshot('web2', 'one');
    await lab.exec('web2', 'echo two > /srv/state; touch /etc/issue /srv/later');
    await lab.restore('web2', 'one');
    const state = await ssh(
      lab,
      'deploy',
      'web2',
      'cat /srv/state; ls /etc/issue /srv/later 2>/dev/null; hostname',
    );
    expect(state).toMatchObject({ stdout: 'one\nweb2\n', stderr: '' });
  });

  it('the inventory pins the key that each host shows', async () => {
    const text = lab.inventory({ groups: { web: { hosts: ['web1', 'web2'] } } });
    const scan = await run(['ssh-keyscan', '-t', 'ed25519', lab.hosts.web1.address]);
    expect(text).toContain(scan.stdout.trim().split(' ').slice(1).join(' '));
    expect(text).toContain('groups: {"web":{"hosts":["web1","web2"]}}');
  });

  it('closing leaves nothing behind', async () => {
    expect(traces(lab.id)).not.toEqual([]);
    await lab.close();
    expect(traces(lab.id)).toEqual([]);
  });
});

describeLab('certificates in a lab', () => {
  let lab: Lab<'web1' | 'web2'>;
  const prepared = 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install certbot';
  beforeAll(async () => {
    const release = 'bookworm';
    lab = await openLab({ hosts: { web1: { release, prepared }, web2: { release, prepared } }, acme: true });
  });
  afterAll(() => lab?.close());

  it('two hosts both get a certificate for one name, each signed by its own server', async () => {
    for (const name of ['web1', 'web2'] as const) {
      const account = '--non-interactive --agree-tos --register-unsafely-without-email';
      const { directory } = lab.hosts[name].acme;
      const got = await lab.exec(
        name,
        `certbot certonly ${account} --standalone --server ${directory} -d example.com`,
      );
      expect(got).toMatchObject({ code: 0 });
      const files = '-cert_chain fullchain.pem -cert cert.pem -key privkey.pem';
      const serve =
        'systemd-run --quiet --working-directory=/etc/letsencrypt/live/example.com openssl s_server';
      await lab.exec(
        name,
        `${serve} -accept 443 -www ${files}; until ss -lnt | grep -q :443; do sleep 0.1; done`,
      );
      const site = await lab.https(name, 'https://example.com/');
      expect(site).toMatchObject({ status: 200, names: ['example.com'] });
      expect(site.issuer).toMatch(/^Pebble Intermediate CA/);
    }
    expect(await lab.hosts.web1.acme.rootPem()).not.toBe(await lab.hosts.web2.acme.rootPem());
  });
});

describeLab('a lab whose owner ends', () => {
  const program = `
    import { openLab } from ${JSON.stringify(new URL('./lab.ts', import.meta.url).href)};
    const lab = await openLab({ hosts: { web1: 'bookworm' } });
    console.log(lab.id);
    setInterval(() => {}, 1000);`;

  async function startOwner(): Promise<[ChildProcess, number]> {
    const flags = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
    const owner = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(owner.stdout!, 'data')) as [Buffer];
    return [owner, Number(String(line))];
  }

  it('is removed if its owner is asked to end', async () => {
    const [owner, id] = await startOwner();
    owner.kill('SIGTERM');
    expect(await once(owner, 'exit')).toEqual([143, null]);
    expect(traces(id)).toEqual([]);
  });

  it('is removed by the next lab if its owner was killed', async () => {
    const [owner, id] = await startOwner();
    const processes = processesIn(labCgroup(id));
    expect(processes).not.toEqual([]);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const next = await openLab({ hosts: {} });
    try {
      expect(processes.filter(startTime)).toEqual([]);
      expect(listLabs().filter(lab => lab.owner?.pid === owner.pid)).toEqual([]);
      if (next.id !== id) expect(traces(id)).toEqual([]);
    } finally {
      await next.close();
    }
  });
});
