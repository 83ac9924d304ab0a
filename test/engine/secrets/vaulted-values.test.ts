import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostsOf } from '../../../engine/inventory/host-patterns.ts';
import { loadInventory } from '../../../engine/inventory/read-inventory.ts';
import type { Problem } from '../../../engine/problem.ts';
import { argsOf, folderOf, load, play, problemsIn } from '../workspace.ts';

// Both were made by ansible-vault 2.14 with this password.
const vaultPassword = 'pw';
const inline = `!vault |
    $ANSIBLE_VAULT;1.1;AES256
    38653534623535353932303430363131373662303262336561386236613663396539326131666131
    6231646533646361333961356263643335303633616435640a366438356466646163353937323639
    38636566666631353164636166663034333065386638663935373163663764363130613166376130
    3937623437393734330a333832643463343061626166373165336137383161653761623936636637
    64646666393765363436376233663234356531313531333566646536663762323537
`;
const inlineText = 'hunter2 with "quotes"';
const whole = `$ANSIBLE_VAULT;1.1;AES256
63643330346534376438666430356163303064323036643037623438653039306161613463326230
3431393235373766336432613634613430633139356631330a303734613636386230363734393332
34313430626335626563366331616264323963313636386361353834653834633339306566393236
6239373733383136380a376461396235653966313564633639306464653361633363346235646330
31333739633236343139323439646265636434386134383738343835666363646533316136356365
37616563643137326332346130613966616136373634633138376134326135353630653536643433
39303330666564613335333534643837646131393962613732336661633931623236666166396462
32306265663564373436343463343065336536643731636465323662633938383862393264643565
6561
`;

const nested = `all:\n  hosts:\n    web1:\n      api:\n        key: ${inline.replaceAll('\n    ', '\n          ')}`;
const uses = (expression: string) =>
  `hosts: all\nresources:\n  - file: { path: /a, content: "{{ ${expression} }}" }\n  - file: { path: /b, content: plain }\n`;

