import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './run-program.ts';

let folder: string;
const put = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
const reconcile = (...argv: string[]) => runProgram(argv, folder);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-first-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an inventory', () => {
  beforeEach(() =>
    put(
      'inventory.yml',
      'hosts:\n  m1: { identity_file: /nowhere/key }\n  m2: { address: no.invalid, user: me }\ngroups: { web: {} }\n',
    ),
  );

  it('without hosts in a group lets its play do nothing, and says so', async () => {
    put('site.yml', 'hosts: web\nresources: [{ command: { run: "true", always: true } }]\n');
    const ran = await reconcile('apply', 'site.yml');
    expect(ran).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('There is no host in "web": '),
    });
    const listed = await reconcile('inventory', 'web');
    expect(listed).toMatchObject({ exitCode: 0, stderr: 'There is no host in "web".\n' });
  });

  it('that names a missing key is wrong input, with its line', async () => {
    const ran = await reconcile('facts', 'm1');
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain('inventory.yml:2:24: The key "/nowhere/key"');
    put('site.yml', 'hosts: m1\nresources: [{ command: { run: "true", always: true } }]\n');
    expect((await reconcile('apply', 'site.yml', '--check')).stderr).toContain('inventory.yml:2:24: ');
    expect(await reconcile('validate', 'site.yml')).toMatchObject({ exitCode: 0 });
  });

  it('whose host has no address in the DNS names it and the key that sets one', async () => {
    const { stderr, exitCode } = await reconcile('facts', 'm2');
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/"no.invalid"(.|\n)*\n {6}m2: \{ address: /);
  });

  it('lists names it has, for one that is not near to any', async () => {
    expect((await reconcile('facts', 'zzzzz')).stderr).toContain('The inventory has m1, m2, all, web.');
  });
});

it('without an inventory, the program names the command that makes one', async () => {
  expect((await reconcile('facts', 'web')).stderr).toContain('\n      reconcile init my-servers\n');
});

it.each([
  ['command', 'At most one of these groups: run · script, interpreter.'],
  ['nginx_site', 'At most one of content, src, template.'],
  ['pg_check', 'At most one of these groups: dsn · database, user, password, host, port.'],
])('reconcile modules %s shows which arguments go together', async (name, sentence) => {
  expect((await reconcile('modules', name)).stdout).toContain(sentence);
});

it('reconcile explain CODE shows the meaning and the remedy', async () => {
  const { stdout } = await reconcile('explain', '[locked]');
  expect(stdout).toMatch(/^locked\nAnother run[^\n]*\n\nWait [^\n]*`reconcile lock release HOST`/);
});

it.each(['secrets', 'lock'])('reconcile %s --help explains its actions', async command => {
  const { stdout } = await reconcile(command, '--help');
  expect(stdout).toMatch(/\nActions:\n( {2}\w+ +\w.*\n)+$/);
});

describe('reconcile secrets', () => {
  const sealed = 'a: x\nreconcile: { secrets: 1, recipients: [age1a], key: k, mac: m }\n';

  it.each(['view', 'edit', 'encrypt', 'decrypt', 'rotate'])(
    '%s names the command for an Ansible Vault file',
    async action => {
      put('v.yml', '$ANSIBLE_VAULT;1.1;AES256\n6162\n');
      const { exitCode, stderr } = await reconcile('secrets', action, 'v.yml');
      expect(exitCode).toBe(3);
      expect(stderr).toMatch(/is a file of Ansible Vault.*\n {6}ansible-vault \w+ v\.yml\n/);
    },
  );

  it.each(['init', 'view', 'encrypt'])('%s refuses a playbook', async action => {
    put('site.yml', 'hosts: web\nresources: []\n');
    const { exitCode, stderr } = await reconcile('secrets', action, 'site.yml');
    expect(exitCode).toBe(3);
    expect(stderr).toContain('"site.yml" is a playbook');
    expect(stderr).not.toContain('secrets encrypt');
  });

  it('init of a file that exists names the command that works', async () => {
    put('s.yml', sealed);
    expect((await reconcile('secrets', 'init', 's.yml')).stderr).toContain(
      '\n      reconcile secrets edit s.yml\n',
    );
    put('c.yml', 'a: x\n');
    expect((await reconcile('secrets', 'init', 'c.yml')).stderr).toContain(
      '\n      reconcile secrets encrypt c.yml\n',
    );
  });

  it('says which file is missing', async () => {
    expect((await reconcile('secrets', 'view', 'no.yml')).stderr).toContain(
      'The file "no.yml" does not exist.',
    );
    put('c.yml', 'a: x\n');
    expect((await reconcile('secrets', 'encrypt', 'c.yml', '-r', 'no.pub')).stderr).toContain(
      'There is no file "no.pub" of recipients.',
    );
  });
});
