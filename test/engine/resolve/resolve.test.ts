import { describe, expect, test } from 'vitest';
import type { SourceFile } from '../../../engine/module.ts';
import { loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { argsOf, brief, folderOf, load, modules, play, problemsIn } from '../workspace.ts';

const facts = { hostname: 'alpha', cpus: 4, os: { id: 'debian', version: '12', codename: 'bookworm' } };

/** The resources of a playbook of one resource list for web1. */
function resolve(resources: string, known: object | null = facts, registered = {}, files = {}, options = {}) {
  const it = play(`hosts: all\nresources:\n${resources}`, files, options);
  return it.resolve(it.hosts[0]!, (known ?? undefined) as never, registered);
}

describe('arguments', () => {
  test('a whole template keeps its type, and defaults are filled in', () => {
    const [resource] = resolve(
      '  - package: { names: "{{ [facts.hostname, \'b\'] }}", keep: "{{ facts.cpus }}" }\n  - file: { path: /a }',
    );
    expect(argsOf(resource!)).toEqual({ names: ['alpha', 'b'], keep: 4 });
    expect(resource).toMatchObject({
      incomplete: false,
      when: true,
      tags: [],
      needs: [],
      onFailure: 'stop',
      retry: { attempts: 1, delayS: 0 },
      secrets: [],
    });
  });

  test.each([
    ['"{{ facts.hostname }}\\n"', 'alpha\n'],
    ['"{{ facts.hostname }}"', 'alpha'],
    ['"{{ facts.cpus }}\\n"', '4'],
  ])('a text that a template gives keeps what is around it: %s', (written, content) => {
    const [resource] = resolve(`  - file: { path: /a, content: ${written} }`);
    expect(String(argsOf(resource!)['content'])).toBe(content);
  });

  test.each([
    ['0644', '0644'],
    ['0o644', '0644'],
    ['644', '0644'],
    ['"0644"', '0644'],
    ['"644"', '0644'],
    ['04755', '4755'],
    ['"{{ \'600\' }}"', '0600'],
  ])('mode: %s is %s', (written, mode) => {
    expect(argsOf(resolve(`  - file: { path: /a, mode: ${written} }`)[0]!)['mode']).toBe(mode);
  });

  test('arguments that depend on facts wait for them, and the others are known', () => {
    const [resource] = resolve('  - file: { path: /a, content: "{{ facts.hostname }}", mode: 600 }', null);
    expect(resource?.incomplete).toBe(true);
    expect(argsOf(resource!)).toEqual({
      path: '/a',
      content: 'not before facts.hostname',
      mode: '0600',
      backup: false,
      state: 'present',
    });
  });

  test('a list with one unknown element throws at that element only', () => {
    const [resource] = resolve('  - package: { names: [a, "{{ facts.hostname }}"] }', null);
    expect(resource?.args.names[0]).toBe('a');
    expect(() => resource?.args.names[1]).toThrow('facts.hostname');
  });

  test('a wrong type that only facts reveal names the host', () => {
    const it = play('hosts: all\nresources:\n  - package: { names: [a], keep: "{{ facts.hostname }}" }');
    const found = problemsIn(() => it.resolve(it.hosts[0]!, facts));
    expect(found).toMatchObject([
      {
        host: 'web1',
        code: 'wrong-type',
        message: 'keep takes a whole number, not text "alpha".',
        at: { line: 3, column: 34 },
      },
    ]);
  });

  test('host output is never evaluated as a template', () => {
    const [resource] = resolve('  - file: { path: /a, content: "{{ facts.hostname }}" }', {
      hostname: '{{ 1 + 1 }}',
    });
    expect(resource?.args.content).toBe('{{ 1 + 1 }}');
  });
});

describe('when', () => {
  test.each([
    ['true', true],
    ['facts.cpus > 2', true],
    ['facts.cpus > 8', false],
    ['facts.os.id == "debian" and vars is defined', true],
  ])('%s is %s', (when, expected) => {
    expect(resolve(`  - { file: { path: /a }, when: '${when}' }`.replace("'true'", 'true'))[0]?.when).toBe(
      expected,
    );
  });

  test('it is unknown before the facts are known', () => {
    expect(resolve('  - { file: { path: /a }, when: facts.cpus > 2 }', null)[0]?.when).toBeUndefined();
  });

  test('a skipped resource may use undefined names, even in its loop', () => {
    const [first, second] = resolve(
      '  - { file: { path: "/{{ nope }}" }, when: nope is defined }\n  - { name: X, file: { path: "/{{ item }}" }, loop: "{{ nope }}", when: nope is defined }',
    );
    expect([first?.when, second?.when, second?.name]).toEqual([false, false, 'X']);
  });
});

test('a loop that is left out as a whole may have its element in its name', () => {
  const [skipped, ...more] = resolve(
    '  - { name: "Parameter {{ key }}", file: { path: "/{{ key }}" }, loop: { a: 1 }, when: false }',
  );
  expect([skipped!.name, skipped!.when, more]).toEqual(['«key»', false, []]);
});

describe('loop', () => {
  test('a list provides item and index, and the label shows the item', () => {
    const resources = resolve(
      '  - { name: Site, file: { path: "/{{ item }}{{ index }}" }, loop: [a, b] }\n  - { service: { name: x, restart_on: [Site] }, needs: [Site] }',
    );
    expect(resources.map(({ name, groups, args, needs }) => [name, groups[0], args.path, needs])).toEqual([
      ['Site (a)', 'Site', '/a0', []],
      ['Site (b)', 'Site', '/b1', []],
      ['service x', undefined, undefined, ['Site (a)', 'Site (b)']],
    ]);
  });

  test('a map provides key and item', () => {
    const resources = resolve(
      '  - { name: "Port of {{ key }}", file: { path: "/{{ item.port }}" }, loop: { web: { port: 80 }, db: { port: 5432 } } }',
    );
    expect(resources.map(({ name, args }) => [name, args.path])).toEqual([
      ['Port of web', '/80'],
      ['Port of db', '/5432'],
    ]);
  });

  test('a list of maps is labelled by their names', () => {
    expect(
      resolve(
        '  - { name: U, file: { path: "/{{ item.name }}" }, loop: [{ name: ann }, { name: bob }] }',
      ).map(({ name }) => name),
    ).toEqual(['U (ann)', 'U (bob)']);
  });

  test('without a name, each round has the name of its thing', () => {
    expect(resolve('  - { file: { path: "/{{ item }}" }, loop: [a, b] }').map(({ name }) => name)).toEqual([
      'file /a',
      'file /b',
    ]);
  });

  test('a loop over an unknown list is one resource that waits', () => {
    const resources = resolve(
      '  - { name: D, file: { path: "/{{ item }}" }, loop: "{{ facts.disks }}" }',
      null,
    );
    expect(resources.map(({ name, incomplete }) => [name, incomplete])).toEqual([
      ['D («facts.disks»)', true],
    ]);
  });
});

describe('registered outcomes', () => {
  const resources =
    '  - { service: { name: a }, register: out }\n  - { file: { path: /a, content: "{{ out.changed | string }}" }, when: out.changed }';

  test('are unknown until the resource is applied', () => {
    const [, second] = resolve(resources);
    expect([second?.when, argsOf(second!)['content']]).toEqual([undefined, 'not before service a']);
  });

  test('are values after it is applied', () => {
    const [, second] = resolve(resources, facts, { out: { 'service a': { changed: true } } });
    expect([second?.when, argsOf(second!)['content']]).toEqual([true, 'True']);
  });
});

describe('become', () => {
  test.each([
    ['', '', undefined],
    ['become: true\n', '', { user: 'root', method: 'sudo' }],
    ['become: true\n', ', become: false', false],
    ['become: { user: app, method: su }\n', '', { user: 'app', method: 'su' }],
    ['', ', become: { user: "{{ host.name }}" }', { user: 'web1', method: 'sudo' }],
  ])('play "%s" and resource "%s"', (ofPlay, ofResource, expected) => {
    const it = play(`hosts: all\n${ofPlay}resources:\n  - { file: { path: /a }${ofResource} }`);
    expect(it.resolve(it.hosts[0]!)[0]?.become).toEqual(expected);
  });

  test('the inventory provides the default for the play', () => {
    const it = play('hosts: all\nresources:\n  - file: { path: /a }', {
      'inventory.yml': 'defaults: { become: true }\nhosts: { web1:, web2: { become: false } }',
    });
    expect(it.hosts.map(host => it.resolve(host)[0]?.become)).toEqual([
      { user: 'root', method: 'sudo' },
      false,
    ]);
  });
});

describe('files beside the playbook', () => {
  const found = {
    'templates/a.j2': 'T {{ facts.cpus }}',
    'files/a.j2': 'F',
    'files/b.txt': 'B',
    'c.txt': 'C',
    'site/x/y': 'Y',
    'site/a': 'A',
  };

  test.each([
    ['template: a.j2', 'T 4'],
    ['src: b.txt', 'B'],
    ['src: c.txt', 'C'],
    ['template: templates/a.j2', 'T 4'],
  ])('%s', (argument, content) => {
    expect(String(resolve(`  - file: { path: /a, ${argument} }`, facts, {}, found)[0]?.args.content)).toBe(
      content,
    );
  });

  test('a template waits for its facts, and counts as a user of them', () => {
    const it = play('hosts: all\nresources:\n  - file: { path: /a, template: a.j2 }', found);
    expect(argsOf(it.resolve(it.hosts[0]!)[0]!)['content']).toBe('not before facts.cpus');
    expect([...it.factsUsed]).toEqual(['cpus']);
  });

  test('a mistake in a template has its place in the template', () => {
    const files = { 'a.j2': 'one\ntwo {{ nope }}\n' };
    const [problem] = problemsIn(() => resolve('  - file: { path: /a, template: a.j2 }', facts, {}, files));
    expect([problem?.at?.file.endsWith('a.j2'), problem?.at?.line, problem?.at?.column]).toEqual([
      true,
      2,
      8,
    ]);
  });

  test('a tree is a sorted list of files', () => {
    const [resource] = resolve('  - tree: { src: site, path: /srv }', facts, {}, found);
    const files = resource?.args.files as SourceFile[];
    expect(files.map(({ path, content, executable }) => [path, String(content), executable])).toEqual([
      ['a', 'A', false],
      ['x/y', 'Y', false],
    ]);
  });
});

describe('secrets', () => {
  const files = { 's.secret.yml': 'db: { password: hunter2, pin: 0070 }\n' };
  const playbook = (resources: string) => `hosts: all\nsecrets: [s.secret.yml]\nresources:\n${resources}`;

  test('reach the sink first, and then the arguments in clear', () => {
    const told: string[][] = [];
    const secrets = { add: (text: string, label: string) => told.push([text, label]) };
    const it = play(
      playbook('  - file: { path: /a, content: "p={{ secrets.db.password }} {{ secrets.db.pin }}" }'),
      files,
      { secrets },
    );
    told.length = 0;
    const [resource] = it.resolve(it.hosts[0]!, {});
    expect(resource?.args.content).toBe('p=hunter2 0070');
    expect(resource?.secrets.map(({ text }) => text)).toEqual(['hunter2', '0070']);
    expect(told).toEqual([
      ['hunter2', 'secrets.db.password'],
      ['0070', 'secrets.db.pin'],
    ]);
  });

  test('are shown in no name and in no problem', () => {
    const text = playbook(
      '  - file: { path: "/{{ secrets.db.password }}" }\n  - { name: "{{ item }}", file: { path: /b }, loop: ["{{ secrets.db.pin }}"] }',
    );
    const it = play(text, files);
    expect(it.resolve(it.hosts[0]!).map(({ name }) => name)).toEqual([
      'file /«secrets.db.password»',
      '«secrets.db.pin»',
    ]);
    const found = problemsIn(() =>
      play(playbook('  - file: { path: /a, state: "{{ secrets.db.password }}" }'), files),
    );
    expect(brief(found)).toEqual([
      '4:30 state is present or absent, not "«secrets.db.password»". [invalid-value]',
    ]);
  });

  test.each([
    ['open to others', { 's.yml': 'a: b' }, 's.yml', 'insecure-file'],
    ['encrypted', { 's.secret.yml': '-----BEGIN AGE ENCRYPTED FILE-----' }, 's.secret.yml', 'secrets-locked'],
    ['missing', {}, 's.yml', 'file-missing'],
    ['no map', { 's.secret.yml': '[hunter2]' }, 's.secret.yml', 'wrong-type'],
  ])('a file that is %s is refused', (_, given, name, code) => {
    const found = problemsIn(() => play(`hosts: all\nsecrets: [${name}]\nresources: []`, given as never));
    expect(found.map(problem => problem.code)).toEqual([code]);
  });

  test('a syntax error shows nothing of the file', () => {
    const found = problemsIn(() =>
      play('hosts: all\nsecrets: [s.secret.yml]\nresources: []', {
        's.secret.yml': 'a: @hunter2\nhunter2: 1\nhunter2: 2',
      }),
    );
    expect(found.map(({ at }) => at?.line)).toEqual([1, 3]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('environment variables count as secret', () => {
    process.env['LOAD_TEST'] = 'canary';
    const [resource] = resolve(
      '  - { name: "{{ env(\'LOAD_TEST\') }}", file: { path: /a, content: "{{ env(\'LOAD_TEST\') }}" } }',
    );
    expect([resource?.name, resource?.args.content, resource?.secrets]).toEqual([
      '«env.LOAD_TEST»',
      'canary',
      [{ text: 'canary', label: 'env.LOAD_TEST' }],
    ]);
  });
});

describe('tags', () => {
  const resources = ['[a]', '[b]', '[never, n]', '[always]', '[]']
    .map((tags, i) => `  - { name: "${i}", file: { path: /${i} }, tags: ${tags} }`)
    .join('\n');
  test.each([
    [undefined, undefined, '0134'],
    [['a'], undefined, '03'],
    [['a', 'b'], ['b'], '03'],
    [['n'], undefined, '23'],
    [['untagged'], undefined, '34'],
    [['tagged'], ['always'], '01'],
    [undefined, ['always'], '014'],
  ])('--tags %j --skip-tags %j', (tags, skipTags, expected) => {
    const options = { ...(tags && { tags }), ...(skipTags && { skipTags }) };
    expect(
      resolve(resources, facts, {}, {}, options)
        .map(({ name }) => name)
        .join(''),
    ).toBe(expected);
  });
});

test('only a resource excluded by tags may use the outcome of an excluded resource', () => {
  const resources = (tags: string) => `
  - { name: First, file: { path: /a }, register: first }
  - { name: Second, file: { path: /b, content: "{{ first.stdout }}" } }
  - { name: Third, file: { path: /c }, when: first.changed, tags: ${tags} }
  - { name: Fourth, file: { path: /d }, tags: [t] }`;
  const left = resolve(resources('[]'), facts, {}, {}, { tags: ['t'] });
  expect(left.map(({ name }) => name)).toEqual(['Fourth']);
  expect(() => resolve(resources('[t]'), facts, {}, {}, { tags: ['t'] })).toThrow('"first" is not defined');
});

describe('plays', () => {
  test('several run in order, and checks come last', () => {
    const playbook =
      'plays:\n  - { name: one, hosts: all, checks: [{ proof: { path: /c } }], resources: [{ file: { path: /r } }] }\n  - { hosts: localhost, resources: [] }';
    const { plays } = load({ 'playbook.yml': playbook });
    expect(plays[0]?.resolve(plays[0].hosts[0]!).map(({ name }) => name)).toEqual(['file /r', 'proof /c']);
    expect(plays[1]?.hosts).toMatchObject([{ name: 'localhost', transport: 'local' }]);
  });

  test('a check with effects is refused', () => {
    const playbook = 'hosts: all\nresources: []\nchecks: [{ file: { path: /c } }]';
    expect(() => load({ 'playbook.yml': playbook })).toThrow('file is not a check: it changes the host.');
  });

  test('localhost exists without an inventory', () => {
    const folder = folderOf({ 'hello.yml': 'hosts: localhost\nresources: [{ file: { path: /a } }]' });
    const { plays } = loadPlaybook(`${folder}/hello.yml`, { modules });
    expect(plays[0]?.hosts.map(({ name, transport }) => [name, transport])).toEqual([['localhost', 'local']]);
  });

  test('--limit selects some of the hosts', () => {
    const files = {
      'inventory.yml': 'hosts: { a1:, a2:, b1: }',
      'playbook.yml': 'hosts: all\nresources: []',
    };
    expect(load(files, { limit: 'a*' }).plays[0]?.hosts.map(({ name }) => name)).toEqual(['a1', 'a2']);
  });

  test('only facts that expressions can use are read', () => {
    const it = play(
      'hosts: all\nvars: { a: "{{ b }}", b: "{{ facts.os.codename }}", c: "{{ facts.disks }}" }\nresources:\n  - { file: { path: /a, content: "{{ a }}" }, when: facts.cpus > 1 }',
    );
    expect([...it.factsUsed].toSorted()).toEqual(['cpus', 'os.codename']);
  });
});

describe('facts of other hosts', () => {
  const files = { 'inventory.yml': 'hosts: { web1: , db1: }\ngroups: { db: { hosts: [db1] } }' };
  const used = (content: string) => {
    const it = play(`hosts: web1\nresources:\n  - file: { path: /a, content: "${content}" }`, files);
    const value = argsOf(it.resolve(it.hosts[0]!)[0]!)['content'];
    return [value, [...it.otherFacts.asked].map(([host, names]) => [host, ...names])];
  };

  test.each([
    ['{{ hosts.db1.facts.ipv4 }}', 'not before hosts.db1.facts.ipv4', [['db1', 'ipv4']]],
    ['{{ hosts[groups.db[0]].facts.os.id }}', 'not before hosts.db1.facts.os.id', [['db1', 'os.id']]],
    ['{{ hosts.db1.address }}', 'db1', []],
  ])('are asked for one by one: %s', (content, value, asked) => {
    expect(used(content)).toEqual([value, asked]);
  });

  test('a skipped resource requests none, and others still do through the same variable', () => {
    const skipped = '  - { file: { path: /a, content: "{{ server }}" }, when: false }';
    const head = 'hosts: web1\nvars: { server: "{{ hosts.db1.facts.hostname }}" }\nresources:\n';
    const asked = (resources: string) => {
      const it = play(head + resources, files);
      const names = it.resolve(it.hosts[0]!).map(({ name }) => name);
      return [names, [...it.otherFacts.asked.keys()]];
    };
    expect(asked(skipped)).toEqual([['file /a'], []]);
    const both = `${skipped}\n  - file: { path: /b, content: "{{ server }}" }`;
    expect(asked(both)).toEqual([['file /a', 'file /b'], ['db1']]);
  });

  test.each([
    ['hosts.db2.facts.ipv4', '3:36 hosts has no "db2" [undefined-variable]', 'Did you mean "db1"?'],
    [
      'hosts.db1.facts.ipv5',
      '3:36 hosts.db1.facts has no "ipv5" [undefined-variable]',
      'Did you mean "ipv4"?',
    ],
  ])('that are not there are problems: %s', (expression, message, hint) => {
    const found = problemsIn(() => used(`{{ ${expression} }}`));
    expect(brief(found)).toEqual([message]);
    expect(found[0]?.hint).toContain(hint);
  });
});
