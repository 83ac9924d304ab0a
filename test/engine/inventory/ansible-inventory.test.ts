import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { jumpOf } from '../../../engine/inventory/connection-settings.ts';
import { hostsOf } from '../../../engine/inventory/host-patterns.ts';
import { pythonLiteral } from '../../../engine/inventory/python-literal.ts';
import { loadInventory } from '../../../engine/inventory/read-inventory.ts';
import fc, { runs } from '../../random.ts';
import { brief, folderOf, play, problemsIn, shown } from '../workspace.ts';

function inventory(text: string, name = 'hosts') {
  return loadInventory({ inventory: [join(folderOf({ [name]: text }), name)] });
}

/** An inventory program; the second line is what it does. */
function program(body: string, mode = 0o755) {
  const file = join(folderOf({ 'inventory.sh': `#!/bin/sh\n${body}\n` }), 'inventory.sh');
  chmodSync(file, mode);
  return loadInventory({ inventory: [file] });
}

const malformed: [title: string, text: string, problems: string[]][] = [
  [
    'every line that is wrong is told, not only the first',
    '[web\nweb[1:\n[db:vras]\nx\n[db]\ndb1 port\n',
    [
      '1:1 "[web" is not a section. [inventory-syntax]',
      '3:5 A section "vras" has no meaning. [inventory-syntax]',
      '6:5 "port" sets no variable of the host. [inventory-syntax]',
    ],
  ],
  [
    'a range that is not closed',
    'web[1:3',
    ['1:4 The range that opens here is not closed with ]. [inventory-syntax]'],
  ],
  ['a range without an end', 'web[1:].example.com', ['1:5 "1:" is not a range. [inventory-syntax]']],
  [
    'a range that goes down',
    'web[9:1]',
    ['1:5 The range 9:1 goes down: write its lower end first. [inventory-syntax]'],
  ],
  [
    'a range of numbers and letters',
    'web[1:c]',
    ['1:5 "1:c" is neither a range of numbers nor of single letters. [inventory-syntax]'],
  ],
  [
    'a range with leading zeros on one side',
    'web[01:100]',
    ['1:5 The ends of the range 01:100 have different lengths: 01 has a leading zero. [inventory-syntax]'],
  ],
  [
    'a range without end',
    'web[0:999999999]',
    ['1:5 The range 0:999999999 stands for more than 100000 hosts. [inventory-syntax]'],
  ],
  [
    'ranges that multiply',
    'w[0:999][0:999]',
    ['1:1 This stands for more than 100000 hosts. [inventory-syntax]'],
  ],
  ['a step of nothing', 'web[1:9:0]', ['1:5 A range with steps of 0 never ends. [inventory-syntax]']],
  [
    'a port that is none',
    'web1:99999',
    ['1:6 99999 is not a port: those go from 1 to 65535. [inventory-syntax]'],
  ],
  [
    'a colon without a port',
    '[web]\nweb1:',
    ['2:5 "web1:" ends with a colon, which stands before a port. [inventory-syntax]'],
  ],
  [
    'a quote that is not closed',
    "web1 note='it",
    ['1:11 A quote that opens here is not closed. [inventory-syntax]'],
  ],
  [
    'a variable with spaces around =',
    'web1 port = 80',
    [
      '1:6 "port" sets no variable of the host. [inventory-syntax]',
      '1:11 "=" sets no variable of the host. [inventory-syntax]',
      '1:13 "80" sets no variable of the host. [inventory-syntax]',
    ],
  ],
  [
    'a line without = among variables',
    '[all:vars]\nport: 80',
    ['2:1 "port: 80" sets no variable. [inventory-syntax]'],
  ],
  [
    'a child that is no name',
    '[a]\n[b:children]\na b',
    ['3:1 "a b" is not the name of a group. [inventory-syntax]'],
  ],
  [
    'a child that is not there',
    '[web]\nweb1\n[all2:children]\nwbe',
    ['4:1 The group all2 names a group "wbe", which is not among the groups. [unknown-host]'],
  ],
  [
    'variables of no group',
    '[web]\nweb1\n[wbe:vars]\nx=1',
    ['3:1 There are variables for a group "wbe", but no such group. [unknown-host]'],
  ],
  [
    'a circle',
    '[a:children]\nb\n[b:children]\na',
    ['1:1 These groups hold one another: a → b → a. [conflict]'],
  ],
];
test.each(malformed)('INI: %s', (_, text, expected) => {
  expect(brief(problemsIn(() => inventory(text)))).toEqual(expected);
});

