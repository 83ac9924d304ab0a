import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { timeout: 30_000, ...options });
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

  it('is no failure if the reader ends early', () => {
    expect(shell('R docs playbooks | head -1; exit ${PIPESTATUS[0]}')).toMatchObject({ exit: 0, stderr: '' });
  });
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
