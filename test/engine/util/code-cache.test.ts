import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeFolder } from '../../../engine/util/code-cache.ts';

const root = join(import.meta.dirname, '../../..');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'code-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const cache = () => join(folder, 'cache');
const file = () => join(cache(), 'apply.code');

/** Runs a program through the cache, in a process of its own, and returns its output. */
function run(text: string, build = 'one'): string {
  const program = join(folder, 'program.cjs');
  writeFileSync(program, text);
  const values = [join(root, 'engine/util/code-cache.ts'), program, build, cache(), 'apply.code'];
  const [module, ...rest] = values.map(value => JSON.stringify(value));
  const script = `import { runCached } from ${module}; runCached(${rest.join(', ')})`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
}

const printing = (text: string) =>
  `const { basename } = require('node:path');\nconsole.log(${JSON.stringify(text)}, basename(__filename), /ü/u.test('ü'));`;

describe('the compiled code of a program', () => {
  test('is kept by a first run for this account alone, and used unchanged by a second run', () => {
    expect(run(printing('a'))).toBe('a program.cjs true\n');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(cache()).mode & 0o777).toBe(0o700);
    const before = readFileSync(file());
    const { ino } = statSync(file());
    expect(run(printing('a'))).toBe('a program.cjs true\n');
    expect(statSync(file()).ino).toBe(ino);
    expect(readFileSync(file())).toEqual(before);
    expect(readdirSync(cache())).toEqual(['apply.code']);
  });

  test('does not serve another program of the same length', () => {
    run(printing('a'), 'one');
    expect(run(printing('b'), 'two')).toBe('b program.cjs true\n');
    expect(readFileSync(file(), 'latin1')).toMatch(/^two /);
  });

  test('is made anew when it is damaged', () => {
    run(printing('a'));
    const whole = readFileSync(file());
    writeFileSync(file(), whole.subarray(0, whole.length / 2));
    expect(run(printing('a'))).toBe('a program.cjs true\n');
    expect(statSync(file()).size).toBe(whole.length);
  });

  test('is made anew after a day', () => {
    run(printing('a'));
    const { ino } = statSync(file());
    utimesSync(file(), new Date(), new Date(0));
    run(printing('a'));
    expect(statSync(file()).ino).not.toBe(ino);
  });

  test('is not kept after wrong input', () => {
    const script = `${printing('a')}\nprocess.exitCode = 3;`;
    expect(() => run(script)).toThrow('Command failed');
    expect(existsSync(file())).toBe(false);
  });

  const isRoot = process.getuid?.() === 0;

  test.each([
    ['another account can write to the file', () => chmodSync(file(), 0o620)],
    ['another account can write to the folder', () => chmodSync(cache(), 0o770)],
    ['the file belongs to another account', () => chownSync(file(), 65534, 65534), !isRoot],
    ['the folder belongs to another account', () => chownSync(cache(), 65534, 65534), !isRoot],
    [
      'the file is a symbolic link',
      () => {
        writeFileSync(join(folder, 'elsewhere'), readFileSync(file()), { mode: 0o600 });
        rmSync(file());
        symlinkSync(join(folder, 'elsewhere'), file());
      },
    ],
  ])('is not used if %s', (_, spoil, impossible = false) => {
    if (impossible) return;
    // The code of this text stands in for the code that somebody else has put there.
    run(printing('a'));
    spoil();
    expect(run(printing('b'))).toBe('b program.cjs true\n');
  });

  test('is not needed where nothing can be written', () => {
    writeFileSync(cache(), '');
    expect(run(printing('a'))).toBe('a program.cjs true\n');
  });
});

describe('the folder of compiled code', () => {
  test('is in the cache folder of the account', () => {
    expect(codeFolder({})).toBe(join(homedir(), '.cache/reconcile'));
    expect(codeFolder({ XDG_CACHE_HOME: '/elsewhere' })).toBe('/elsewhere/reconcile');
    expect(codeFolder({ XDG_CACHE_HOME: 'relative' })).toBe(join(homedir(), '.cache/reconcile'));
  });

  test('does not exist if the user turns it off, as in Node, or in the home of another account', () => {
    expect(codeFolder({ NODE_DISABLE_COMPILE_CACHE: '1' })).toBeUndefined();
    const home = process.env['HOME'];
    process.env['HOME'] = '/nonexistent';
    try {
      expect(codeFolder({})).toBeUndefined();
    } finally {
      process.env['HOME'] = home;
    }
  });
});
