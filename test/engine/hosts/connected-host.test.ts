import { describe, expect, it, test } from 'vitest';
import { libraries, sh, shells } from '../shell.ts';

describe('the prelude of a session', () => {
  it('is defined once', () => {
    const names = [...libraries().matchAll(/^(r_\w+)\(\)/gm)].map(([, name]) => name!);
    expect(names).toContain('r_as');
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test.each(shells)('a command as the account of the session needs no other program (%s)', (_, argv) => {
    const { stdout } = sh('runuser() { echo runuser; }; r_as "$(id -un)" echo itself', Buffer.alloc(0), argv);
    expect(stdout.toString()).toBe('itself\n');
  });
});
