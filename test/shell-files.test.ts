import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { filled } from '../engine/util/text-beside.ts';
import { shells } from './engine/shell.ts';
import { needs } from './lab/require.ts';

const root = join(import.meta.dirname, '..');
const filesEndingIn = (suffix: string) =>
  ['engine/host-shell', 'modules'].flatMap(folder =>
    readdirSync(join(root, folder))
      .filter(name => name.endsWith(suffix))
      .map(name => `${folder}/${name}`),
  );
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The script with a variable in the place of each value, which is sent quoted. */
const sent = (file: string) => filled(read(file), new Proxy({}, { get: (_, name) => `$in_${String(name)}` }));

/**
 * What ShellCheck cannot know: variables come from other files (SC2154) and are for them (SC2034), journals are read as
 * scripts (SC1090), only the last of several new folders gets a mode (SC2174), `-ef` is in every shell of Debian (SC3013), and
 * a note of packages is meant as words (SC2046).
 */
const excluded = 'SC2154,SC2034,SC1090,SC2174,SC3013,SC2046';

describe.each(filesEndingIn('.sh'))('%s', file => {
  it('has a header', () => {
    expect(read(file)).toMatch(/^# [A-Z][\s\S]*?\n\n/);
    if (file.startsWith('engine/')) expect(read(file)).toMatch(/^# Needs: [\s\S]*^# Exit codes: /m);
  });

  test.each(shells)('is valid for %s', (_name, [program, ...rest]) => {
    const { status, stderr } = spawnSync(program!, [...rest, '-n'], {
      input: sent(file),
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('has no warning of ShellCheck', context => {
    const args = ['-s', 'sh', '-S', 'warning', '-f', 'gcc', '-e', excluded, '-'];
    const { status, stdout } = spawnSync('shellcheck', args, { input: sent(file), encoding: 'utf8' });
    needs(context, status ?? undefined, 'there is no program shellcheck (apt-get install shellcheck)');
    expect(stdout).toBe('');
  });
});

describe.each(filesEndingIn('.pl'))('%s', file => {
  it('has a header, and is valid for Perl without a warning', context => {
    expect(read(file)).toMatch(/^# [A-Z][\s\S]*^# Reads: [\s\S]*^# Exit codes: /m);
    const { status, stderr } = spawnSync('perl', ['-wc', join(root, file)], { encoding: 'utf8' });
    needs(context, status ?? undefined, 'there is no program perl (apt-get install perl-base)');
    expect([status, stderr]).toEqual([0, `${join(root, file)} syntax OK\n`]);
  });
});
