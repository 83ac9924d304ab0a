import { expect, test } from 'vitest';
import { modules } from '../../../modules/index.ts';
import { brief, load, problems, problemsIn, modules as simple } from '../workspace.ts';

const files = {
  'inventory.yml': 'hosts: { web1: , web2: }',
  'files/code/one.txt': 'one',
  'files/other/two.txt': 'two',
  'templates/host.j2': '{{ facts.hostname }}',
};
const conflicts = (playbook: string) => brief(problems(playbook, files, { modules }));
const play = (...resources: string[]) => ['hosts: all', 'resources:', ...resources.map(one => `  - ${one}`)];

test.each([
  [
    'a directory and the tree in it',
    'directory: { path: /srv/app, mode: "0750" }',
    'tree: { src: code, path: /srv/app, owner: www-data }',
  ],
  [
    'a file in a directory',
    'directory: { path: /srv/app, owner: root }',
    'file: { path: /srv/app/a, owner: app }',
  ],
  [
    'a file that is as the tree has it',
    'tree: { src: code, path: /srv/app }',
    'file: { path: /srv/app/one.txt, content: one, mode: "0600" }',
  ],
  [
    'a file that a tree does not sweep',
    'tree: { src: code, path: /srv/app, delete_extra: true, exclude: [venv] }',
    'python_venv: { path: /srv/app/venv }',
  ],
  [
    'what two resources take away',
    'directory: { path: /srv/old, state: absent }',
    'file: { path: /srv/old/file, state: absent }',
  ],
  ['a link below another path', 'directory: { path: /srv/app }', 'link: { path: /srv/app-2, target: app }'],
  ['a package twice', 'apt: { packages: [nginx, curl] }', 'apt: { packages: [curl], state: latest }'],
  [
    'two that a condition may part',
    'file: { path: /a, content: a }',
    '{ name: B, link: { path: /a, target: b }, when: "facts.cpus > 2" }',
  ],
])('no conflict: %s', (_, ...resources) => {
  expect(conflicts(play(...resources).join('\n'))).toEqual([]);
});

const plays = (second: string, hosts = 'all') =>
  `plays:
  - hosts: web1
    resources: [{ file: { path: /a, content: one } }, { file: { path: /b, template: host.j2 } }]
  - hosts: ${hosts}
    resources: [{ name: Second, ${second} }]`;

test('two plays may declare the same, but not different properties of a host in both', () => {
  expect(conflicts(plays('file: { path: /a, content: one, mode: "0600" }'))).toEqual([]);
  expect(conflicts(plays('file: { path: /b, template: host.j2 }'))).toEqual([]);
  expect(conflicts(plays('file: { path: /a, content: two }', 'web2'))).toEqual([]);
  expect(conflicts(plays('file: { path: /a, content: two }'))).toEqual([
    '5:33 Second and file /a (on line 3) disagree about the content of /a. [conflict]',
  ]);
});

const two = (first: string, second: string) => `plays:
  - hosts: web1
    secrets: [s.secret.yml]
    resources: [{ name: First, ${first} }]
  - hosts: all
    secrets: [s.secret.yml]
    resources: [{ name: Second, ${second} }]`;
const found = (first: string, second: string, all = modules) =>
  problems(two(first, second), { ...files, 's.secret.yml': 'a: word-a\nb: word-b' }, { modules: all });

test.each([
  [
    'service: { name: app, state: running }',
    'service: { name: app.service, state: stopped }',
    'whether app.service runs',
  ],
  [
    'pg_setting: { name: work_mem, value: 4MB }',
    'pg_setting: { name: WORK_MEM, value: 8MB }',
    'the value of pg_setting work_mem',
  ],
  ['pg_role: { name: app }', 'pg_role: { name: app, login: false }', 'the login of pg_role app'],
  [
    'pg_database: { name: app, owner: app }',
    'pg_database: { name: app, owner: root }',
    'the owner of pg_database app',
  ],
  [
    'pg_hba: { type: host, user: app, database: app, address: 10.0.0.0/8, method: trust }',
    'pg_hba: { type: host, user: app, database: app, address: 10.0.0.0/8, method: reject }',
    'the rule of pg_hba host app app 10.0.0.0/8',
  ],
  [
    'python_venv: { path: /srv/v, packages: [a] }',
    'python_venv: { path: /srv/v, packages: [a], python: /usr/bin/python3.12 }',
    'the python of python_venv /srv/v',
  ],
])(
  'two plays that settle a thing differently are refused, whatever its module: %s',
  (first, second, what) => {
    expect(brief(found(first, second))).toEqual([
      `7:33 Second and First (on line 4) disagree about ${what}. [conflict]`,
    ]);
  },
);

