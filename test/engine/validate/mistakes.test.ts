import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { modules as shipped } from '../../../modules/index.ts';
import { brief, problems, shown } from '../workspace.ts';

const folder = new URL('./mistakes/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const files = {
  'inventory.yml': 'hosts:\n  web1: { vars: { workers: 3 } }\ngroups:\n  web: { hosts: [web1] }',
  'env.j2': 'A={{ a }}',
};

describe('a playbook full of mistakes', () => {
  test.each(['shape', 'values'])('lists all of them at their places (%s.yml)', async name => {
    await expect(shown(problems(read(`${name}.yml`), files))).toMatchFileSnapshot(`./mistakes/${name}.txt`);
  });
});

test('impossible uses of delegate_to and run_once are refused', async () => {
  const inventory = 'hosts: { web1: , lb1: }\ngroups: { web: { hosts: [web1] }, lb: { hosts: [lb1] } }';
  const found = problems(read('fleet.yml'), { 'inventory.yml': inventory });
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/fleet.txt');
});

test('resources that would undo each other are reported in pairs, with both lines', async () => {
  const tree = { ...files, 'files/code/one.txt': 'one' };
  const found = problems(read('conflicts.yml'), tree, { modules: shipped });
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/conflicts.txt');
});

test('a resource that needs a later one is refused, with the line to move', async () => {
  const tree = { ...files, 'files/code/one.txt': 'one' };
  const found = problems(read('order.yml'), tree, { modules: shipped });
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/order.txt');
});

test('habits from Ansible and slips of form are told with the text to write', async () => {
  const found = problems(read('habits.yml'), files, { modules: shipped });
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/habits.txt');
});

test.each([
  ['content: {{ x }} }', '"{{ x }}"'],
  ['content: {{ x }}/foo, mode: "0644" }', '"{{ x }}/foo"'],
  ['content: {{ {"a": 1}.a }} }', `'{{ {"a": 1}.a }}'`],
  ['content: {% if x %}{{ x }}{% endif %} }', '"{% if x %}{{ x }}{% endif %}"'],
])('the quotes suggested for %s end with the template', (rest, quoted) => {
  const [problem] = problems(`hosts: all\nresources:\n  - file: { path: /x, ${rest}`, files);
  expect(problem!.hint).toBe(`Quote the template: ${quoted}`);
});

test.each([
  ['{"format": "reconcile plan", "version": 1}', 'a saved plan', 'Apply it:'],
  ['<!doctype html>\n<title>x</title>', 'a page or report', 'Open it in a browser'],
  ['<?xml version="1.0"?>\n<testsuites/>', 'a page or report', 'Open it in a browser'],
])('the file %j is called %s', (text, kind, hint) => {
  const found = problems(text, files);
  expect(brief(found)).toEqual([expect.stringContaining(`is ${kind}, not a playbook. [wrong-type]`)]);
  expect(found[0]!.hint).toContain(hint);
});

test('a task list of Ansible is called one', () => {
  expect(
    brief(problems('- name: Install\n  ansible.builtin.apt: { name: nginx }', files, { modules: shipped })),
  ).toEqual(['1:1 This is a task list of Ansible. [wrong-type]']);
});

test('a tab in an indentation is called one', () => {
  const found = problems('hosts: all\nresources:\n  - file:\n      path: /x\n  \tmode: "0644"\n', files);
  expect(brief(found)).toEqual(['5:1 A tab stands where YAML wants spaces. [yaml-syntax]']);
});

test('an outcome of the wrong type for its argument is refused before any change', async () => {
  const found = problems(read('outcomes.yml'), files);
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/outcomes.txt');
});

const single: [title: string, playbook: string, problem: string[]][] = [
  [
    'a list in place of a map',
    '- hosts: all',
    ['1:1 A playbook is a map with hosts and resources. [wrong-type]'],
  ],
  ['an empty file', '# nothing\n', ['1:1 The playbook is empty. [wrong-type]']],
  ['a play without resources', 'hosts: all', ['1:1 A play needs resources. [missing-key]']],
  [
    'keys beside plays',
    'plays: []\nhosts: all',
    [
      '1:8 plays must not be empty. [invalid-value]',
      '2:1 A playbook with plays: takes no "hosts". [unknown-key]',
    ],
  ],
  [
    'a template where there is no host yet',
    'hosts: "{{ x }}"\nresources: []',
    ['1:8 hosts is taken as it is written; templates are not evaluated here. [invalid-value]'],
  ],
  [
    'a group that does not exist',
    'hosts: wbe\nresources: []',
    ['1:8 There is no host or group "wbe". [unknown-host]'],
  ],
  [
    'a key that every object of JavaScript has',
    'hosts: all\nconstructor: 1\nresources: [toString: {}]',
    [
      '2:1 A play takes no "constructor". [unknown-key]',
      '3:13 There is no module "toString". [unknown-module]',
    ],
  ],
  [
    'a key that is a template',
    'hosts: all\nvars: { m: { "{{ a }}": 1 } }\nresources: []',
    ['2:14 A key cannot be a template. [invalid-value]'],
  ],
];

test.each(single)('%s is a problem', (_, playbook, expected) => {
  expect(brief(problems(playbook, files)).map(line => line.replace(/ Did you mean.*\?/, ''))).toEqual(
    expected,
  );
});

test('a mistake of some hosts names them', () => {
  const inventory = 'hosts: { web1: { vars: { n: 1 } }, web2:, web3: }';
  const found = problems('hosts: all\nresources: [file: { path: "/{{ n }}" }]', {
    'inventory.yml': inventory,
  });
  expect(found.map(({ host, message }) => [host, message])).toEqual([['web2, web3', '"n" is not defined']]);
});

test('problems of playbook, inventory, variables and options are reported together', () => {
  const found = problems(
    'hosts: all\nvars_files: [v.yml]\nresources: [fle: {}]',
    { 'inventory.yml': 'hosts: { web1: { prot: 22 } }', 'v.yml': 'a: [' },
    { vars: ['x'] },
  );
  expect(found.map(({ code }) => code).toSorted()).toEqual([
    'unknown-key',
    'unknown-module',
    'usage',
    'yaml-syntax',
  ]);
});

test('a location of a site without directives is refused', () => {
  const site = 'nginx_site: { name: a, server_names: [a.example], locations: { /static/: } }';
  const found = problems(`hosts: web1\nresources:\n  - ${site}`, files, { modules: shipped });
  expect(brief(found)).toEqual(['3:78 locations./static/ takes a map, not nothing. [wrong-type]']);
});
