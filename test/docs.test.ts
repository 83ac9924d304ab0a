import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { CommanderError } from 'commander';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { commands } from '../engine/cli/program.ts';
import { loadInventory, loadPlaybook } from '../engine/load/index.ts';
import { parseYaml } from '../engine/load/parse.ts';
import { problemsOf } from '../engine/problem.ts';
import { modules } from '../modules/index.ts';

const root = join(import.meta.dirname, '..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
];
const text = (page: string) => readFileSync(join(root, page), 'utf8');

interface Block {
  page: string;
  /** The line that the block begins after. */
  line: number;
  language: string;
  text: string;
}

const blocks: Block[] = pages.flatMap(page =>
  [...text(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language, 2: inside, index }) => ({
    page,
    line: text(page).slice(0, index).split('\n').length,
    language: language!,
    text: inside!,
  })),
);

/** A new folder with a made-up inventory and the example's secrets, gone after the test. */
function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'playbooks'), folder, { recursive: true });
  const secrets = readFileSync(join(folder, 'secrets/flask.example.yml'));
  writeFileSync(join(folder, 'secrets/flask.yml'), secrets, { mode: 0o600 });
  writeFileSync(
    join(folder, 'inventory.yml'),
    'hosts: { web1: , web2: }\ngroups: { web: { hosts: [web1, web2] } }\n',
  );
  return folder;
}

/** What is wrong with a YAML block, by what it is: a playbook, variables of a play, an inventory, or anything else. */
function problemsOfYaml(yaml: string): string[] {
  const folder = workspace();
  try {
    const data = parseYaml(yaml, 'block').data;
    const keys = typeof data === 'object' && data !== null ? Object.keys(data) : [];
    if (keys.includes('resources') || keys.includes('plays')) {
      writeFileSync(join(folder, 'block.yml'), yaml);
      loadPlaybook(join(folder, 'block.yml'), { modules });
    } else if (keys.length === 1 && keys[0] === 'vars') {
      const flask = readFileSync(join(folder, 'flask.yml'), 'utf8');
      const changed = Object.keys((data as { vars: object }).vars);
      const rest = flask.split('\n').filter(line => !changed.some(name => line.startsWith(`  ${name}:`)));
      writeFileSync(join(folder, 'block.yml'), rest.join('\n').replace(/^vars:\n/m, yaml));
      loadPlaybook(join(folder, 'block.yml'), { modules });
    } else if (keys.includes('hosts') || keys.includes('all')) {
      writeFileSync(join(folder, 'block.yml'), yaml);
      loadInventory({ inventory: [join(folder, 'block.yml')] });
    }
    return [];
  } catch (thrown) {
    return problemsOf(thrown).map(({ message, at }) => `${at?.line ?? ''}: ${message}`);
  }
}

describe('a YAML block of a page that people write is sound', () => {
  const written = blocks.filter(
    ({ page, language }) => language === 'yaml' && !page.startsWith(join('docs', 'modules')),
  );
  test.each(written)('$page:$line', ({ text }) => expect(problemsOfYaml(text)).toEqual([]));

  it('a block that is not sound is noticed', () => {
    expect(problemsOfYaml('hosts: web\nresources:\n  - flie: { path: /x }\n')).toHaveLength(1);
    expect(problemsOfYaml('vars:\n  domains: ["{{ hots.name }}"]\n')).not.toEqual([]);
    expect(problemsOfYaml('hosts: { web1: { adress: x } }\n')).toHaveLength(1);
  });
});

it('an INI block of a page is an inventory that is sound', () => {
  const written = blocks.filter(({ language }) => language === 'ini');
  const hosts = written.map(({ text }) => {
    const folder = workspace();
    writeFileSync(join(folder, 'block.ini'), text);
    return loadInventory({ inventory: [join(folder, 'block.ini')] }).hosts.size;
  });
  expect(Math.min(...hosts)).toBeGreaterThan(0);
});

describe('a playbook of the repository is sound', () => {
  const playbooks = readdirSync(join(root, 'playbooks')).filter(
    name => name.endsWith('.yml') && name !== 'inventory.yml',
  );
  test.each(playbooks)('%s', name => {
    expect(loadPlaybook(join(workspace(), name), { modules }).plays).toHaveLength(1);
  });

  it('the inventory beside them has the hosts that they are for', () => {
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
  const io = { stdout: { columns: 80, write: () => true }, env: {}, argv: words } as never;
  const program = commands(io, () => {});
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

describe('a command line that a page shows is one that the program takes', () => {
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

  it('one that it does not take is noticed', async () => {
    expect(await refusal(['apply', 'x.yml', '--chek'])).toContain('--chek');
    expect(await refusal(['aply'])).toBe('no aply');
    expect(await refusal(['apply', 'x.yml', '--parallel', 'many'])).toContain('many');
  });
});

it('scripts and files that a page tells to run exist', () => {
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

it('links between pages lead somewhere', () => {
  const dead = pages.flatMap(page =>
    [...text(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .map(([, target]) => target!)
      .filter(target => !/^\w+:/.test(target) && !existsSync(join(root, dirname(page), target)))
      .map(target => `${page} → ${target}`),
  );
  expect(dead).toEqual([]);
});

it('every page but those of decisions can be reached from the README', () => {
  const seen = new Set<string>();
  const follow = (page: string) => {
    if (seen.has(page) || !pages.includes(page)) return;
    seen.add(page);
    for (const [, target] of text(page).matchAll(/\]\(([^)\s#]+\.md)[^)]*\)/g))
      follow(relative(root, join(root, dirname(page), target!)));
  };
  follow('README.md');
  expect(pages.filter(page => !seen.has(page) && !page.startsWith(join('docs', 'decisions')))).toEqual([]);
});
