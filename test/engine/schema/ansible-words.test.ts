import { describe, expect, test } from 'vitest';
import { namesOfAnsible } from '../../../engine/expression/unknown-name-hints.ts';
import { modulesOfAnsible } from '../../../engine/schema/ansible-modules.ts';
import { argumentsOfAnsible, keywordsOfAnsible } from '../../../engine/schema/ansible-words.ts';
import { modules } from '../../../modules/index.ts';
import { problems } from '../workspace.ts';

const files = {
  'inventory.yml': 'hosts: { web1: }',
  'site/index.html': 'Hello',
  'files/vendor.asc': 'key',
  'files/set-up.sh': 'echo',
  'files/deploy.keys': 'ssh-ed25519 AAAA deploy',
  'files/nftables.conf': 'table inet filter {}',
  'files/srv-data.mount': '[Mount]\nWhat=/dev/vdb1\nWhere=/srv/data\n',
  'components/app.yml': 'resources: []',
};
const found = (playbook: string) => problems(playbook, files, { modules });

describe('a module of Ansible', () => {
  test.each(Object.entries(modulesOfAnsible).filter(([, { example }]) => example !== undefined))(
    '%s: the example works as it is written',
    (_, { example, isCheck }) => {
      const list = isCheck ? 'resources: []\nchecks:' : 'resources:';
      expect(found(`hosts: all\nbecome: true\n${list}\n  - ${example}`)).toEqual([]);
    },
  );

  test.each(
    Object.entries(modulesOfAnsible).flatMap(([words, row]) =>
      words.split(' ').map(word => [word, row] as const),
    ),
  )('%s is refused with the equivalent and the page', (word, { text }) => {
    for (const name of [word, `ansible.builtin.${word}`]) {
      const [problem, ...more] = found(`hosts: all\nresources: [{ ${name}: {} }]`);
      expect(more).toEqual([]);
      expect(problem).toMatchObject({ code: 'unknown-module' });
      expect(problem!.hint).toContain(text);
      expect(problem!.hint).toContain('`reconcile docs ansible`');
    }
  });

  test('without an equivalent is refused with the general form', () => {
    const [problem] = found('hosts: all\nresources: [{ community.general.snap: {} }]');
    expect(problem!.hint).toContain('Use `command` with `creates` or `unless`');
  });
});

describe('a keyword of Ansible', () => {
  test.each(
    Object.entries(keywordsOfAnsible).flatMap(([words, text]) =>
      words.split(' ').map(word => [word, text] as const),
    ),
  )('%s is refused with the equivalent', (word, text) => {
    const [problem, ...more] = found(`hosts: all\nresources: [{ directory: { path: /a }, ${word}: 7 }]`);
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'unknown-key', hint: `${text.replace('VALUE', '7')}.` });
  });

  test('keeps its value in the equivalent', () => {
    const [problem] = found('hosts: all\nbecome_method: su\nresources: []');
    expect(problem!.hint).toContain('`become: { method: su }`');
  });
});

describe('an argument of Ansible', () => {
  test.each(Object.entries(argumentsOfAnsible))('%s is refused with what to write instead', (word, text) => {
    const [module = '', argument = ''] = word.split('.');
    const [problem, ...more] = found(
      `hosts: all\nresources: [{ ${module}: { name: app, ${argument}: "x" } }]`,
    ).filter(({ code }) => code === 'unknown-key');
    expect(more).toEqual([]);
    expect(problem).toMatchObject({
      message: `${module} takes no "${argument}".`,
      hint: text.replaceAll('NAME', 'app'),
    });
  });

  // ansible#30035: to make a key, the module tried to set the group of the account.
  test('generate_ssh_key of user names a resource that works as it is written', () => {
    const [problem] = found('hosts: all\nresources: [{ user: { name: deploy, generate_ssh_key: true } }]');
    const [, resource] = /(command: \{.*\})/.exec(problem!.hint!)!;
    expect(found(`hosts: all\nbecome: true\nresources:\n  - ${resource}`)).toEqual([]);
  });
});

test.each(Object.entries(namesOfAnsible))(
  '%s in an expression is refused with the equivalent',
  (name, text) => {
    const component = `resources: [{ file: { path: /a, content: "{{ ${name} }}" } }]`;
    const playbook = 'hosts: all\nresources: [{ include: c.yml }]';
    const [problem, ...more] = problems(playbook, { ...files, 'c.yml': component }, { modules });
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'undefined-variable', hint: `Write ${text}.` });
    const expression = text.split(',')[0]!.replace('NAME', 'web1');
    expect(
      found(
        `hosts: all\nresources: [{ command: { run: "true", always: true }, when: (${expression}) is defined }]`,
      ),
    ).toEqual([]);
  },
);
