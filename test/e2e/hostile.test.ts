import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build } from './reconcile.ts';

const program = join(import.meta.dirname, '../../dist/reconcile.cjs');
/** What the heap may hold, and what the whole process may take with its code, in MB: a small share of what a host says. */
const heapMb = 96;
const mostMb = 350;

interface Ran {
  exit: number;
  stdout: string;
  stderr: string;
  peakMb: number;
}

/** Runs the program with little memory, and watches how much it takes. */
function reconcile(folder: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, program, ...args], {
    cwd: folder,
    env: { ...process.env, SSH_AUTH_SOCK: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', text => (said[stream] += text));
  }
  let peakMb = 0;
  const look = () => {
    try {
      const [, kb] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peakMb = Math.max(peakMb, Number(kb ?? 0) / 1024);
    } catch {}
  };
  const timer = setInterval(look, 50);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      clearInterval(timer);
      resolve({ exit: code ?? -1, ...said, peakMb });
    });
  });
}

const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const harmless = ({ stdout, stderr }: Ran) => {
  expect(stdout + stderr).not.toMatch(steering);
  expect(stdout + stderr).not.toContain('This is a bug');
};
const events = ({ stdout }: Ran) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));

/** JUnit and HTML reports as other programs read them. */
function readable(folder: string): void {
  const xml = 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])';
  const parsed = spawnSync('python3', ['-c', xml, join(folder, 'r.xml')], { encoding: 'utf8' });
  expect([parsed.status, parsed.stderr]).toEqual([0, '']);
  const html = readFileSync(join(folder, 'r.html'), 'utf8');
  expect(html).not.toMatch(/<script/i);
  expect(html).not.toMatch(steering);
}

