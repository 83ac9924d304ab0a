import { describe, expect, test } from 'vitest';
import { argsOf, brief, play, problems, shown } from '../workspace.ts';

const app = `params:
  name: { type: string, description: Its name. }
  port: { type: integer, default: 8000 }
  home: { type: string, default: "/srv/{{ name }}" }
  level: { type: string, default: info, enum: [info, debug] }
resources:
  - { name: Settings, file: { path: "{{ home }}", content: "{{ port }}" } }
  - { service: { name: "{{ name }}", restart_on: [Settings] }, needs: [Settings] }
`;
const files = { 'components/app.yml': app };
const resolve = (resources: string, more = {}) => {
  const it = play(`hosts: all\nvars: { outer: 1 }\nresources:\n${resources}`, { ...files, ...more });
  return it.resolve(it.hosts[0]!);
};
const wrong = (resources: string, more = {}) =>
  brief(problems(`hosts: all\nvars: { outer: 1 }\nresources:\n${resources}`, { ...files, ...more }));

describe('an include', () => {
  test('passes its parameters to its resources, and its name as a label', () => {
    const all = resolve(
      '  - { include: components/app.yml, with: { name: a } }\n  - { name: B, include: components/app.yml, with: { name: b, port: 1 } }\n  - { file: { path: /x }, needs: [B, app / Settings] }',
    );
    expect(all.map(({ name, args, needs }) => [name, args.path ?? args.name, needs])).toEqual([
      ['app / Settings', '/srv/a', []],
      ['app / service a', 'a', ['app / Settings']],
      ['B / Settings', '/srv/b', []],
      ['B / service b', 'b', ['B / Settings']],
      ['file /x', '/x', ['B / Settings', 'B / service b', 'app / Settings']],
    ]);
    expect(argsOf(all[2]!)['content']).toBe('1');
  });

  test('repeats and skips as a whole, and passes its settings to resources without their own', () => {
    const all = resolve(
      '  - { name: App, include: components/app.yml, with: { name: "{{ item }}" }, loop: [a, b], tags: [t], become: true, on_failure: continue, when: item == "a" }',
    );
    expect(all.map(({ name, when, tags, onFailure }) => [name, when, tags, onFailure])).toEqual([
      ['App (a) / Settings', true, ['t'], 'continue'],
      ['App (a) / service a', true, ['t'], 'continue'],
      ['App (b) / Settings', false, ['t'], 'continue'],
      ['App (b) / service b', false, ['t'], 'continue'],
    ]);
    expect(all[0]?.become).toEqual({ user: 'root', method: 'sudo' });
  });

  test('nests, with paths relative to its own file', () => {
    const outer = 'resources:\n  - { name: In, include: app.yml, with: { name: z } }\n';
    const all = resolve('  - include: components/outer.yml', { 'components/outer.yml': outer });
    expect(all.map(({ name }) => name)).toEqual(['outer / In / Settings', 'outer / In / service z']);
  });
});

test.each([
  ['with: {}', '4:5 app needs name. [missing-key]'],
  ['with: { name: a, prt: 1 }', 'app takes no "prt". Did you mean "port"? [unknown-key]'],
  ['with: { name: a, port: x }', 'port takes a whole number, not text "x". [wrong-type]'],
  ['with: { name: a, port: "{{ [1] }}" }', 'port takes a whole number, not a list. [wrong-type]'],
  ['with: { name: a, level: loud }', 'level is info or debug, not "loud". [invalid-value]'],
  ['with: { name: "{{ nope }}" }', '"nope" is not defined'],
  ['with: { name: a }, register: x', 'An include takes no "register"'],
])('what an include is given is checked: %s', (rest, message) => {
  const found = wrong(`  - { include: components/app.yml, ${rest} }`);
  expect(found.join('\n')).toContain(message.replace(/^\d+:\d+ /, ''));
});

test('variables of the play are invisible inside, and a problem has its place in the component', () => {
  const inner = 'resources:\n  - file: { path: "/{{ outer }}" }\n';
  const [problem] = problems('hosts: all\nvars: { outer: 1 }\nresources: [{ include: in.yml }]', {
    'in.yml': inner,
  });
  expect([problem?.at?.file.endsWith('in.yml'), problem?.at?.line]).toEqual([true, 2]);
});

test('components that include one another are refused', () => {
  const found = wrong('  - include: a.yml', {
    'a.yml': 'resources: [{ include: b.yml }]',
    'b.yml': 'resources: [{ include: a.yml }]',
  });
  expect(found.join()).toContain('in a circle');
});

describe('a problem inside a component', () => {
  const via = (resources: string, more: Readonly<Record<string, string>>) =>
    problems(`hosts: all\nvars: { no: false }\nresources:\n${resources}`, more).map(problem =>
      shown([problem])
        .split('\n')
        .filter(line => !/^ +\d* \|/.test(line)),
    );
  const one =
    'params: { path: { type: string } }\nresources:\n  - { name: One, file: { path: "{{ path }}" } }\n';

  test('names the includes that lead to it', () => {
    const more = {
      'one.yml': one,
      'two.yml': 'resources:\n  - { include: one.yml, with: { path: nowhere } }\n',
    };
    expect(via('  - { include: two.yml }', more)).toEqual([
      [
        'one.yml:3:32: path takes an absolute path, not "nowhere". [invalid-value]',
        '  Begin it with a slash, such as path: /srv/nowhere',
        '  included from two.yml:2:7',
        '  included from playbook.yml:4:7',
        '',
      ],
    ]);
  });

  test('of a missing name in a branch does so too', () => {
    const more = {
      'c.yml': 'resources: [{ file: { path: /c, content: "{{ nope if host.port == 0 else 1 }}x" } }]',
    };
    expect(via('  - { include: c.yml }', more)[0]).toContain('  included from playbook.yml:4:7');
  });

  test('of a value from an include is reported at the include', () => {
    expect(via('  - { include: one.yml, with: { path: "{{ nope }}" } }', { 'one.yml': one })[0]).toEqual([
      'playbook.yml:4:43: "nope" is not defined. [undefined-variable]',
      '  Give it a value under vars, in the inventory or with --var, or write nope | default(…).',
      '',
    ]);
  });

  test('of two includes names both', () => {
    const twice =
      '  - { include: one.yml, with: { path: /a } }\n  - { name: B, include: one.yml, with: { path: /a } }';
    expect(via(twice, { 'one.yml': one })).toEqual([
      [
        'one.yml:3:18: More than one include manages file /a. [conflict]',
        '  Use a parameter of the component in its arguments.',
        '  included from playbook.yml:5:16',
        '',
      ],
    ]);
    const same = twice.replace('name: B, ', '').replace('path: /a } }\n', 'path: /b } }\n');
    expect(via(same, { 'one.yml': one })[0]).toContain('  Give each include a name of its own.');
  });
});
