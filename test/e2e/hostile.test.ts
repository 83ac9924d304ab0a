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
    ['says a gigabyte before it greets', 'banner'],
    ['begins a mark that has no end', 'mark'],
    ['answers with a gigabyte', 'answers'],
    ['answers what it was not asked', 'marks'],
    ['ends with no number', 'exits'],
    ['sends what steers a terminal', 'escapes'],
  ])('%s, and the controller neither obeys nor grows', async (_, how) => {
    const ran = await check(how);
    // 4 where the host was given up before it was entered: a busy machine may need too long for a gigabyte.
    expect([1, 4]).toContain(ran.exit);
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
