import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Host } from '../../../engine/host.ts';
import { preludeFor } from '../../../engine/hosts/prelude.ts';
import { problemsOf } from '../../../engine/problem.ts';
import { scratch, sh, testState } from '../shell.ts';

const here = (transport: Host['transport'] = 'local') => ({ name: 'web1', transport });
const before = testState();
let folder: string;
const set = (value: string | undefined) => {
  if (value === undefined) delete process.env['RECONCILE_TEST_STATE'];
  else process.env['RECONCILE_TEST_STATE'] = value;
};
beforeEach(() => {
  folder = scratch();
});
afterEach(() => {
  set(before);
  rmSync(folder, { recursive: true });
});

/** Where scripts of this account find its notes, lease and outcomes. */
const places = (prelude: string) =>
  sh(`${prelude}\necho "$r_base $r_home $r_records"`).stdout.toString().trim();

describe('the state directory', () => {
  const own =
    process.getuid?.() === 0 ? '/var/lib/reconcile /var/lib/reconcile /run/reconcile' : /^\/var\/lib/;

  it('is the one of the machine', () => {
    set(undefined);
    expect(places(preludeFor(here()))).toMatch(own);
  });

  it('is the one that tests name, on this machine', () => {
    set(folder);
    expect(places(preludeFor(here()))).toBe(`${folder} ${folder} ${folder}`);
  });

  it('of tests may have any name', () => {
    const name = `${folder}/it's $x`;
    sh(`mkdir -m 0700 -- "${folder}/it's \\$x"`);
    set(name);
    expect(places(preludeFor(here()))).toBe(`${name} ${name} ${name}`);
  });

  test.each(['ssh', 'openssh', 'docker', 'podman', 'nspawn'] as const)(
    'of tests is not that of a host that %s reaches',
    transport => {
      set(folder);
      expect(preludeFor(here(transport))).not.toContain(folder);
    },
  );

  test.each<[what: string, value: () => string]>([
    ['empty', () => ''],
    ['relative', () => 'state'],
    ['missing', () => `${folder}/none`],
    [
      'a file',
      () => {
        writeFileSync(`${folder}/file`, '', { mode: 0o600 });
        return `${folder}/file`;
      },
    ],
    [
      'open to others',
      () => {
        chmodSync(folder, 0o755);
        return folder;
      },
    ],
  ])('of tests is refused when it is %s', (_, value) => {
    set(value());
    let thrown: unknown;
    try {
      preludeFor(here());
    } catch (error) {
      thrown = error;
    }
    expect(problemsOf(thrown)[0]).toMatchObject({ code: 'invalid-value', host: 'web1' });
  });
});