test('a mistake is shown with its line and its remedy', () => {
  expect(shown(problemsIn(() => inventory('[web]\nweb1 port = 80\n')))).toContain(
    `hosts:2:6: "port" sets no variable of the host. [inventory-syntax]
  2 | web1 port = 80
    |      ^^^^
  Write name=value without spaces around the "=", with quotes around a value that has some.`,
  );
});

test.each<[title: string, text: string, problems: string[]]>([
  [
    'a list of hosts',
    'web:\n  hosts: [web1, web2]\n',
    ['2:10 hosts of web takes a map or nothing, not a list. [wrong-type]'],
  ],
  [
    'a group that is a text',
    'all:\n  children:\n    web: web1\n',
    ['3:10 The group web takes a map or nothing, not text "web1". [wrong-type]'],
  ],
  [
    'an unknown key',
    'all:\n  hots: { web1: }\n',
    ['2:3 The group all takes hosts, children and vars, not "hots". [unknown-key]'],
  ],
  [
    'a range that is wrong',
    'all:\n  hosts:\n    web[1:c]:\n',
    ['3:9 "1:c" is neither a range of numbers nor of single letters. [inventory-syntax]'],
  ],
  [
    'a merge of no map',
    'all:\n  vars:\n    <<: 3\n',
    ['3:5 A merge key (<<) takes a map, or a list of maps. [yaml-syntax]'],
  ],
])('YAML: %s is a problem', (_, text, expected) => {
  expect(brief(problemsIn(() => inventory(text, 'hosts.yml')))).toEqual(expected);
});

describe('how to connect', () => {
  test.each<[line: string, settings: object]>([
    [
      'ansible_host=203.0.113.1 ansible_port=2222 ansible_user=deploy',
      { address: '203.0.113.1', port: 2222, user: 'deploy' },
    ],
    ['ansible_ssh_host=203.0.113.1 ansible_ssh_user=old', { address: '203.0.113.1', user: 'old' }],
    ['ansible_ssh_private_key_file=~/.ssh/key', { identityFile: '~/.ssh/key' }],
    ['ansible_connection=local', { transport: 'local' }],
    ['ansible_connection=community.docker.docker ansible_host=box', { transport: 'docker', address: 'box' }],
    ['ansible_become=yes', { become: { user: 'root', method: 'sudo' } }],
    [
      'ansible_become=true ansible_become_user=app ansible_become_method=doas',
      { become: { user: 'app', method: 'doas' } },
    ],
    ['ansible_become=False', { become: false }],
    [
      `ansible_ssh_common_args='-o ProxyJump=ops@gate.example.com:2222'`,
      { proxyJump: 'ops@gate.example.com:2222' },
    ],
    [`ansible_host="{{ inventory_hostname }}.example.com" net=x`, { address: 'web1.example.com' }],
  ])('%s', (line, settings) => {
    expect(inventory(`web1 ${line}`).hosts.get('web1')).toMatchObject(settings);
  });

  test.each<[options: string, jump: string | undefined]>([
    ['-J gate.example.com', 'gate.example.com'],
    ['-o StrictHostKeyChecking=no -o ProxyJump=a,b', 'a,b'],
    ['-o ProxyCommand="ssh -W %h:%p -q ops@gate"', 'ops@gate'],
    ["-o ProxyCommand='ssh -p 2222 -l ops -W %h:%p gate'", 'ops@gate:2222'],
    ['-o ProxyCommand="ssh -i key -W %h:%p gate"', undefined],
    ['-o ProxyCommand="nc -x proxy %h %p"', undefined],
    ['-C', undefined],
  ])('a jump in %s', (options, jump) => {
    expect(jumpOf(options)).toBe(jump);
  });

  it('an unsupported setting is a problem of its hosts alone, when they are used', () => {
    const mixed = inventory(
      '[win]\nwin1 ansible_connection=winrm\nwin2 ansible_host="{{ lookup(\'x\') }}"\n[web]\nweb1\n',
    );
    expect(hostsOf('all:!win', mixed).map(({ name }) => name)).toEqual(['web1']);
    expect(problemsIn(() => hostsOf('all', mixed)).map(({ host, at }) => [host, at?.line])).toEqual([
      ['win1', 2],
      ['win2', 3],
    ]);
  });
});