describe('a host whose shell does not keep to the protocol', () => {
  let folder: string;
  beforeAll(() => {
    build();
    folder = mkdtempSync(join(tmpdir(), 'reconcile-hostile-'));
    mkdirSync(join(folder, 'bin'));
    copyFileSync(join(import.meta.dirname, 'hostile-shell.pl'), join(folder, 'bin/sh'));
    chmodSync(join(folder, 'bin/sh'), 0o755);
    writeFileSync(
      join(folder, 'inventory.yml'),
      'hosts: { here: { transport: local } }\n',
    );
    const resources = [{ name: 'Trial', file: { path: '/nonexistent/file', state: 'absent' } }];
    writeFileSync(
      join(folder, 'play.yml'),
      JSON.stringify({ name: 'Trial', hosts: 'here', become: false, resources }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const check = (how: string) => {
    writeFileSync(join(folder, 'bin/sh.how'), `${how}\n`);
    const args = ['apply', '--check', 'play.yml', '--json', '--report', 'r.html', '--junit', 'r.xml'];
    return reconcile(folder, args, { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` });
  };

  it.each([
    ['says a gigabyte before it greets', 'banner', 4],
    ['begins a mark that has no end', 'mark', 1],
    ['answers with a gigabyte', 'answers', 1],
    ['answers what it was not asked', 'marks', 1],
    ['ends with no number', 'exits', 1],
    ['sends what steers a terminal', 'escapes', 1],
  ])('%s, and the controller neither obeys nor grows', async (_, how, exit) => {
    const ran = await check(how);
    expect(ran.exit).toBe(exit);
    expect(ran.peakMb).toBeGreaterThan(30);
    expect(ran.peakMb).toBeLessThan(mostMb);
    expect(events(ran).at(-1)).toMatchObject({ event: 'run_finished' });
    expect(
      events(ran).filter(({ event }) => event === 'resource' || event === 'host_plan').length,
    ).toBeLessThan(2);
    harmless(ran);
    readable(folder);
  });
});

describeLab('a host that somebody else rules', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm' } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-hostile-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });
  const write = (resources: readonly unknown[]) =>
    writeFileSync(
      join(folder, 'play.yml'),
      JSON.stringify({ name: 'Trial', hosts: 'web1', become: true, resources }),
    );
  const on = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec('web1', script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  const evil = String.raw`\033]0;title\007\033]52;c;ZXZpbA==\007\033]8;;http://evil\007\302\233 2J\342\200\256{{ 7 * 7 }}{% raw %}<script>x</script>]]>`;

  it('prints a gigabyte, of which the beginning and the end are kept and the rest is counted', async () => {
    write([
      {
        name: 'Flood',
        register: 'flood',
        command: { run: 'echo first; head -c 1000000000 /dev/zero | tr "\\0" x; echo last', always: true },
      },
      { name: 'After', command: { run: 'echo {{ flood.stdout | length }}', always: true } },
    ]);
    const ran = await reconcile(folder, [
      'apply',
      'play.yml',
      '--json',
      '-vv',
      '--report',
      'r.html',
      '--junit',
      'r.xml',
    ]);
    const [flood, after] = events(ran).filter(({ event }) => event === 'resource');
    expect([ran.exit, flood.status, after.status]).toEqual([0, 'changed', 'changed']);
    expect(flood.commands[0].output).toMatch(/^first\nx+\n… \d+\.\d MB more not kept …\nx+\nlast$/);
    expect(ran.peakMb).toBeLessThan(mostMb);
    readable(folder);
  });

  it('says what steers terminals and looks like a template, and it is shown as what it is', async () => {
    await on(`printf 'PRETTY_NAME="${evil}"\\nNAME="${evil}"\\n' >>/etc/os-release
      mkdir -p /srv/t /var/lib/reconcile && cd /srv/t && touch "$(printf '${evil.replaceAll('/', '_')}')"
      printf '{"time":"\\033]0;x\\007","run":"1","who":"${evil.replaceAll('\\', '\\\\\\\\')}","from":"x","playbook":"x","sha256":null,"play":"x","counts":{"changed":1,"unchanged":0,"failed":0},"changed":[],"failed":[]}\\n{"changed":[],"failed":[]}\\n[1]\\n' >/var/lib/reconcile/history.jsonl
      printf 'printf "${evil.replaceAll('\\', '\\\\\\\\')}"; printf "${evil.replaceAll('\\', '\\\\\\\\')}" >&2\\n' >/tmp/rc
      for f in /root/.bashrc /home/*/.bashrc; do [ ! -f "$f" ] || cat /tmp/rc "$f" >/tmp/new && cat /tmp/new >"$f"; done`);
    mkdirSync(join(folder, 'src'), { recursive: true });
    writeFileSync(join(folder, 'src/f'), 'f');
    write([
      {
        name: 'Said',
        register: 'said',
        command: { run: `printf '${evil}'; printf '${evil}' >&2`, always: true },
      },
      { name: 'Again', command: { run: ['echo', '{{ said.stdout }}', '{{ facts.os.name }}'], always: true } },
      {
        name: 'Each',
        loop: '{{ [said.stdout, said.stderr] }}',
        command: { run: ['echo', '{{ item }}'], always: true },
      },
      { name: 'Tree', tree: { src: 'src', path: '/srv/t', delete_extra: true } },
      { name: 'Fails', command: { run: `printf '${evil}' >&2; exit 3`, always: true } },
    ]);
    const json = await reconcile(folder, [
      'apply',
      'play.yml',
      '--json',
      '-vv',
      '--report',
      'r.html',
      '--junit',
      'r.xml',
    ]);
    harmless(json);
    readable(folder);
    const said = events(json).filter(({ event }) => event === 'resource');
    expect(said.map(({ status }) => status)).toEqual([...Array(said.length - 1).fill('changed'), 'failed']);
    // What was printed is data: a template in it is not filled in.
    expect(JSON.stringify(said)).toContain('{{ 7 * 7 }}');
    expect(JSON.stringify(said)).not.toContain(' 49');
    for (const args of [
      ['apply', 'play.yml', '-vv'],
      ['apply', '--check', 'play.yml', '--diff'],
      ['facts', 'web1'],
      ['facts', 'web1', '--json'],
      ['history', 'web1'],
      ['history', 'web1', '--json'],
      ['lock', 'status', 'web1'],
    ]) {
      const ran = await reconcile(folder, args);
      expect([args, ran.exit === 0 || args[0] === 'apply']).toEqual([args, true]);
      harmless(ran);
    }
  });

  it('answers as psql with nonsense, and that is no bug of ours', async () => {
    await on(`printf '#!/bin/sh\\ncat >/tmp/asked; echo "[1, null]"; sed -n "s/^.echo .\\\\([0-9a-f]* q [0-9]*\\\\). .*/\\\\1 false 00000 /p" /tmp/asked\\n' >/usr/local/bin/psql
      chmod 755 /usr/local/bin/psql; useradd -r postgres`);
    write([{ pg_role: { name: 'app' } }]);
    const ran = await reconcile(folder, ['apply', 'play.yml', '--json']);
    harmless(ran);
    expect(ran.stdout).toContain('"read-failed"');
  });

  it('has a user who exchanges a folder for a link to /etc all the time, and nothing in /etc changes', async () => {
    await on(`useradd -m mallory; cd /home/mallory; mkdir d; ln -s /etc l; chown -hR mallory: .
      printf '%s' 'chdir "/home/mallory"; for (;;) { my ($a, $b) = ("d", "l"); syscall(316, -100, $a, -100, $b, 2) }' >/home/mallory/attack`);
    const state = () =>
      on(
        `find /etc -path /etc/.reconcile -prune -o -printf '%p %y %u %g %m %i %s\\n' | sort; cat /etc/passwd /etc/shadow | sha256sum`,
      );
    const before = await state();
    const at = (name: string) => `/home/mallory/d/${name}`;
    write(
      Array.from({ length: 20 }, (_, i) => [
        {
          name: `a${i}`,
          on_failure: 'continue',
          file: { path: at('passwd'), content: `${i}\n`, owner: 'mallory', mode: '0666' },
        },
        { name: `b${i}`, on_failure: 'continue', file: { path: at(`motd${i}`), content: 'x', backup: true } },
        { name: `c${i}`, on_failure: 'continue', directory: { path: at(`new${i}/below`), owner: 'mallory' } },
        { name: `d${i}`, on_failure: 'continue', link: { path: at(`cron.d${i}`), target: '/' } },
        { name: `e${i}`, on_failure: 'continue', file: { path: at(`shadow${i}`), mode: '0666' } },
      ])
        .flat()
        .map((each, i) =>
          i % 5 === 0 && i > 0 ? { ...each, file: { ...each.file, path: at(`passwd${i}`) } } : each,
        ),
    );
    await on('systemd-run --unit=attack --uid=mallory perl /home/mallory/attack');
    let tried = 0;
    let done = 0;
    for (let round = 0; round < 2; round++) {
      const ran = await reconcile(folder, ['apply', 'play.yml', '--json']);
      const statuses = events(ran)
        .filter(({ event }) => event === 'resource')
        .map(({ status }) => status);
      tried += statuses.filter(status => status !== 'skipped').length;
      done += statuses.filter(status => status === 'changed').length;
    }
    await on('systemctl stop attack');
    expect(await state()).toBe(before);
    expect([tried, done > 0]).toEqual([200, true]);
  });
});
