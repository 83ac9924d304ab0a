import { expect, test } from 'vitest';
import { modules } from '../../../modules/index.ts';
import { brief, problems } from './workspace.ts';

const files = {
  'inventory.yml': 'hosts: { web1: , web2: }',
  'files/code/one.txt': 'one',
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

test('two plays may declare the same, but not different things of a host that is in both', () => {
  expect(conflicts(plays('file: { path: /a, content: one, mode: "0600" }'))).toEqual([]);
  expect(conflicts(plays('file: { path: /b, template: host.j2 }'))).toEqual([]);
  expect(conflicts(plays('file: { path: /a, content: two }', 'web2'))).toEqual([]);
  expect(conflicts(plays('file: { path: /a, content: two }'))).toEqual([
    '5:33 Second and file /a (on line 3) disagree about the content of /a. [conflict]',
  ]);
});

test('a path with a secret in it is not told', () => {
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
