import { expect, test } from 'vitest';
import type { Module } from '../../../engine/module.ts';
import { listOf, text } from '../../../engine/module-kit/argument.ts';
import { defineModule } from '../../../engine/module-kit/define-module.ts';
import { modules as shipped } from '../../../modules/index.ts';
import { brief, load, problems, problemsIn } from '../workspace.ts';

const pure = { examples: {}, probes: () => ({}), actual: () => null, steps: () => [], desired: () => ({}) };
const of = (name: string) => ({ ...pure, name, summary: `A ${name}.`, args: { name: text('Its name.') } });

const modules: Record<string, Module> = {
  ...shipped,
  team: defineModule({
    ...of('team'),
    args: { name: text('Its name.'), owner: text('Who leads it.'), of: listOf({ type: 'string' }, 'In it.') },
    absent: 'dissolves it',
    identity: ({ name }) => name ?? '',
    needs: ({ owner, of = [] }) =>
      [...(owner === undefined ? [] : [owner]), ...of].map(one => `person ${one}`),
  }),
  person: defineModule({ ...of('person'), absent: 'forgets it', identity: ({ name }) => name ?? '' }),
  checkout: defineModule({
    ...of('checkout'),
    args: { name: text('Its name.'), to: text('Where to.') },
    identity: ({ name }) => name ?? '',
  }),
};
const files = {
  'inventory.yml': 'hosts: { web1: { vars: { n: 1 } }, web2: { vars: { n: 2 } } }',
  'files/code/deep/one.txt': 'one',
};
const play = (...resources: string[]) =>
  ['hosts: all', 'resources:', ...resources.map(one => `  - ${one}`)].join('\n');
const found = (...resources: string[]) => brief(problems(play(...resources), files, { modules }));

const into = 'file: { path: /srv/app/a, content: a }';
const folder = 'directory: { path: /srv/app }';

test.each([
  ['the folder comes before', folder, into, 'directory: { path: /srv/app/b, mode: "0750" }'],
  ['no resource makes the folder', into],
  ['a directory makes those that it is in', 'directory: { path: /srv/app/b }', into, folder],
  ['so does a tree', 'tree: { src: code, path: /srv/app/code }', into, folder],
  [
    'a link on the way may lead to it',
    'link: { path: /srv/app, target: releases }',
    'file: { path: /srv/app/b/a, content: a }',
    'directory: { path: /srv/app/b }',
  ],
  ['a command may make it', 'command: { run: ./prepare, creates: /x }', into, folder],
  ['a module that names it may make it', 'checkout: { name: app, to: /srv/app }', into, folder],
  [
    'a package may make it',
    'file: { path: /etc/nginx/conf.d/a, content: a }',
    'directory: { path: /etc/nginx/conf.d }',
  ],
  [
    'a home may have it from the beginning',
    'file: { path: /root/.ssh/authorized_keys, content: a }',
    'directory: { path: /root/.ssh, mode: "0700" }',
  ],
  ['it may not be done at all', `{ ${into}, when: facts.cpus > 2 }`, folder],
  ['it is taken away', 'file: { path: /srv/app/a, state: absent }', 'directory: { path: /srv/app/b }'],
  ['another host makes it', `{ ${into}, delegate_to: web1 }`, `{ ${folder}, delegate_to: web2 }`],
  ['who is needed comes before', 'person: { name: a }', 'team: { name: t, owner: a }', 'person: { name: b }'],
  ['what is needed is never made', 'team: { name: t, owner: a }', 'person: { name: b }'],
  ['what is needed is only taken away', 'team: { name: t, owner: a }', 'person: { name: a, state: absent }'],
  ['what is taken away needs nothing', 'team: { name: t, owner: a, state: absent }', 'person: { name: a }'],
])('no problem of order: %s', (_, ...resources) => {
  expect(found(...resources)).toEqual([]);
});

test.each([
  [
    [into, folder],
    '3:5 "file /srv/app/a" needs the directory /srv/app, which only "directory /srv/app" brings',
  ],
  [
    ['apt: { packages: [nginx] }', 'checkout: { name: x, to: /srv/other }', into, folder],
    '5:5 "file /srv/app/a" needs the directory /srv/app, which only "directory /srv/app" brings',
  ],
  [
    ['team: { name: t, of: [a, b] }', 'person: { name: b }'],
    '3:5 "team t" needs person b, which only "person b" brings',
  ],
  [
    ['{ name: A, file: { path: /srv/app/a }, when: n == 2 }', folder],
    '3:16 "A" needs the directory /srv/app, which only "directory /srv/app" brings',
  ],
])('what only a later resource brings is a problem: %j', (resources, message) => {
  expect(found(...resources)).toEqual([`${message}, and that comes later. [order]`]);
});

test('things of an earlier play exist, and things of a later one are not required', () => {
  const plays = (...all: string[]) =>
    `plays:\n${all.map(resources => `  - { hosts: all, resources: [{ ${resources} }] }`).join('\n')}`;
  const of = (...all: string[]) => brief(problems(plays(...all), files, { modules }));
  expect(of(folder, `${into} }, { ${folder}`)).toEqual([]);
  expect(of(into, folder)).toEqual([]);
  expect(of('file: { path: /b, content: b }', `${into} }, { ${folder}`)).toHaveLength(1);
});

test('a problem of order names the hosts that have it', () => {
  const [problem] = problems(play(`{ ${into}, when: n == 2 }`, folder), files, { modules });
  expect(problem).toMatchObject({
    host: 'web2',
    hint: expect.stringContaining('from line 4 to a place before'),
  });
});

test('the order of resources that depend on facts is checked once the facts are known', () => {
  const resources = play(`{ ${into}, when: facts.cpus > 2 }`, folder);
  const [it] = load({ ...files, 'playbook.yml': resources }, { modules }).plays;
  expect(problemsIn(() => it!.resolve(it!.hosts[0]!, { cpus: 1 }))).toEqual([]);
  expect(problemsIn(() => it!.resolve(it!.hosts[0]!, { cpus: 4 }))).toMatchObject([{ code: 'order' }]);
});
