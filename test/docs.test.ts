import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { CommanderError } from 'commander';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { commands } from '../engine/cli/commands.ts';
import { compile } from '../engine/expression/expression.ts';
import { loadInventory } from '../engine/inventory/read-inventory.ts';
import { explanations, problemsOf } from '../engine/problem.ts';
import { componentKeys, playKeys } from '../engine/schema/resource-keys.ts';
import { loadPlaybook } from '../engine/validate/load-playbook.ts';
import { Secret, type Value } from '../engine/value.ts';
import { parseYaml } from '../engine/yaml/document.ts';
import { modules } from '../modules/index.ts';
import { runProgram, silentIo } from './engine/cli/run-program.ts';

const root = join(import.meta.dirname, '..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
];
const text = (page: string) => readFileSync(join(root, page), 'utf8');
const walk = join('docs', 'guide', 'writing-a-module.md');

interface Block {
  page: string;
  /** The line that the block begins after. */
  line: number;
  /** The words after the fence. */
  language: string;
  text: string;
}

const blocks = pages.flatMap(page => blocksOf(page, text(page)));

function blocksOf(page: string, markdown: string): Block[] {
  return [...markdown.matchAll(/^( *)```(.*)\n((?:.*\n)*?) *```$/gm)].map(
    ({ 2: language, 3: inside, index }) => ({
      page,
      line: markdown.slice(0, index).split('\n').length,
      language: language!,
      text: inside!,
    }),
  );
}

/** The name of the file that a block is, where its first line is a comment that says so. */
const fileName = (block: string) => /^# ([\w./-]+\.(?:yml|ini))\n/.exec(block)?.[1];

/**
 * A new folder with a made-up inventory and the example's secrets, gone after the test. With a page, the files that it
 * names are there, too.
 */
function workspace(page?: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'playbooks'), folder, { recursive: true });
  for (const name of ['flask', 'two-tier']) {
    const secrets = readFileSync(join(folder, `secrets/${name}.example.yml`));
    writeFileSync(join(folder, `secrets/${name}.yml`), secrets, { mode: 0o600 });
  }
  const groups = 'web: { hosts: [web1, web2] }, db: { hosts: [db1] }, lb: { hosts: [lb1] }';
  writeFileSync(
    join(folder, 'inventory.yml'),
    `hosts: { web1: , web2: , db1: , lb1: }\ngroups: { ${groups} }\n`,
  );
  writeFileSync(join(folder, 'templates/env.j2'), 'APP={{ app }}\n');
  writeFileSync(join(folder, 'files/shop.service'), '[Service]\nExecStart=/bin/true\n');
  for (const block of blocks.filter(each => each.page === page)) {
    const name = fileName(block.text);
    if (name === undefined) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), block.text, { mode: 0o600 });
  }
  return folder;
}

/** Returns the problems of a YAML block, according to its kind. A block of no known kind is a problem. */
function problemsOfYaml(yaml: string, page?: string): string[] {
  const folder = workspace(page);
  const play = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    loadPlaybook(join(folder, name), { modules, secretsMissing: () => {} });
  };
  try {
    const { data } = parseYaml(yaml, 'block');
    const keys = typeof data === 'object' && data !== null ? Object.keys(data) : [];
    const only = (known: object) => keys.length > 0 && keys.every(key => key in known);
    const has = (...wanted: string[]) => wanted.some(key => keys.includes(key));
    const name = fileName(yaml) ?? '';
    if (name.startsWith('test/')) {
      const shown = yaml.slice(yaml.indexOf('\n') + 1);
      return readFileSync(join(root, name), 'utf8') === shown ? [] : [`${name} has another text.`];
    }
    if (/^(host_vars|group_vars|secrets)\//.test(name)) {
      // Values by name, which other blocks of the page use.
    } else if (has('plays') || (has('hosts') && has('resources'))) play('block.yml', yaml);
    else if (keys.length === 1 && has('vars')) {
      const flask = readFileSync(join(folder, 'flask.yml'), 'utf8');
      const changed = Object.keys((data as { vars: object }).vars);
      const rest = flask.split('\n').filter(line => !changed.some(name => line.startsWith(`  ${name}:`)));
      play('block.yml', rest.join('\n').replace(/^vars:\n/m, yaml));
    } else if (has('params', 'resources') && only(componentKeys)) {
      writeFileSync(join(folder, 'component.yml'), yaml);
      // A default for each parameter, so that nothing has to be given.
      play(
        'block.yml',
        `hosts: web\nresources:\n  - include: component.yml\n    with: ${JSON.stringify(given(data))}\n`,
      );
    } else if (only(playKeys) && !has('hosts')) play('block.yml', `${yaml}hosts: web\nresources: []\n`);
    else if (has('hosts', 'all')) {
      writeFileSync(join(folder, 'block.yml'), yaml);
      loadInventory({ inventory: [join(folder, 'block.yml')] });
    } else return ['This is no YAML of a kind that is known.'];
    return [];
  } catch (thrown) {
    return problemsOf(thrown).map(({ message, at }) => `${at?.line ?? ''}: ${message}`);
  }
}