describe('a single value that Ansible Vault encrypted', () => {
  it('is a secret with its name, once the password is given', () => {
    const told = new Map<string, string>();
    const secrets = { add: (text: string, label: string) => told.set(text, label) };
    const it = play(uses('api.key'), { 'inventory.yml': nested }, { vaultPassword, secrets });
    const [first, second] = it.resolve(it.hosts[0]!);
    expect(first).toMatchObject({ secrets: [{ text: inlineText, label: 'api.key' }] });
    expect(argsOf(first!)['content']).toBe(inlineText);
    expect(second).toMatchObject({ secrets: [] });
    expect([...told]).toEqual([[inlineText, 'api.key']]);
  });

  it.each([
    ['no password', undefined, 'no password is given'],
    ['another password', 'wrong', 'The password does not open'],
  ])('blocks with %s what uses it, and nothing else', (_, given, message) => {
    const told: [string, Problem][] = [];
    const it = play(
      uses('api.key'),
      { 'inventory.yml': nested },
      { vaultPassword: given, secretsMissing: (...missing) => told.push(missing) },
    );
    const [first, second] = it.resolve(it.hosts[0]!);
    expect([first!.unopenedSecret?.code, second!.unopenedSecret]).toEqual(['secrets-locked', undefined]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject([
      'the password of Ansible Vault',
      { code: 'secrets-locked', message: expect.stringContaining(message) },
    ]);
    expect(JSON.stringify(told)).not.toContain('3865');
  });

  it('is a problem if every value must be known', () => {
    const found = problemsIn(() =>
      load({ 'playbook.yml': uses('api.key'), 'inventory.yml': nested }, { vaultPassword: 'wrong' }),
    );
    expect(found).toMatchObject([
      { code: 'secrets-locked', hint: expect.stringContaining('--ask-secrets-pass') },
    ]);
  });

  it('is read from the output of ansible-inventory too', () => {
    const sealed = inline
      .split('\n')
      .slice(1)
      .map(line => line.trim())
      .join('\n');
    const printed = {
      _meta: { hostvars: { web1: { key: { __ansible_vault: sealed }, raw: { __ansible_unsafe: '{{ x' } } } },
      all: { hosts: ['web1'] },
    };
    const it = play(uses('key + raw'), { 'inventory.yml': JSON.stringify(printed) }, { vaultPassword });
    expect(argsOf(it.resolve(it.hosts[0]!)[0]!)['content']).toBe(`${inlineText}{{ x`);
  });

  it('may stand in a file of secrets', () => {
    const files = { 'some.secret.yml': `key: ${inline}pin: 0070\n` };
    const it = play(`secrets: [some.secret.yml]\n${uses('secrets.key + secrets.pin')}`, files, {
      vaultPassword,
    });
    expect(argsOf(it.resolve(it.hosts[0]!)[0]!)['content']).toBe(`${inlineText}0070`);
  });

  it('may be a password or another setting of the connection', () => {
    const told: string[] = [];
    const text = `all:\n  hosts:\n    web1:\n      ansible_user: ${inline.replaceAll('\n    ', '\n          ')}      ansible_ssh_pass: ${inline.replaceAll('\n    ', '\n          ')}`;
    const given = (vaultPassword?: string) => {
      const folder = folderOf({ 'hosts.yml': text });
      const secrets = { add: (text: string) => told.push(text) };
      const all = loadInventory({ inventory: [join(folder, 'hosts.yml')], vaultPassword, secrets });
      return hostsOf('all', all)[0]!;
    };
    const host = given(vaultPassword);
    expect([host.user, host.password?.reveal(), `${host.password}`]).toEqual([
      inlineText,
      inlineText,
      '«ansible_ssh_pass»',
    ]);
    expect(told).toEqual([inlineText, inlineText]);
    expect(problemsIn(() => given())).toMatchObject([
      { code: 'secrets-locked', host: 'web1' },
      { code: 'secrets-locked', host: 'web1' },
    ]);
  });

  it.skipIf(spawnSync('ansible-vault', ['--version']).error !== undefined)(
    'equals the present output of ansible-vault',
    () => {
      const folder = folderOf({ password: 'open sesame\n' });
      const args = [
        'encrypt_string',
        '--vault-password-file',
        join(folder, 'password'),
        '--stdin-name',
        'key',
      ];
      const text = "two\nlines of pä'ss";
      const yaml = execFileSync('ansible-vault', args, { input: text, encoding: 'utf8', stdio: 'pipe' });
      const files = { 'inventory.yml': 'all:\n  hosts: { web1: }\n', 'group_vars/all.yml': yaml };
      const it = play(uses('key'), files, { vaultPassword: 'open sesame' });
      expect(argsOf(it.resolve(it.hosts[0]!)[0]!)['content']).toBe(text);
    },
  );
});

describe('variables in a file that Ansible Vault encrypted', () => {
  const files = {
    'inventory.yml': 'all:\n  hosts: { web1: , db1: }\n  children: { db: { hosts: { db1: } } }\n',
    'group_vars/db/vault.yml': whole,
  };

  it('are secrets if they are texts or numbers, and their passwords work for become', () => {
    const told = new Set<string>();
    const it = play(uses("port ~ nested.token if on_call else ''").replace('all', 'db'), files, {
      vaultPassword,
      secrets: { add: text => told.add(text) },
    });
    const [host] = it.hosts;
    expect(host!.vars).toMatchObject({ port: '«port»', nested: '«nested»' });
    expect(host!.becomePassword?.reveal()).toBe('become-it');
    const [resource] = it.resolve(host!);
    expect(argsOf(resource!)['content']).toBe('5433t0ken');
    expect([...told].toSorted()).toEqual(['5433', 'become-it', 't0ken']);
  });

  it('block only their own hosts without the password', () => {
    const it = play(uses("'x'").replace('all', 'web1'), files);
    expect(it.hosts.map(({ name }) => name)).toEqual(['web1']);
    expect(problemsIn(() => load({ 'playbook.yml': uses("'x'"), ...files }))).toMatchObject([
      { code: 'secrets-locked', host: 'db1', message: expect.stringContaining('db/vault.yml') },
    ]);
  });
});