describe('variables', () => {
  it('that only Ansible understands are a problem only when they are used', () => {
    const files = {
      'inventory.yml':
        "all:\n  hosts: { web1: }\n  vars: { a: \"{{ lookup('env', 'X') | nothing }}\", b: 1 }\n",
    };
    const with_ = (name: string) => `hosts: all\nresources:\n  - file: { path: "/{{ ${name} }}" }`;
    const used = play(with_('b'), files);
    expect(used.resolve(used.hosts[0]!)[0]?.args.path).toBe('/1');
    expect(problemsIn(() => play(with_('a'), files))).toMatchObject([{ at: { line: 3 } }]);
  });

  it.each(['{}', '[]', '{toString: 1, valueOf: 1}'])(
    'may be %s where Ansible wants a number, and is a variable then',
    value => {
      const { hosts } = inventory(
        `all: { hosts: { a: }, vars: { ansible_group_priority: ${value} } }`,
        'i.yml',
      );
      expect([...hosts.keys()]).toEqual(['a']);
    },
  );

  it.each([
    ['ansible_host', '{toString: 1}', 'map'],
    ['ansible_port', '[22]', 'list'],
    ['ansible_password', '{a: 1}', 'map'],
    ['ansible_become', '[]', 'list'],
  ])('that say how to reach a host are one value: %s is not %s', (name, value, type) => {
    const found = inventory(`all: { hosts: { a: { ${name}: ${value} } } }`, 'i.yml');
    expect(problemsIn(() => hostsOf('all', found)).map(({ message }) => message)).toEqual([
      `${name} must be one value, not a ${type}.`,
    ]);
  });

  it("may use Ansible's names for the host", () => {
    const files = {
      'inventory.yml':
        'web:\n  hosts: { web1.example.com: }\n  vars: { n: "{{ inventory_hostname_short }}-{{ group_names[0] }}" }\n',
    };
    const it = play('hosts: all\nresources:\n  - file: { path: "/{{ n }}" }', files);
    expect(it.resolve(it.hosts[0]!)[0]?.args.path).toBe('/web1-web');
  });

  it('beside the playbook are stronger than those beside the inventory', () => {
    const files = {
      'inventory/hosts': '[web]\nweb1\n',
      'inventory/group_vars/web.yml': 'a: 1\nb: 1',
      'group_vars/web/main.yml': 'b: yes',
      'host_vars/web1.json': '{"c": 3}',
      'playbook.yml': 'hosts: web\nresources: []',
    };
    const folder = folderOf(files);
    const { hosts } = loadInventory({
      inventory: [join(folder, 'inventory')],
      beside: join(folder, 'playbook.yml'),
    });
    expect(hosts.get('web1')?.vars).toEqual({ a: 1, b: true, c: 3 });
  });

  it('of a child are stronger than the group_vars/ of its parent and of all', () => {
    const folder = folderOf({
      hosts: '[web]\nweb1\n[web:vars]\na=child\n[site:children]\nweb\n',
      'group_vars/all.yml': 'a: all\nb: all',
      'group_vars/site.yml': 'a: parent',
    });
    const { hosts } = loadInventory({ inventory: [join(folder, 'hosts')] });
    expect(hosts.get('web1')?.vars).toEqual({ a: 'child', b: 'all' });
  });

  it('that are encrypted are reported for their hosts', () => {
    const folder = folderOf({
      hosts: '[web]\nweb1\n[db]\ndb1\n',
      'group_vars/db/vault.yml': '$ANSIBLE_VAULT;1.1;AES256\n6162\n',
      'group_vars/web.yml': 'key: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\nplain: 1\n',
    });
    const known = loadInventory({ inventory: [join(folder, 'hosts')] });
    expect(hostsOf('web', known)[0]?.vars).toEqual({ key: '«Ansible Vault»', plain: 1 });
    expect(problemsIn(() => hostsOf('all', known))).toMatchObject([{ code: 'secrets-locked', host: 'db1' }]);
  });

  it('that are passwords are shown nowhere', () => {
    const { hosts } = inventory(
      'web1 ansible_password=012345 ansible_become_pass=hunter22\n[all:vars]\nansible_ssh_pass=open\n',
    );
    expect(hosts.get('web1')?.vars).toEqual({
      ansible_password: '«ansible_password»',
      ansible_become_pass: '«ansible_become_pass»',
      ansible_ssh_pass: '«ansible_ssh_pass»',
    });
    const found = problemsIn(() => inventory('web1 ansible_password=hunter22 hunter23\n'));
    expect(found).toHaveLength(1);
    expect(JSON.stringify(found)).not.toMatch(/hunter2[23]/);
  });

  it('that are passwords are secrets', () => {
    const told = new Set<string>();
    const it = play(
      'hosts: all\nresources:\n  - file: { path: /a, content: "{{ ansible_become_pass }}" }',
      { 'inventory.yml': 'all:\n  hosts: { web1: { ansible_become_pass: hunter22 } }\n' },
      { secrets: { add: text => told.add(text) } },
    );
    expect(it.resolve(it.hosts[0]!)[0]).toMatchObject({ secrets: [{ text: 'hunter22' }] });
    expect([...told]).toEqual(['hunter22']);
  });
});