/** A value for each parameter of a component that has no default. */
function given(component: unknown): Record<string, unknown> {
  const { params = {} } = component as { params?: Record<string, { type: string; default?: unknown }> };
  const samples: Record<string, unknown> = { string: 'a', boolean: true, list: [], map: {} };
  const wanted = Object.entries(params).filter(([, param]) => !('default' in param));
  return Object.fromEntries(wanted.map(([name, { type }]) => [name, samples[type] ?? 1]));
}

const isAnsible = (block: string) => /^- hosts:/m.test(block) && /^ +tasks:/m.test(block);

/** Each language that a block may be in, and the blocks that it is for: those of modules are tried with the modules. */
const languages = ['yaml', 'ini', 'sh', 'console', 'text', 'jinja', 'ts'] as const;
const written = (language: (typeof languages)[number]) =>
  blocks.filter(
    block =>
      block.language === language && !block.page.startsWith(join('docs', 'modules')) && block.page !== walk,
  );

it('every block of a page names its language, and each language has a test', () => {
  const known: readonly string[] = languages;
  expect(blocks.filter(({ language }) => !known.includes(language))).toEqual([]);
  const fences = pages.map(page => text(page).match(/^ *(```|~~~)/gm)?.length ?? 0);
  expect(fences.reduce((sum, count) => sum + count, 0)).toBe(2 * blocks.length);
  expect(blocksOf('', '```\nx\n```\n').map(({ language }) => language)).toEqual(['']);
});

describe('a YAML block of a written page is valid', () => {
  test.each(written('yaml').filter(({ text }) => !isAnsible(text)))('$page:$line', ({ text, page }) =>
    expect(problemsOfYaml(text, page)).toEqual([]),
  );

  it('an invalid block is noticed', () => {
    expect(problemsOfYaml('hosts: web\nresources:\n  - flie: { path: /x }\n')).toHaveLength(1);
    expect(problemsOfYaml('vars:\n  domains: ["{{ hots.name }}"]\n')).not.toEqual([]);
    expect(problemsOfYaml('hosts: { web1: { adress: x } }\n')).toHaveLength(1);
    expect(problemsOfYaml('params: { a: { type: strin } }\nresources: []\n')).not.toEqual([]);
    expect(problemsOfYaml('secrets: [{ comand: [a] }]\n')).not.toEqual([]);
    expect(problemsOfYaml('anything: else\n')).toHaveLength(1);
  });
});

const ansible = '/usr/bin/ansible-playbook';
const noAnsible = existsSync(ansible) ? undefined : `${ansible} is not there`;
if (noAnsible !== undefined && process.env['RECONCILE_LAB'] === 'required')
  throw new Error(`${noAnsible}: install ansible-core`);
describe.skipIf(noAnsible !== undefined)('an Ansible playbook on a page is valid', () => {
  test.each(written('yaml').filter(({ text }) => isAnsible(text)))(
    '$page:$line',
    ({ text }) => {
      const folder = workspace();
      writeFileSync(join(folder, 'block.yml'), text);
      const { status, stdout, stderr } = spawnSync(
        ansible,
        ['--syntax-check', '-i', 'web1,', join(folder, 'block.yml')],
        { encoding: 'utf8', env: { ...process.env, ANSIBLE_HOME: join(folder, '.ansible') } },
      );
      expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
    },
    120_000,
  );
});

it.each(written('ini'))('the INI block $page:$line is an inventory that is sound', ({ text }) => {
  const folder = workspace();
  writeFileSync(join(folder, 'block.ini'), text);
  expect(loadInventory({ inventory: [join(folder, 'block.ini')] }).hosts.size).toBeGreaterThan(0);
});

it.each(blocks.filter(({ language }) => language === 'sh'))(
  'the block $page:$line is a script that a shell takes',
  ({ text }) => {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);

describe('the output on a page equals that of the program', () => {
  const shown = written('console').flatMap(({ page, line, text }) =>
    text
      .split(/^\$ /m)
      .filter(part => part !== '')
      .map(part => ({
        page,
        line,
        command: part.split('\n')[0]!,
        output: part.slice(part.indexOf('\n') + 1),
      })),
  );
  test.each(shown.filter(({ output }) => output !== ''))('$page:$line $command', async each => {
    expect(await printed(each.page, each.command)).toBe(each.output);
  });

  it.each(written('text'))('$page:$line has the form of a summary, a total or a problem', ({ text }) => {
    const [, code] = /^\S+:\d+:\d+: .* \[([a-z-]+)\]\n(?: {2}.*\n)+$/.exec(text) ?? [];
    if (code !== undefined) expect(Object.keys(explanations)).toContain(code);
    else
      expect(text).toMatch(/^((\S+: \d+ changed, \d+ unchanged, \d+ failed\n)+|Plan: .* on \d+ hosts?\n)$/);
  });
});

/** Returns the output of a command without a host, in a folder with the files of the page. */
async function printed(page: string, command: string): Promise<string> {
  const [name, ...argv] = wordsOf(command);
  expect([name, ['inventory', 'validate', 'graph', 'modules', 'explain'].includes(argv[0]!)]).toEqual([
    'reconcile',
    true,
  ]);
  const { stdout, stderr } = await runProgram(argv, workspace(page));
  return stdout + stderr;
}

describe('the examples of expressions are correct', () => {
  const scope: Record<string, Value> = {
    ports: [80, 443],
    domains: ['example.com', 'www.example.com'],
    secrets: { db_password: new Secret('a/b', 'secrets.db_password') },
  };
  const compiled = (source: string) => compile(source, () => ({ file: source, line: 1, column: 1 }));
  const results = written('jinja').flatMap(({ page, line, text }) =>
    [...text.matchAll(/^(.*?) +\{# (.*) #\}$/gm)].map(([, source, gives]) => ({
      page,
      line,
      source: source!,
      gives: gives!,
    })),
  );
  test.each(results)('$page:$line $source', ({ source, gives }) => {
    expect(JSON.stringify(compiled(source).evaluate(scope))).toBe(gives);
  });

  it.each(written('jinja').filter(({ text }) => !text.includes('{# ')))(
    '$page:$line is a template',
    ({ text }) => {
      expect(String(compiled(text).render(scope))).not.toBe('');
    },
  );
});

/** Returns the messages of the compiler for each of these module texts. */
function typeErrors(sources: readonly string[]): string[][] {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ['engine', 'node_modules', 'package.json'])
    symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, 'modules'), join(folder, 'modules'), { recursive: true });
  const names = sources.map((source, i) => {
    writeFileSync(join(folder, `modules/_shown${i}.ts`), source);
    return `modules/_shown${i}.ts`;
  });
  const config = { extends: join(root, 'tsconfig.json'), include: names };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return names.map(name => stdout.split('\n').filter(line => line.startsWith(name)));
}

it('the TypeScript of pages has valid types', () => {
  const shown = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
  const [mistake, ...found] = typeErrors([shown[0]!.replace('args.name', 'args.nam'), ...shown]);
  expect(found).toEqual(shown.map(() => []));
  expect(mistake!.join()).toContain("'nam' does not exist");
}, 300_000);

it('the module of the guide and the scaffold of new-module are valid', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const needed = [
    'engine',
    'modules',
    'scripts',
    'test/modules',
    'test/own-state.ts',
    'package.json',
    'docs/guide/ansible.md',
  ];
  for (const name of [...needed, 'vitest.config.ts'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const run = (...words: string[]) => {
    const ran = spawnSync(process.execPath, words, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, VITEST: '' },
    });
    expect(ran, words.join(' ')).toMatchObject({ status: 0 });
    return ran.stdout + ran.stderr;
  };
  const on = (language: string) => blocks.filter(block => block.page === walk && block.language === language);
  run('--import', 'tsx', 'scripts/new-module.ts', 'boot_target');
  run('--import', 'tsx', 'scripts/new-module.ts', 'scaffold');
  writeFileSync(join(folder, 'modules/boot_target.ts'), on('ts')[0]!.text);
  const [created, unchanged, playbook, ...rest] = on('yaml');
  expect(rest).toEqual([]);
  writeFileSync(join(folder, 'test/modules/boot_target/created.yml'), created!.text);
  writeFileSync(join(folder, 'test/modules/boot_target/unchanged.yml'), unchanged!.text);
  writeFileSync(join(folder, 'site.yml'), playbook!.text);
  run('--import', 'tsx', 'scripts/gen.ts');
  expect(existsSync(join(folder, 'docs/modules/boot_target.md'))).toBe(true);
  run('--import', 'tsx', 'engine/cli/main.ts', 'validate', 'site.yml', '-i', 'web1,');
  const cases = run(
    'node_modules/vitest/vitest.mjs',
    ...['run', '--project', 'unit', 'test/modules/cases.test.ts', '--reporter=verbose'],
    ...['-t', '^(boot_target|scaffold) '],
  );
  for (const title of [
    'a host with another target gets a new link',
    'a host with the target stays unchanged',
    'a scaffold that is not there',
  ])
    expect(cases).toContain(title);
}, 300_000);

describe('a playbook of the repository is valid', () => {
  const playbooks = readdirSync(join(root, 'playbooks')).filter(
    name => name.endsWith('.yml') && name !== 'inventory.yml',
  );
  test.each(playbooks)('%s', name => {
    expect(loadPlaybook(join(workspace(), name), { modules }).plays).not.toEqual([]);
  });

  it('the inventory beside them contains their hosts', () => {
    const { groups } = loadInventory({ inventory: [join(root, 'playbooks/inventory.yml')] });
    expect(groups.get('web')).toEqual(['web1', 'web2']);
  });
});

/** The words of a command line as a shell parts them. */
function wordsOf(line: string): string[] {
  const words = line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g);
  return [...words].map(([word]) => word.replaceAll(/['"]/g, ''));
}

/** Why the command line does not take `words`; undefined when it does. Nothing is run. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const program = commands({ ...silentIo(), argv: words }, () => {});
  if (/^\w+$/.test(words.join(' '))) {
    return program.commands.some(command => command.name() === words[0]) ? undefined : `no ${words[0]}`;
  }
  for (const command of program.commands) command.action(() => {});
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (thrown) {
    const { exitCode, message } = thrown as CommanderError;
    return exitCode === 0 ? undefined : message;
  }
}

describe('the program accepts the command lines of pages', () => {
  const lines = pages.flatMap(page => {
    const shown = blocks.filter(block => block.page === page && block.language !== 'yaml');
    const inline = [...text(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
    return [...shown.flatMap(block => block.text.split('\n')), ...inline]
      .map(line => /^(?:\$ )?(?:npx )?reconcile (.*?)(?:\s+#.*)?$/.exec(line)?.[1])
      .filter(line => line !== undefined)
      .map(line => ({ page, line }));
  });
  test.each(lines)('$page: reconcile $line', async ({ line }) => {
    expect(await refusal(wordsOf(line))).toBeUndefined();
  });

  it('an invalid one is noticed', async () => {
    expect(await refusal(['apply', 'x.yml', '--chek'])).toContain('--chek');
    expect(await refusal(['aply'])).toBe('no aply');
    expect(await refusal(['apply', 'x.yml', '--parallel', 'many'])).toContain('many');
  });
});

it('scripts and files in the commands of pages exist', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  const missing = pages.flatMap(page => {
    const runs = [...text(page).matchAll(/npm run ([\w-]+)/g)].filter(([, name]) => !(name! in scripts));
    const files = [...text(page).matchAll(/npx tsx (\S+\.ts)/g)].filter(
      ([, file]) => !existsSync(join(root, file!)),
    );
    return [...runs, ...files].map(([found]) => `${page}: ${found}`);
  });
  expect(missing).toEqual([]);
});

it('links between pages have targets', () => {
  const dead = pages.flatMap(page =>
    [...text(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .map(([, target]) => target!)
      .filter(target => !/^\w+:/.test(target) && !existsSync(join(root, dirname(page), target)))
      .map(target => `${page} → ${target}`),
  );
  expect(dead).toEqual([]);
});

it('every page except decisions can be reached from the README or the page for contributors', () => {
  const seen = new Set<string>();
  const follow = (page: string) => {
    if (seen.has(page) || !pages.includes(page)) return;
    seen.add(page);
    for (const [, target] of text(page).matchAll(/\]\(([^)\s#]+\.md)[^)]*\)/g))
      follow(relative(root, join(root, dirname(page), target!)));
  };
  follow('README.md');
  follow('CONTRIBUTING.md');
  expect(pages.filter(page => !seen.has(page) && !page.startsWith(join('docs', 'decisions')))).toEqual([]);
});
