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
import { systemd_unit } from '../../modules/systemd_unit.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build } from './reconcile.ts';

const program = join(import.meta.dirname, '../../dist/reconcile.cjs');
/** Limits of the heap and of the whole process with its code, in MB: a small share of the host's output. */
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

describe('a host whose shell violates the protocol', () => {
  let folder: string;
  beforeAll(() => {
    build();
    folder = mkdtempSync(join(tmpdir(), 'reconcile-hostile-'));
    mkdirSync(join(folder, 'bin'));
    copyFileSync(join(import.meta.dirname, 'hostile-shell.pl'), join(folder, 'bin/sh'));
    chmodSync(join(folder, 'bin/sh'), 0o755);
    writeFileSync(join(folder, 'inventory.yml'), 'hosts: { here: { transport: local } }\n');
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
    ['says more than fits into memory before it greets', 'banner', 4, 'unreachable'],
    ['begins a mark that has no end', 'mark', 1, 'connection-lost'],
    ['answers more than fits into memory', 'answers', 1, 'read-failed'],
    ['answers what it was not asked', 'marks', 1, 'read-failed'],
    ['ends with no number', 'exits', 1, 'read-failed'],
    ['sends what steers a terminal', 'escapes', 1, 'read-failed'],
  ])('%s, and the controller neither obeys nor grows', async (_, how, exit, code) => {
    const ran = await check(how);
    const told = events(ran).flatMap(({ error, problems }) => [
      ...(error ? [error] : []),
      ...(problems ?? []),
    ]);
    expect([ran.exit, told.map(each => each.code)]).toEqual([exit, [code]]);
    expect(ran.peakMb).toBeGreaterThan(30);
    expect(ran.peakMb).toBeLessThan(mostMb);
    expect(events(ran).at(-1)).toMatchObject({ event: 'run_finished' });
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

  const reports = ['--report', 'r.html', '--junit', 'r.xml'];
  const apply = (resources: readonly unknown[], ...more: string[]) => {
    const play = { name: 'Trial', hosts: 'web1', become: true, resources };
    writeFileSync(join(folder, 'play.yml'), JSON.stringify(play));
    return reconcile(folder, ['apply', 'play.yml', '--json', ...more]);
  };
  const resources = (ran: Ran) => events(ran).filter(({ event }) => event === 'resource');
  const on = async (script: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec('web1', script, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  const evil =
    '\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u0007\u001b]8;;http://evil\u0007\u009b2J\u202e{{ 7 * 7 }}{% raw %}<script>x</script>]]>';

  it('prints a gigabyte, and the beginning, the end and the size of the rest are kept', async () => {
    const flood = 'echo first; head -c 1000000000 /dev/zero | tr "\\0" x; echo; echo last';
    const ran = await apply(
      [
        { name: 'Flood', register: 'flood', command: { run: flood, always: true } },
        { name: 'After', command: { run: ['echo', '{{ flood.stdout | length | string }}'], always: true } },
      ],
      ...['-vv', ...reports],
    );
    const [first, after] = resources(ran);
    expect([ran.exit, first.status, after.status]).toEqual([0, 'changed', 'changed']);
    expect(first.commands[0].output).toMatch(/^first\nx+\n?… \d+\.\d MB .*…\n?x+\nlast\s*$/);
    expect(ran.peakMb).toBeLessThan(mostMb);
    readable(folder);
  });

  it('prints control sequences and templates, which are shown as plain text', async () => {
    await on('cat >/srv/evil', evil);
    await on(`mkdir /srv/t; touch "/srv/t/$(tr / _ </srv/evil)"
      printf 'VERSION_CODENAME="%s"\n' "$(cat /srv/evil)" >>/etc/os-release
      for f in /root/.bashrc /home/deploy/.bashrc; do
        { echo 'cat /srv/evil; cat /srv/evil >&2'; cat "$f"; } >/srv/rc; cat /srv/rc >"$f"; done`);
    const entry = {
      ...{ time: evil, run: evil, who: evil, from: evil, playbook: evil, sha256: null, play: evil },
      counts: { changed: 1, unchanged: 0, failed: 0, skipped: 0 },
      changed: [{ name: evil, module: evil, change: evil }],
      failed: [],
    };
    const history = [entry, { changed: [], failed: [] }, [1], null].map(line => `${JSON.stringify(line)}\n`);
    await on('mkdir -p /var/lib/reconcile; cat >/var/lib/reconcile/history.jsonl', history.join(''));
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/f'), 'f');
    const says = 'cat /srv/evil; cat /srv/evil >&2';
    const echo = (...words: string[]) => ({ command: { run: ['echo', ...words], always: true } });
    const ran = await apply(
      [
        { name: 'Said', register: 'said', command: { run: says, always: true } },
        { name: 'Again', ...echo('{{ said.stdout }}', '{{ facts.os.codename }}') },
        { name: 'Each {{ index }}', loop: '{{ [said.stdout, said.stderr] }}', ...echo('{{ item }}') },
        { name: 'Tree', tree: { src: 'src', path: '/srv/t', delete_extra: true } },
        { name: 'Fails', command: { run: `${says}; exit 3`, always: true } },
      ],
      ...['-vv', ...reports],
    );
    harmless(ran);
    readable(folder);
    const seen = resources(ran);
    expect(seen.map(({ status }) => status)).toEqual([...Array(seen.length - 1).fill('changed'), 'failed']);
    // Output is data: a template in it is not evaluated.
    expect(JSON.stringify(seen)).toContain('{{ 7 * 7 }}');
    expect(JSON.stringify(seen)).not.toContain('49{% raw %}');
    for (const [exit, ...args] of [
      [1, 'apply', 'play.yml', '-vv'],
      [2, 'apply', '--check', 'play.yml', '--diff'],
      [0, 'facts', 'web1'],
      [0, 'history', 'web1'],
      [0, 'history', 'web1', '--json'],
    ] as [number, ...string[]][]) {
      const shown = await reconcile(folder, args);
      expect([args, shown.exit]).toEqual([args, exit]);
      expect(shown.stdout.includes('{{ 7 * 7 }}') || exit === 2).toBe(true);
      harmless(shown);
    }
  });

  it('answers as psql with nonsense, which is reported as such', async () => {
    const psql = `#!/bin/sh
cat >/tmp/asked
echo "[1, null]"
sed -n "s/^.echo .\\([0-9a-f]* q [0-9]*\\). .*/\\1 false 00000 /p" /tmp/asked\n`;
    await on('useradd -r postgres; cat >/usr/local/bin/psql; chmod 755 /usr/local/bin/psql', psql);
    const ran = await apply([{ pg_role: { name: 'app' } }]);
    harmless(ran);
    expect([ran.exit, ran.stdout]).toEqual([1, expect.stringContaining('"read-failed"')]);
    expect(await on('cat /tmp/asked')).toContain('pg_');
  });

  it('has a systemd that accepts every name of a unit that was not refused', async () => {
    const { pattern } = systemd_unit.args.properties['name'] as { pattern: string };
    const taken = new RegExp(pattern);
    const letters = [...'aZ09-_.:\\@/ %$\'"\n*é', '\\x2d', '@.', '--'];
    let state = 1;
    const any = () => letters[(state = (state * 48271) % 2147483647) % letters.length]!;
    const tried = Array.from(
      { length: 10_000 },
      (_, i) => `${Array.from({ length: 1 + (i % 6) }, any).join('')}.service`,
    );
    // Of a template there is nothing to show.
    const names = tried.filter(name => taken.test(name) && !name.includes('@.'));
    expect(names.length).toBeGreaterThan(500);
    expect(names.filter(name => name.startsWith('-'))).toEqual([]);
    await on('xargs -0 systemctl show -p LoadState -- >/tmp/shown 2>&1', names.join('\0'));
    expect(await on('sort /tmp/shown | uniq -c')).toMatch(/^\s*\d+ \n\s*\d+ LoadState=not-found\n$/);
    const escaped = await on('xargs -0 systemd-escape --suffix=service --', tried.join('\0'));
    expect(
      escaped
        .trim()
        .split(/\s+/)
        .filter(name => taken.test(name) === name.startsWith('-')),
    ).toEqual([]);
  });

  it('has an account that keeps exchanging a folder for a link to /etc, and nothing in /etc changes', async () => {
    // renameat2 with RENAME_EXCHANGE: there is no moment at which neither is there. Each may stay for some milliseconds, so
    // that a try meets the one at its first look and the other at its last, or only one.
    const attack =
      'chdir "/home/mallory"; for (;;) { my ($a, $b) = ("d", "l"); syscall(316, -100, $a, -100, $b, 2); select(undef, undef, undef, rand(0.02)) if rand() < 0.1 }';
    await on(
      'useradd -m mallory; cd /home/mallory; mkdir d; ln -s /etc l; chown -hR mallory: .; cat >attack',
      attack,
    );
    const state = () =>
      on("find /etc -printf '%p %y %u %g %m %i %s %T@\\n' | sort; sha256sum /etc/passwd /etc/shadow");
    const before = await state();
    const at = (name: string) => `/home/mallory/d/${name}`;
    const tries = Array.from({ length: 8 }, (_, i) => [
      {
        file: {
          path: at(i === 0 ? 'passwd' : `passwd${i}`),
          content: `${i}\n`,
          owner: 'mallory',
          mode: '0666',
        },
      },
      { file: { path: at(`motd${i}`), content: 'x', backup: true } },
      { directory: { path: at(`new${i}/below`), owner: 'mallory' } },
      { link: { path: at(`cron.d${i}`), target: '/' } },
      { file: { path: at(i === 0 ? 'shadow' : `shadow${i}`), mode: '0666' } },
    ]).flat();
    await on('systemd-run --unit=attack --uid=mallory perl /home/mallory/attack');
    const counts = { done: 0, refused: 0 };
    // Until some have found the folder and some the link: each of the two was there while root was at work.
    for (let round = 0; round < 2 || (round < 20 && !(counts.done && counts.refused)); round++) {
      const ran = await apply(
        tries.map((each, i) => ({ name: `Try ${i}`, on_failure: 'continue', ...each })),
      );
      for (const { status, error } of resources(ran)) {
        if (status === 'changed') counts.done++;
        if (error) counts.refused++;
      }
      harmless(ran);
    }
    await on('systemctl is-active attack && systemctl stop attack');
    expect(await state()).toBe(before);
    expect([counts.done > 0, counts.refused > 0]).toEqual([true, true]);
  });
});
