import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { selectHosts } from '../../../engine/inventory/host-patterns.ts';
import { loadInventory } from '../../../engine/inventory/read-inventory.ts';
import { brief, folderOf, play, problemsIn } from '../workspace.ts';

const example = `
defaults: { user: deploy, become: true, port: 2200 }
vars: { color: red, size: 1 }
hosts:
  web1: { address: 203.0.113.11 }
  web2: { address: 203.0.113.12, port: 2222, become: { user: app }, vars: { workers: 5 } }
  db1: { transport: nspawn, become: false, host_key: ssh-ed25519 AAAA }
groups:
  web: { hosts: [web2, web1], vars: { domain: example.com, size: 3 } }
  db: { hosts: [db1] }
  prod: { groups: [web, db], vars: { size: 2, domain: prod.example.com } }
  all: { vars: { color: blue } }
`;

/** An inventory of files, given with -i in their order. */
function inventory(...files: string[]) {
  const names = files.map((_, index) => `${index}.yml`);
  const folder = folderOf(Object.fromEntries(files.map((text, index) => [names[index], text])));
  return loadInventory({ inventory: names.map(name => join(folder, name)) });
}

describe('hosts', () => {
  const hosts = () => inventory(example).hosts;

  test('have defaults for omitted settings', () => {
    expect(hosts().get('web1')).toMatchObject({
      address: '203.0.113.11',
      port: 2200,
      user: 'deploy',
      transport: 'ssh',
      become: { user: 'root', method: 'sudo' },
    });
    expect(hosts().get('web2')).toMatchObject({ port: 2222, become: { user: 'app', method: 'sudo' } });
    expect(hosts().get('db1')).toMatchObject({
      address: 'db1',
      transport: 'nspawn',
      become: false,
      hostKey: 'ssh-ed25519 AAAA',
    });
  });

  test('belong to groups through other groups too', () => {
    expect(hosts().get('web1')?.groups).toEqual(['prod', 'web']);
    expect(inventory(example).groups.get('prod')).toEqual(['web2', 'web1', 'db1']);
  });

  test('take variables of all, then of groups, child over parent, then their own', () => {
    expect(hosts().get('web2')?.vars).toEqual({ color: 'blue', size: 3, domain: 'example.com', workers: 5 });
    expect(hosts().get('db1')?.vars).toEqual({ color: 'blue', size: 2, domain: 'prod.example.com' });
  });

  test('list the sources of each variable, weakest first', () => {
    const levels = inventory(example)
      .variablesOf('web1')
      .filter(({ name }) => name === 'size');
    expect(levels.map(({ level, at }) => [level, at.line])).toEqual([
      ['group all', 3],
      ['group prod', 11],
      ['group web', 9],
    ]);
  });
});

test('several inventories are one, and a later one is stronger', () => {
  const { hosts, groups } = inventory(
    example,
    'hosts: { web1: { port: 22 }, web3: }\ngroups: { web: { hosts: [web3] } }',
  );
  expect(hosts.get('web1')).toMatchObject({ port: 22, user: 'deploy' });
  expect(groups.get('web')).toEqual(['web2', 'web1', 'web3']);
});

test.each([
  ['fd00::1', 'fd00::1', undefined],
  ['[fd00::1]', 'fd00::1', undefined],
  ['[fd00::1]:2222', 'fd00::1', 2222],
  ['deploy@[fe80::1]:22', 'fe80::1', 22],
])('-i takes the address %s', (written, address, port) => {
  const known = loadInventory({ inventory: [`${written},web2`] });
  expect(known.hosts.get(address)).toMatchObject({ address, ...(port && { port }) });
  expect(selectHosts(address, known)).toEqual([address]);
});

test('an address may have brackets, and no port behind it', () => {
  const { hosts } = inventory(
    'hosts: { a: { address: "[fd00::1]" }, b: { address: "fd00::2", port: 2222 } }',
  );
  expect([hosts.get('a')?.address, hosts.get('b')?.address]).toEqual(['fd00::1', 'fd00::2']);
  const found = problemsIn(() =>
    inventory('hosts: { a: { address: "[fd00::1]:2222" }, b: { address: "10.0.0.1:22" } }'),
  );
  expect(brief(found)).toEqual([
    '1:24 "[fd00::1]:2222" has a port in it. [invalid-value]',
    '1:58 "10.0.0.1:22" has a port in it. [invalid-value]',
  ]);
  expect(found[0]?.hint).toBe('address: "fd00::1", port: 2222');
});