test.each<[text: string, value: unknown]>([
  ['1', 1],
  ['-1_000', -1000],
  ['-(1 )#', -1],
  ['01', undefined],
  ['0x1F', 31],
  ['1.5e3', 1500],
  ['1.2.3', undefined],
  ['10.0.0.1', undefined],
  ['true', undefined],
  ['True', true],
  ['None', null],
  ['Truely', undefined],
  ["'a' 'b'", 'ab'],
  ['"a\\tb\\x41\\q"', 'a\tbA\\q'],
  ["r'a\\n'", 'a\\n'],
  ['1, 2', [1, 2]],
  ['(1)', 1],
  ['(1,)', [1]],
  ["{'a': [1, {2: None}],}", { a: [1, { 2: null }] }],
  ['[1, x]', undefined],
  ['[1', undefined],
  ['{{ x }}', undefined],
  ['5 # five', 5],
  ['', undefined],
  ["''", ''],
  ['['.repeat(1000), undefined],
])('a value %s is typed as a literal of Python', (text, value) => {
  expect(pythonLiteral(text)).toEqual(value);
});

describe('a program', () => {
  it('that fails is reported with its output', () => {
    expect(problemsIn(() => program('echo "no credentials" >&2; exit 3'))).toMatchObject([
      {
        code: 'inventory-program',
        message: expect.stringMatching(/--list" exited 3\.$/),
        cause: 'no credentials',
      },
    ]);
  });

  test.each([
    ['nothing', 'true', /printed nothing/],
    ['a text', 'echo hello', /is not JSON/],
    ['a list', 'echo "[]"', /must print a map of groups/],
    ['hosts that are none', `echo '{"web": {"hosts": "web1"}}'`, /group "web" .* needs a list of names/],
  ])('that prints %s is a problem', (_, body, message) => {
    expect(problemsIn(() => program(body))[0]).toMatchObject({
      code: 'inventory-program',
      message: expect.stringMatching(message),
    });
  });

  it('is run only when it is executable', () => {
    const [problem] = problemsIn(() => program('echo "{}"', 0o644));
    expect(problem).toMatchObject({ code: 'inventory-program', hint: expect.stringContaining('chmod +x') });
  });
});

test.each(['hosts', 'hosts.yml', 'hosts.json'])('any nonsense in %s is reported as problems', name => {
  const piece = fc.constantFrom(
    ...[
      '[',
      ']',
      'web',
      ':children',
      ':vars',
      '\n',
      ' ',
      '=',
      "'",
      '"',
      '\\',
      '#',
      '[1:3]',
      '[a:',
      'all',
      ':',
    ],
    ...[
      'hosts',
      'children',
      ': ',
      '{',
      '}',
      ',',
      '-',
      '<<',
      '*a',
      '&a ',
      '!vault ',
      '!unsafe ',
      '\0',
      '{{',
      '}}',
    ],
    ...['__proto__', '_meta', '"hosts":', '1', '~', '\t'],
  );
  const folder = folderOf({ [name]: '' });
  const texts = fc.array(piece, { maxLength: 40 }).map(parts => parts.join(''));
  fc.assert(
    fc.property(texts, text => {
      writeFileSync(join(folder, name), text);
      const found = problemsIn(() => loadInventory({ inventory: [join(folder, name)] }));
      expect(found.filter(({ code }) => code === 'bug')).toEqual([]);
    }),
    { numRuns: runs(150), examples: [['{<<]all'], ['{<<, ""all']] },
  );
});

it('a configuration of a plugin is refused with a workaround', () => {
  const [problem] = problemsIn(() => inventory('plugin: aws_ec2\nregions: [x]\n', 'aws_ec2.yml'));
  expect(problem).toMatchObject({
    code: 'not-supported',
    hint: expect.stringContaining('--list > hosts.json'),
  });
});

it('the output of a program can be kept in a file', () => {
  const { hosts } = inventory('{"web": ["web1"], "_meta": {"hostvars": {"web1": {"a": 1}}}}', 'hosts.json');
  expect(hosts.get('web1')).toMatchObject({ groups: ['web'], vars: { a: 1 } });
});
