import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { loadInventory } from '../../../engine/inventory/read-inventory.ts';
import { modules as shipped } from '../../../modules/index.ts';
import { runProgram } from '../cli/run-program.ts';
import { folderOf, problems, problemsIn, shown } from '../workspace.ts';

const folder = new URL('./mistakes/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const inventory = 'hosts:\n  web1: { vars: { workers: 3 } }\ngroups:\n  web: { hosts: [web1] }\n';

const beside: Readonly<Record<string, Record<string, string>>> = {
  component: {
    'app.yml': `params:
  name: { type: string }
  port: { type: integer, default: 80 }
  level: { type: string, default: info, enum: [info, debug] }
resources:
  - file: { path: "/{{ name }}", mode: "{{ port }}" }
`,
    'play.yml': 'hosts: all\nresources: []\n',
    'circle.yml': 'resources: [{ include: circle.yml }]\n',
    'broken.yml': `params:
  size: { type: strng }
  facts: { type: string }
  count: { type: integer, default: many }
  note: { typ: string }
resources:
  - file: { path: /broken, content: "{{ workers }}" }
`,
  },
  expression: {
    'templates/bad.j2': '{% for x in list %}\n{{ x | uper }}\n{% endif %}\n{{ }}\n{% set y %}\n',
  },
};

test.each(['component', 'expression'])(
  'mistakes of a playbook have their golden messages (%s)',
  async name => {
    const all = problems(read(`${name}.yml`), { 'inventory.yml': inventory, ...beside[name] });
    await expect(shown(all)).toMatchFileSnapshot(`./mistakes/${name}.txt`);
  },
);

const inventories: Readonly<Record<string, string>> = {
  'own.yml': `defaults: { usr: deploy }
hosts:
  web1: { adress: 203.0.113.1, port: "22" }
  web2: { transport: sssh }
  web3: [203.0.113.3]
  web4: { become: yes, vars: { host: 1 } }
groups:
  web: { hosts: [web1, wbe2] }
  prod: { groups: [wbe] }
  loop: { groups: [loop] }
`,
  'hosts.ini': `[web]
web[1:x].example.com
web2 ansible_port
[web:childern]
db
[db
db1 ansible_host="203.0.113.4
`,
};

test('mistakes of inventories have their golden messages', async () => {
  const found = Object.entries(inventories).flatMap(([name, text]) => {
    const path = `${folderOf({ [name]: text })}/${name}`;
    return problemsIn(() => loadInventory({ inventory: [path] }));
  });
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/inventory.txt');
});

test('mistakes of secrets have their golden messages', async () => {
  const play = (secrets: string, value: string) =>
    `hosts: web\nsecrets: [${secrets}]\nresources:\n  - pg_role: { name: app, password: "{{ secrets.${value} }}" }\n`;
  const files = {
    'inventory.yml': inventory,
    'open.yml': 'password: x\n',
    'prod.secret.yml': 'password: hunter2hunter2\nnested: { key: tr0ub4dor }\n',
    'list.secret.yml': '[x]\n',
  };
  const found = [
    ['open.yml', 'password'],
    ['prod.secrt.yml', 'password'],
    ['prod.secret.yml', 'pasword'],
    ['prod.secret.yml', 'nested.kye'],
    ['prod.secret.yml', 'nested'],
    ['list.secret.yml', 'password'],
    ['{ comand: [pass] }', 'password'],
  ].flatMap(([secrets, value]) => problems(play(secrets!, value!), files, { modules: shipped }));
  await expect(shown(found)).toMatchFileSnapshot('./mistakes/secrets.txt');
});

test('mistakes of a command line have their golden messages', async () => {
  const site =
    'hosts: web\nresources:\n  - { file: { path: /a }, tags: [app] }\n  - { file: { path: /b }, tags: [site] }\n';
  const folder = folderOf({
    'inventory.yml': inventory,
    'site.yml': site,
    'apps/app.yml': 'params: { name: { type: string } }\nresources: []\n',
    'tasks.yml': '- hosts: web\n  tasks:\n    - apt: { name: nginx }\n',
    'plays.yml/site.yml': site,
  });
  const lines = [
    'aply site.yml',
    'apply site.yml --chek',
    'apply',
    'apply site.yml -p 0',
    'apply site.yml --timeout 3x',
    'apply site.yml --confirm',
    'validate sites.yml',
    'validate nowhere/site.yml',
    'validate apps/app.yml',
    'validate tasks.yml',
    'validate plays.yml',
    'validate site.yml -i inventry.yml',
    'validate site.yml --limit wbe',
    'validate site.yml --tags ap',
    'validate site.yml --skip-tags elsewhere',
    'validate site.yml --tags app --skip-tags app',
    'validate site.yml --var workers',
    'validate site.yml --var facts=1',
    'modules fil',
    'explain alias-slsh',
    'lock stats web1',
  ];
  const told: string[] = [];
  for (const line of lines) {
    const words = line.split(' ').map(word => (/\.yml$/.test(word) ? join(folder, word) : word));
    told.push(`$ reconcile ${line}\n${await stderrOf(words)}`);
  }
  const text = told.join('\n').replaceAll(/[^\s",]*load-\w{6}\//g, '');
  await expect(text).toMatchFileSnapshot('./mistakes/command-line.txt');
});

async function stderrOf(argv: string[]): Promise<string> {
  const { exitCode, stderr } = await runProgram(argv);
  expect(exitCode).toBe(3);
  return stderr;
}

/** The messages of a golden file. */
const messagesIn = (name: string) =>
  read(name)
    .trimEnd()
    .split(/\n\n(?=\S)/);

it('there are more than 60 golden messages, each with place, code and remedy', () => {
  const all = readdirSync(folder)
    .filter(name => name.endsWith('.txt'))
    .flatMap(messagesIn);
  const lacking = all.filter(message => {
    const [first, ...rest] = message.split('\n');
    const isPlaced = /^(?:\S+:\d+:\d+: |\$ reconcile )/.test(message);
    const hasCode = /\[[a-z-]+\]$/m.test(message);
    const hints = rest.filter(line => !/^ +\d* \|/.test(line) && !line.startsWith('  included from'));
    return !isPlaced || !hasCode || (hints.length === 0 && !first!.includes('Did you mean'));
  });
  expect(lacking).toEqual([]);
  const distinct = new Set(all.map(message => /: (.*\[[a-z-]+\])$/m.exec(message)?.[1]));
  expect(distinct.size).toBeGreaterThan(60);
});

it.each(['module', 'argument', 'variable', 'host', 'group', 'resource', 'tag', 'filter', 'file'])(
  'Did you mean is asked of a %s',
  kind => {
    const words: Readonly<Record<string, RegExp>> = {
      module: /no module "\w+". Did/,
      argument: /takes no "\w+". Did/,
      variable: /"\w+" is not defined. Did/,
      host: /a host "wbe2",.* Did/,
      group: /no (?:host or )?group "wbe".* Did/,
      resource: /which no resource of the play is called. Did/,
      tag: /No resource has the tag "\w+". Did/,
      filter: /no filter "\w+". Did/,
      file: /no template "[\w.]+". Did/,
    };
    const all = readdirSync(folder).filter(name => name.endsWith('.txt'));
    expect(all.map(read).join('\n')).toMatch(words[kind]!);
  },
);