test('-i takes a list of hosts', () => {
  const { hosts } = loadInventory({ inventory: ['web1,admin@web2:2222,localhost'] });
  expect(
    [...hosts.values()].map(({ name, user, port, transport }) => [
      name,
      name === 'web2' ? user : '',
      port,
      transport,
    ]),
  ).toEqual([
    ['web1', '', undefined, 'ssh'],
    ['web2', 'admin', 2222, 'ssh'],
    ['localhost', '', undefined, 'local'],
  ]);
});

const refused: [title: string, text: string, problems: string[]][] = [
  [
    'an unknown key',
    'hosts: { a: { adress: x } }',
    ['1:15 hosts.a takes no "adress". Did you mean "address"? [unknown-key]'],
  ],
  [
    'a setting of Ansible',
    'hosts: { a: { ansible_user: x } }',
    ['1:15 hosts.a takes no "ansible_user". Did you mean "user"? [unknown-key]'],
  ],
  ['a list of hosts', 'hosts: [a]', ['1:8 hosts takes a map or nothing, not a list. [wrong-type]']],
  [
    'a port that is none',
    'hosts: { a: { port: 99999 } }',
    ['1:21 hosts.a.port must be at most 65535, not the number 99999. [invalid-value]'],
  ],
  [
    'an unknown host in a group',
    'hosts: { web1: }\ngroups: { g: { hosts: [wbe1] } }',
    ['2:24 The group g names a host "wbe1", which is not among the hosts. [unknown-host]'],
  ],
  [
    'an unknown group in a group',
    'groups: { g: { groups: [h] } }',
    ['1:25 The group g names a group "h", which is not among the groups. [unknown-host]'],
  ],
  [
    'groups in a circle',
    'groups: { a: { groups: [b] }, b: { groups: [a] } }',
    ['1:11 These groups hold one another: a → b → a. [conflict]'],
  ],
  [
    'a name for a host and a group',
    'hosts: { a: }\ngroups: { a: }',
    ['2:11 "a" is the name of both a host and a group. [invalid-value]'],
  ],
  [
    'a host called all',
    'hosts: { all: }',
    ['1:10 "all" is the group of all hosts; a host needs another name. [invalid-value]'],
  ],
  [
    'a name that patterns cannot select',
    'hosts: { "a,b": }',
    ['1:10 "a,b" cannot be a name: patterns could not select it. [invalid-value]'],
  ],
  [
    'a template in an address',
    'hosts: { a: { address: "{{ x }}" } }',
    ['1:24 address is taken as it is written; templates are not evaluated here. [invalid-value]'],
  ],
];
test.each(refused)('%s is a problem at its place', (_, text, expected) => {
  expect(brief(problemsIn(() => inventory(text)))).toEqual(expected);
});

test('a host or group without braces is told with them', () => {
  const found = problemsIn(() => inventory('hosts: { a: 10.0.0.1 }\ngroups: { web: [a] }'));
  expect(found.map(({ hint }) => hint)).toEqual([
    'Write a: { address: 10.0.0.1 }',
    'Write web: { hosts: [a] }',
  ]);
});

describe('patterns', () => {
  test.each([
    ['all', 'web1 web2 db1'],
    ['web', 'web1 web2'],
    ['db1,web1', 'web1 db1'],
    ['web,db', 'web1 web2 db1'],
    ['prod:&web', 'web1 web2'],
    ['prod:!web1', 'web2 db1'],
    ['!web', 'db1'],
    ['web*', 'web1 web2'],
    ['?b1', 'db1'],
    ['web[0]', 'web2'],
    ['web[-1]', 'web1'],
    ['all[1:2]', 'web2 db1'],
    ['all[1:]:!db', 'web2'],
    ['web[5]', undefined],
    ['~(web|db)1', 'web1 db1'],
    ['~web\\d{1,2},db', 'web1 web2 db1'],
    ['?eb[!1]', 'web2'],
    ['[dw]*1', 'web1 db1'],
    ['a*,db1', undefined],
    ['wbe1', undefined],
    ['localhost', 'localhost'],
  ])('%s', (pattern, expected) => {
    const select = () => selectHosts(pattern, inventory(example)).join(' ');
    if (expected === undefined) expect(problemsIn(select)).toMatchObject([{ code: 'unknown-host' }]);
    else expect(select()).toBe(expected);
  });

  test('localhost is this computer unless the inventory uses the name', () => {
    const named = 'hosts: { web1: }\ngroups: { localhost: { hosts: [web1] } }';
    expect(selectHosts('localhost', inventory(named))).toEqual(['web1']);
  });

  test('an unknown name suggests the nearest one', () => {
    expect(
      problemsIn(() => selectHosts('prd:&wbe', inventory(example))).map(({ message }) => message),
    ).toEqual([
      'There is no host or group "prd". Did you mean "prod"?',
      'There is no host or group "wbe". Did you mean "web"?',
    ]);
  });
});

