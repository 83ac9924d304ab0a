import { describe, expect, it, test } from 'vitest';
import { brief, load, problems, problemsIn } from '../workspace.ts';

const file = (content: string, more = '') => `  - { file: { path: /a, content: "${content}" }${more} }`;
const play = (...entries: string[]) =>
  ['hosts: all', 'vars: { a: 1, no: false }', 'resources:', ...entries].join('\n');
const found = (playbook: string, files = {}) => brief(problems(playbook, files));

describe('an undefined name is found in code that no host reaches', () => {
  test.each<[where: string, entry: string]>([
    ['in a branch of if', file('{% if no %}{{ nope }}{% endif %}')],
    ['in the else of what is true', file('{% if a == 1 %}{% else %}{{ nope }}{% endif %}')],
    ['in an inline if', file('{{ nope if no else a }}')],
    ['behind and', file('x{{ no and nope }}')],
    ['in what is skipped', file('{{ nope }}', ', when: no')],
    ['in the condition of a loop over nothing', file('{{ item }}', ', loop: [], when: nope')],
    ['in a loop over nothing', file('{{ nope }}', ', loop: []')],
    ['in a for over nothing', file('{% for x in [] %}{{ nope }}{% endfor %}')],
  ])('%s', (_, entry) => {
    const place = `4:${entry.indexOf('nope') + 1}`;
    expect(found(play(entry))).toEqual([`${place} "nope" is not defined [undefined-variable]`]);
  });

  it('in a template, with its own line', () => {
    const files = { 'templates/t.j2': 'A={{ a }}\n{% if no %}\nB={{ nope }}\n{% endif %}\n' };
    const [problem] = problems(play('  - { file: { path: /a, template: t.j2 } }'), files);
    expect(problem).toMatchObject({ code: 'undefined-variable', at: { line: 3, column: 6 } });
    expect(problem!.at!.file).toMatch(/t\.j2$/);
  });

  it('in an excluded component, which sees only its parameters', () => {
    const files = {
      'c.yml':
        'params: { p: { type: integer } }\nresources:\n  - { file: { path: /c, content: "{{ p }}{{ a }}" } }',
    };
    expect(found(play('  - { include: c.yml, with: { p: 1 }, when: no }'), files)).toEqual([
      '3:45 "a" is not defined [undefined-variable]',
    ]);
  });

  it('in an unused variable', () => {
    expect(found('hosts: all\nvars: { a: "{{ nope }}" }\nresources: []')).toEqual([
      '2:16 "nope" is not defined [undefined-variable]',
    ]);
  });

  it('under facts, secrets, vars and host, which are known', () => {
    const entry = file('{% if no %}{{ facts.cpu }}{{ vars.b }}{{ host.prt }}{{ secrets.x }}{% endif %}');
    expect(problems(play(entry)).map(({ message }) => message)).toEqual([
      'facts has no "cpu"',
      'vars has no "b"',
      'host has no "prt"',
      'secrets has no "x"',
    ]);
  });
});

describe('a name counts as defined', () => {
  test.each<[why: string, entry: string]>([
    ['that a condition asks for', file('{% if b is defined %}{{ b.c }}{% endif %}')],
    ['that an inline if asks for', file("{{ b if b is defined else 'none' }}")],
    ['that is asked for and used at once', file('x{{ b is defined and b }}')],
    ['that has a default', file("{{ b | default('') }}{% if no %}{{ c | d(1) }}{% endif %}")],
    ['whose when asks for it', file('{{ b }}', ', when: b is defined')],
    ['that is looked for in a map', file("{% if 'b' in vars %}{{ b }}{{ vars.b }}{% endif %}")],
    [
      'that is registered in between',
      `${file('x', ', register: r')}\n  - { file: { path: /b, content: "{{ r.changed if no else 1 }}" } }`,
    ],
    ['that a loop gives', file('{{ item }}{{ index }}', ', loop: []')],
    ['that groups or hosts may have', file('{% if no %}{{ groups.db }}{{ hosts.x.vars.y }}{% endif %}')],
  ])('%s', (_, entry) => {
    expect(found(play(entry))).toEqual([]);
  });

  it('that another host has', () => {
    const inventory = 'hosts: { web1: { vars: { b: 1 } }, web2: }';
    const entry = file("{{ b if host.name == 'web1' else 0 }}");
    expect(found(play(entry), { 'inventory.yml': inventory })).toEqual([]);
  });
});

describe('a file that does not exist is found', () => {
  test.each<[where: string, entry: string, message: string]>([
    ['where it is left out', '  - { file: { path: /a, src: x }, when: no }', '4:30 There is no file "x".'],
    [
      'where it is an alternative',
      `  - { file: { path: /a, template: "{{ 'x.j2' if no else 'y.j2' }}" } }`,
      '4:35 There is no template "x.j2". Did you mean "y.j2"?',
    ],
    [
      'where a folder is left out',
      '  - { tree: { path: /a, src: x }, when: no }',
      '4:30 There is no folder "x".',
    ],
  ])('%s', (_, entry, message) => {
    const problems = found(play(entry), { 'templates/y.j2': 'y' });
    expect(problems).toEqual([`${message} [file-missing]`]);
  });
});

it('a problem found on a host is not reported twice', () => {
  const told = problemsIn(() => load({ 'playbook.yml': play(file('{{ nope }}')) }));
  expect(told).toHaveLength(1);
});
