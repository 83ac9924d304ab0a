import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseYaml } from '../../engine/yaml/document.ts';
import { build } from './reconcile.ts';
import { piped, typing } from './terminal.ts';

let folder: string;
let env: Record<string, string>;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');
const program = (name: string, body: string) =>
  writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${body}\n`, { mode: 0o755 });

const run = (...args: string[]) => piped(folder, args, env);
/** Edits with an editor that is a shell text, for which the file is `$1`. */
const editing = (script: string, more: Record<string, string> = {}) => ({ ...env, EDIT: script, ...more });
const edit = (file: string, script: string) => piped(folder, ['secrets', 'edit', file], editing(script));
const inMemory = () => readdirSync(at('memory'));

beforeAll(() => {
  build();
  folder = mkdtempSync(join(tmpdir(), 'reconcile-secrets-'));
  for (const name of ['home', 'bin', 'memory']) mkdirSync(at(name));
  program('editor', `stat -c %a "$1" "$(dirname "$1")" >'${at('modes')}'; eval "$EDIT"`);
  const PATH = `${at('bin')}:${process.env['PATH']}`;
  env = { HOME: at('home'), XDG_RUNTIME_DIR: at('memory'), EDITOR: 'editor', PATH };
  expect(run('secrets', 'init', 'prod.yml').stderr).toContain('Made your key');
  const filled = edit('prod.yml', `printf 'db: hunter22 # rotate in May\\npin: 0070\\n' >"$1"`);
  expect(filled).toMatchObject({ exit: 0, stderr: 'prod.yml is saved.\n' });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('secrets init', () => {
  test('makes a key and a file for their owner alone, and neither a second time', () => {
    const key = 'home/.config/reconcile/age.key';
    expect([statSync(at(key)).mode & 0o777, statSync(at('prod.yml')).mode & 0o777]).toEqual([0o600, 0o600]);
    const before = read(key);
    expect(run('secrets', 'init', 'prod.yml')).toMatchObject({ exit: 3 });
    expect(run('secrets', 'init', 'other.yml')).toMatchObject({ exit: 0 });
    expect(read(key)).toBe(before);
  });
});

describe('secrets edit', () => {
  test('shows the secrets in a file that nobody else can read, and removes it afterwards', () => {
    expect(edit('prod.yml', `cp "$1" '${at('seen')}'`)).toMatchObject({ stderr: 'Nothing was changed.\n' });
    expect(read('seen')).toBe('db: hunter22 # rotate in May\npin: 0070\n');
    expect(read('modes')).toBe('600\n700\n');
    expect(inMemory()).toEqual([]);
  });

  test('changes one value and the MAC in the diff of git', () => {
    cpSync(at('prod.yml'), at('before.yml'));
    expect(edit('prod.yml', `sed -i s/0070/0071/ "$1"`)).toMatchObject({ exit: 0 });
    const { stdout } = spawnSync('git', ['diff', '--no-index', '-U0', 'before.yml', 'prod.yml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const added = stdout.split('\n').filter(line => /^\+[^+]/.test(line));
    expect(added.map(line => line.slice(1).trim().split(':')[0])).toEqual(['pin', 'mac']);
  });

  test.each([
    ['what is no YAML', `printf 'db: [hunter23\\n' >"$1"`, 'This is not valid YAML'],
    ['an editor that fails', 'echo lost >"$1"; exit 3', 'The editor exited 3'],
    ['an editor that is killed', 'kill -9 $$', 'The editor exited 137'],
  ])('leaves the file as it was after %s', (_, script, message) => {
    const before = read('prod.yml');
    const ran = edit('prod.yml', script);
    expect(ran).toMatchObject({ exit: 3, stderr: expect.stringContaining(message) });
    expect(ran.stderr).not.toContain('hunter23');
    expect([read('prod.yml'), inMemory()]).toEqual([before, []]);
  });

  test('keeps an input that is no YAML for another try', async () => {
    const script = `if grep -q '\\[' "$1"; then sed -i 's/\\[//' "$1"; else sed -i 's/hunter22/[hunter24/' "$1"; fi`;
    const { ended } = typing(folder, ['secrets', 'edit', 'prod.yml'], editing(script), [
      [/Edit it again\?/, 'y\r'],
    ]);
    const { exit, text } = await ended;
    expect([exit, text]).toEqual([0, expect.stringContaining('prod.yml is saved')]);
    expect(text).not.toContain('hunter24');
    edit('prod.yml', `cp "$1" '${at('seen')}'`);
    expect(read('seen')).toContain('db: hunter24 # rotate');
  });

  test('ends with n, with Ctrl-C at the question, and with a closed terminal', async () => {
    const before = read('prod.yml');
    const given = async (answer: string) => {
      const args = ['secrets', 'edit', 'prod.yml'];
      return typing(folder, args, editing('echo "a: [" >"$1"'), [[/Edit it again\?/, answer]]).ended;
    };
    expect(await given('n\r')).toMatchObject({
      exit: 0,
      text: expect.stringContaining('Nothing was changed'),
    });
    expect((await given('\x03')).exit).toBe(130);
    const started = at('started');
    const closing = typing(
      folder,
      ['secrets', 'edit', 'prod.yml'],
      editing(`touch '${started}'; sleep 60`),
      [],
    );
    await expect.poll(() => existsSync(started), { timeout: 20_000 }).toBe(true);
    closing.child.kill('SIGKILL');
    await expect.poll(inMemory, { timeout: 20_000 }).toEqual([]);
    expect(read('prod.yml')).toBe(before);
  });
});

describe('secrets encrypt, view and decrypt', () => {
  test('encrypt a plain file, show it only on a terminal, and decrypt it', async () => {
    writeFileSync(at('plain.yml'), '# of staging\ntoken: t0ken-text\n', { mode: 0o644 });
    expect(run('secrets', 'encrypt', 'plain.yml')).toMatchObject({ exit: 0 });
    expect(read('plain.yml')).toMatch(/^# of staging\ntoken: enc:/);
    expect(read('plain.yml')).not.toContain('t0ken-text');
    expect(statSync(at('plain.yml')).mode & 0o777).toBe(0o600);
    expect(run('secrets', 'encrypt', 'plain.yml').stderr).toContain('is encrypted already');
    const hidden = run('secrets', 'view', 'plain.yml');
    expect([hidden.exit, hidden.stdout]).toEqual([3, '']);
    const shown = await typing(folder, ['secrets', 'view', 'plain.yml'], env, []).ended;
    expect(shown.text).toContain('token: t0ken-text');
    expect(run('secrets', 'decrypt', 'plain.yml')).toMatchObject({ exit: 0 });
    expect(read('plain.yml')).toBe('# of staging\ntoken: t0ken-text\n');
    expect(statSync(at('plain.yml')).mode & 0o777).toBe(0o600);
  });
});

describe('secrets rotate', () => {
  test('excludes former recipients, with a new key for every value', () => {
    const key = (name: string) => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
      return `${name}.pub`;
    };
    const [stays, goes] = [key('stays'), key('goes')];
    const as = (name: string) => {
      mkdirSync(at(`${name}-home/.ssh`), { recursive: true });
      cpSync(at(name), at(`${name}-home/.ssh/id_ed25519`));
      chmodSync(at(`${name}-home/.ssh/id_ed25519`), 0o600);
      return piped(folder, ['secrets', 'edit', 'shared.yml'], {
        ...editing('true'),
        HOME: at(`${name}-home`),
      });
    };
    writeFileSync(at('shared.yml'), 'one: first\ntwo: second\n');
    expect(run('secrets', 'encrypt', 'shared.yml', '-r', stays, '-r', goes, '-r', ownRecipient()).exit).toBe(
      0,
    );
    expect([as('stays').exit, as('goes').exit]).toEqual([0, 0]);
    const before = valuesOf('shared.yml');
    expect(run('secrets', 'rotate', 'shared.yml', '-r', stays, '-r', ownRecipient()).exit).toBe(0);
    expect(as('stays').exit).toBe(0);
    expect(as('goes')).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('None of your keys opens the secrets in "shared.yml"'),
    });
    const after = valuesOf('shared.yml');
    expect([after['one'] === before['one'], after['two'] === before['two']]).toEqual([false, false]);
  });

  const valuesOf = (name: string) => parseYaml(read(name), name).data as Record<string, unknown>;
  const ownRecipient = () => /age1\w+/.exec(read('home/.config/reconcile/age.key'))![0];
});

const playbook = (sources: string, expression = 'secrets.db') => `hosts: localhost
become: false
secrets: ${sources}
resources:
  - file: { path: ${at('made')}, mode: "0600", content: "{{ ${expression} }}" }