describe('levels of variables', () => {
  const levels = (...upTo: string[]) => {
    const files = {
      'inventory.yml': `vars: { v: all }\nhosts: { web1: { vars: { ${upTo.includes('host') ? 'v: host' : ''} } } }\ngroups: { g: { hosts: [web1], vars: { ${upTo.includes('group') ? 'v: group' : ''} } } }`,
      'a.yml': 'v: vars_files',
      'b.yml': 'v: later file',
    };
    const names = ['a.yml', 'b.yml'].slice(0, upTo.filter(level => level === 'file').length);
    const playbook = `hosts: all\nvars: { ${upTo.includes('play') ? 'v: play' : ''} }\nvars_files: [${names}]\nresources:\n  - file: { path: "/{{ v }}{{ vars.v }}" }`;
    const it = play(playbook, files, upTo.includes('--var') ? { vars: ['v=option'] } : {});
    return it.resolve(it.hosts[0]!)[0]?.args.path;
  };
  test.each([
    ['', '/allall'],
    ['group', '/groupgroup'],
    ['group host', '/hosthost'],
    ['group host file', '/vars_filesvars_files'],
    ['group host file file', '/later filelater file'],
    ['group host file play', '/playplay'],
    ['group host file play --var', '/optionoption'],
  ])('all %s', (upTo, path) => {
    expect(levels(...upTo.split(' '))).toBe(path);
  });

  test.each([
    ['n=3', 3],
    ['n=text', 'text'],
    ['n=', ''],
    ['n="3"', '3'],
    ['n=[1, a]', [1, 'a']],
    ['n={a: {b: true}}', { a: { b: true } }],
    ['n=a: b', 'a: b'],
    ['n=@x', '@x'],
    ['n=* *', '* *'],
    ['n={{ 1 + 2 }}', 3],
    ['n=yes', 'yes'],
  ])('--var %s', (option, expected) => {
    const it = play(
      'hosts: all\nresources:\n  - file: { path: /a, content: "{{ n | to_json }}" }',
      {},
      { vars: [option] },
    );
    expect(JSON.parse(it.resolve(it.hosts[0]!)[0]?.args.content)).toEqual(expected);
  });

  test('--var @FILE reads a map', () => {
    const folder = folderOf({ 'v.yml': 'n: 7' });
    const it = play(
      'hosts: all\nresources:\n  - file: { path: "/{{ n }}" }',
      {},
      { vars: [`@${folder}/v.yml`] },
    );
    expect(it.resolve(it.hosts[0]!)[0]?.args.path).toBe('/7');
  });

  test('maps are replaced, not merged', () => {
    const it = play(
      'hosts: all\nvars: { m: { b: 2 } }\nresources:\n  - file: { path: /a, content: "{{ m | to_json }}" }',
      { 'inventory.yml': 'vars: { m: { a: 1 } }\nhosts: { web1: }' },
    );
    expect(JSON.parse(it.resolve(it.hosts[0]!)[0]?.args.content)).toEqual({ b: 2 });
  });

  test('variables of another host are evaluated as on that host', () => {
    const files = {
      'inventory.yml':
        'hosts: { a: { vars: { n: 1 } }, b: { vars: { n: 2 } } }\nvars: { twice: "{{ n * 2 }}" }',
    };
    const it = play(
      'hosts: a\nresources:\n  - file: { path: "/{{ twice }}/{{ hosts.b.vars.twice }}/{{ hosts.b.name }}/{{ groups.all | length }}" }',
      files,
    );
    expect(it.resolve(it.hosts[0]!)[0]?.args.path).toBe('/2/4/b/2');
  });
});
