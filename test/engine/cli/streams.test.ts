import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../../../engine/cli/main.ts');
const loader = join(import.meta.dirname, '../../../node_modules/tsx/dist/loader.mjs');
const words = ['--import', loader, main];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'streams-'));
  const file = `file: { path: ${join(folder, 'new')}, content: x }`;
  writeFileSync(join(folder, 'ok.yml'), `hosts: localhost\nresources:\n  - ${file}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a line of shell in which `R` is the program. */
function shell(line: string, options: SpawnSyncOptions = {}) {
  const script = `R() { "${process.execPath}" ${words.join(' ')} "$@"; }; cd "${folder}"; ${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { timeout: 120_000, ...options });
  return { exit: status, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe('output that cannot be written', () => {
  it.each(['validate ok.yml', 'docs keys', '--help', 'plan ok.yml'])('is a failure of %s', command => {
    const { exit, stderr } = shell(`R ${command} >/dev/full`);
    expect([exit, stderr]).toEqual([
      1,
      expect.stringMatching(/^The output could not be written completely: ENOSPC/m),
    ]);
  });

  it('keeps the exit code of a worse failure', () => {
    expect(shell('R validate missing.yml >/dev/full').exit).toBe(3);
  });

  it.each([
    'apply ok.yml --check --json',
    'inventory localhost',
    'modules',
    'explain locked',
    'graph ok.yml',
  ])('is a failure of %s, whatever the code would be', command => {
    const { exit, stderr } = shell(`R ${command} >/dev/full`);
    expect([exit, stderr]).toEqual([1, expect.stringContaining('could not be written completely: ENOSPC')]);
  });

  it('is a failure of an apply, which is done to its end', () => {
    const { exit } = shell('rm -f new; R apply ok.yml >/dev/full; e=$?; cat new; exit $e');
    expect([exit, existsSync(join(folder, 'new'))]).toEqual([1, true]);
    rmSync(join(folder, 'new'));
  });

  it('is no failure if the reader ends early', () => {
    expect(shell('R docs playbooks | head -1; exit ${PIPESTATUS[0]}')).toMatchObject({ exit: 0, stderr: '' });
  });
});

describe('a report', () => {
  const flags = '--report r/r.html --junit r/j.xml';

  it.each([
    ['in a folder that does not exist', 'rm -rf r'],
    ['in the place of a folder', 'rm -rf r; mkdir -p r/r.html r/j.xml'],
    ['below a file', 'rm -rf r; : >r'],
  ])('%s is refused before the run', (_, before) => {
    const { exit, stdout, stderr } = shell(`${before}; R plan ok.yml ${flags}`);
    expect([exit, stdout]).toEqual([3, '']);
    for (const flag of ['--report r/r.html', '--junit r/j.xml'])
      expect(stderr).toMatch(new RegExp(`^${flag}.* \\[usage\\]$`, 'm'));
  });

  it.skipIf(process.getuid?.() !== 0)(
    'on a full file system leaves the earlier one whole, and no part of a new one',
    () => {
      const script = `mount -t tmpfs -o size=16k none r; echo old >r/r.html; head -c 99999 /dev/zero >r/fill 2>/dev/null
        "${process.execPath}" ${words.join(' ')} plan ok.yml ${flags} >/dev/null; e=$?; cat r/r.html; ls -A r; exit $e`;
      writeFileSync(join(folder, 'full.sh'), script);
      const { exit, stdout, stderr } = shell('rm -rf r; mkdir r; unshare -m sh full.sh');
      expect([exit, stdout, stderr]).toEqual([2, 'old\nfill\nr.html\n', expect.any(String)]);
      expect(stderr.match(/^"\S+" could not be written: ENOSPC/gm)?.length).toBe(2);
    },
  );
});

describe('a playbook from a pipe', () => {
  it.each(['cat ok.yml | R plan /dev/stdin', 'R plan <(cat ok.yml)', 'mkfifo f; cat ok.yml >f & R plan f'])(
    'is read once: %s',
    line => {
      const { exit, stdout, stderr } = shell(line);
      expect([exit, stderr]).toEqual([2, '']);
      expect(stdout).toContain('1 would change');
    },
  );

  it('is read once together with its inventory, variables and secrets from pipes', () => {
    const parts = [
      '-i <(echo "hosts: { web1: { address: 127.0.0.1, transport: local } }")',
      '-e @<(echo "word: said")',
      '<(echo "{ hosts: web1, resources: [{ file: { path: $PWD/new, content: \'{{ word }}\' } }] }")',
    ];
    const { exit, stdout, stderr } = shell(`R plan ${parts.join(' ')} --diff`);
    expect([exit, stderr]).toEqual([2, '']);
    expect(stdout).toContain('+ said');
  });

  it('that is saved as a plan is refused when the plan is applied', () => {
    const { exit, stderr } = shell('R plan <(cat ok.yml) -o saved.json >/dev/null; R apply saved.json');
    expect([exit, stderr]).toEqual([3, expect.stringMatching(/is missing|missing/)]);
  });

  it('is refused if it does not end', () => {
    expect(shell('R validate /dev/zero')).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('is larger than 64 MiB'),
    });
  });

  it('that nobody writes to does not keep the program from ending by SIGTERM', async () => {
    shell('mkfifo silent');
    const child = spawn(process.execPath, [...words, 'validate', join(folder, 'silent')]);
    setTimeout(() => child.kill('SIGTERM'), 3000);
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });
});