test('a thing that one play creates and another removes is refused, whatever its module', () => {
  const all = found('file: { path: /a }', 'file: { path: /a, state: absent }', simple);
  expect(brief(all)).toEqual([
    '7:33 Second and First (on line 4) disagree about whether file /a exists. [conflict]',
  ]);
});

test.each([
  ['service: { name: app, state: running, settle: 1s }', 'service: { name: app, enabled: true }'],
  [
    'pg_role: { name: app, password: "{{ secrets.a }}" }',
    'pg_role: { name: app, password: "{{ secrets.a }}" }',
  ],
  ['apt: { packages: [curl] }', 'apt: { packages: [curl], state: latest }'],
  ['tree: { src: code, path: /srv/app }', 'tree: { src: other, path: /srv/app }'],
  ['command: { run: date, always: true }', 'command: { run: date, always: true }'],
  [
    'pg_setting: { name: work_mem, value: "{{ facts.memory_mb }}MB" }',
    'pg_setting: { name: work_mem, value: 8MB }',
  ],
  ['service: { name: app, state: running }', 'service: { name: other, state: stopped }'],
])('two plays may both declare: %s', (first, second) => {
  expect(brief(found(first, second))).toEqual([]);
});

test('two plays may not set different passwords, which are not shown', () => {
  const all = found(
    'pg_role: { name: app, password: "{{ secrets.a }}" }',
    'pg_role: { name: app, password: "{{ secrets.b }}" }',
  );
  expect(brief(all)).toEqual(['7:33 Second and First (on line 4) disagree about the same thing. [conflict]']);
  expect(JSON.stringify(all)).not.toContain('word-');
});

const registered = (...resources: string[]) =>
  conflicts(
    play('{ name: Look, command: { run: look, always: true }, register: look }', ...resources).join('\n'),
  );

test('two resources whose conditions are outcomes both count as applied', () => {
  const hint = /Write one resource/;
  const [first, second] = [
    '{ name: A, file: { path: /a, content: a }, when: look.changed }',
    '{ name: B, file: { path: /a, content: b }, when: not look.changed }',
  ];
  expect(registered(first, second)).toEqual([
    '5:16 file /a is managed by two resources; the other is on line 4. [conflict]',
  ]);
  const link = '{ name: L, link: { path: /a, target: b }, when: "look.stdout == facts.hostname" }';
  expect(registered(first, link)).toEqual([
    '5:16 L and A (on line 4) disagree about what is at /a. [conflict]',
  ]);
  const told = problems(
    play('{ name: Look, command: { run: look, always: true }, register: look }', first, link).join('\n'),
    files,
    { modules },
  );
  expect(told[0]?.hint).toMatch(hint);
  expect(registered(first, '{ name: B, file: { path: /a, content: b }, when: false }')).toEqual([]);
});

const fact = `plays:
  - hosts: web1
    resources:
      - { name: First, pg_setting: { name: work_mem, value: 4MB }, when: facts.cpus > 2 }
  - hosts: web1
    resources:
      - { name: Second, pg_setting: { name: work_mem, value: "{{ facts.cpus }}MB" } }
      - { name: Many, file: { path: /n, content: many }, when: facts.cpus > 2 }
      - { name: Few, file: { path: /n, content: few }, when: facts.cpus < 9 }`;

test.each([
  [8, ['9:22 file /n is managed by two resources; the other is on line 8. [conflict]']],
  [2, []],
  [4, ['9:22 file /n is managed by two resources; the other is on line 8. [conflict]']],
  [9, ['7:25 Second and First (on line 4) disagree about the value of pg_setting work_mem. [conflict]']],
])('what facts decide is compared once they are known: %i', (cpus, expected) => {
  const [first, second] = load({ ...files, 'playbook.yml': fact }, { modules }).plays;
  const host = first!.hosts[0]!;
  first!.resolve(host, { cpus });
  expect(brief(problemsIn(() => second!.resolve(host, { cpus })))).toEqual(expected);
});

test('a path with a secret is not shown', () => {
  const playbook = play(
    '{ name: A, file: { path: "/{{ secrets.place }}", content: a } }',
    '{ name: B, link: { path: "/{{ secrets.place }}", target: b } }',
  );
  const found = problems(
    ['secrets: [s.secret.yml]', ...playbook].join('\n'),
    {
      ...files,
      's.secret.yml': 'place: hidden-place',
    },
    { modules },
  );
  expect(found.map(({ code }) => code)).toEqual(['secret-exposed', 'secret-exposed']);
  expect(JSON.stringify(found)).not.toContain('hidden-place');
});