`;

describe('a passphrase', () => {
  test('is typed invisibly, and opens the file that it encrypted', async () => {
    writeFileSync(at('locked.yml'), 'db: behind-words\n');
    const words = 'correct horse';
    const encrypted = await typing(folder, ['secrets', 'encrypt', 'locked.yml', '--passphrase'], env, [
      // One key deletes the last typed character, another one all of them.
      [/New passphrase: $/, `x\x15${words}x\x7f\r`],
      [/Once more: $/, `${words}\r`],
    ]).ended;
    expect([encrypted.exit, encrypted.text]).toEqual([0, expect.stringContaining('is encrypted')]);
    expect(encrypted.text).not.toContain('horse');
    writeFileSync(at('locked.play.yml'), playbook('[locked.yml]'));
    const applied = (typed: string) =>
      typing(folder, ['apply', 'locked.play.yml', '--ask-secrets-pass'], env, [
        [/^Passphrase of the secrets of .*: $/m, typed],
      ]).ended;
    expect(await applied('wrong\r')).toMatchObject({
      exit: 1,
      text: expect.stringContaining('The passphrase does not open the secrets in "locked.yml"'),
    });
    expect(existsSync(at('made'))).toBe(false);
    expect(await applied('\x03')).toMatchObject({ exit: 130 });
    expect(await applied('\x04')).toMatchObject({
      exit: 3,
      text: expect.stringContaining('nobody can answer'),
    });
    expect(await applied('\r')).toMatchObject({ exit: 3, text: expect.stringContaining('opens nothing') });
    expect((await applied(`${words}\r`)).exit).toBe(0);
    expect(read('made')).toBe('behind-words');
    const nobody = run('apply', 'locked.play.yml', '--ask-secrets-pass');
    expect(nobody).toMatchObject({ exit: 3, stderr: expect.stringContaining('not a terminal') });
  });
});

describe('a command that gives secrets', () => {
  const planned = (sources: string, expression?: string) => {
    writeFileSync(at('play.yml'), playbook(sources, expression));
    return run('apply', 'play.yml');
  };

  test('is a program with its arguments, or sops for a file of its own', () => {
    program('op', `[ "$*" = 'read op://vault/db' ] && echo from-op`);
    program('sops', `[ "$1" = -d ] && echo 'token: "from-sops"'`);
    writeFileSync(at('sops.yml'), 'token: ENC[AES256_GCM,data]\nsops: { version: 3.8.1 }\n', { mode: 0o600 });
    const sources = '[{ command: [op, read, "op://vault/db"], as: db }, sops.yml]';
    expect(planned(sources, 'secrets.db ~ secrets.token')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('file'),
    });
    expect(read('made')).toBe('from-opfrom-sops');
  });

  test.skipIf(['pass', 'gpg'].some(name => spawnSync(name, ['--version']).error !== undefined))(
    'may be pass',
    () => {
      mkdirSync(at('home/.gnupg'), { mode: 0o700 });
      const given = { cwd: folder, env: { ...env }, stdio: 'pipe', input: 'from-pass\n' } as const;
      const key = ['--batch', '--passphrase', '', '--quick-gen-key', 'tests', 'default', 'default', 'never'];
      execFileSync('gpg', key, given);
      execFileSync('pass', ['init', 'tests'], given);
      execFileSync('pass', ['insert', '--multiline', 'db'], given);
      try {
        expect(planned('[{ command: [pass, show, db], as: db }]')).toMatchObject({
          exit: 0,
          stdout: expect.stringContaining('file'),
        });
        expect(read('made')).toBe('from-pass');
      } finally {
        execFileSync('gpgconf', ['--kill', 'all'], given);
      }
    },
  );

  test.each([
    ['fails', 'echo "not signed in" >&2; exit 1', '"op", which gives secrets, exited 1'],
    [
      'hangs, with what it started',
      'sleep 60 & sleep 60',
      '"op", which gives secrets, did not end within 1 s',
    ],
    ['prints nothing', 'true', '"op", which gives secrets, printed nothing'],
    ['is killed', 'kill -9 $$', '"op", which gives secrets, was ended by SIGKILL'],
    ['is not there', undefined, '"op", which gives secrets, could not be started'],
  ])('and %s keeps from changing, not from planning', (_, body, message) => {
    if (body === undefined) rmSync(at('bin/op'), { force: true });
    else program('op', body);
    rmSync(at('made'), { force: true });
    const ran = planned('[{ command: [op, read, db], as: db, timeout: 1s }]');
    expect([ran.exit, ran.stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(existsSync(at('made'))).toBe(false);
    expect(run('apply', 'play.yml', '--check')).toMatchObject({ exit: 2 });
  });
});
