import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { runProgram } from './run-program.ts';

const root = join(import.meta.dirname, '../../..');
let folder: string;
const at = (name: string) => join(folder, name);
const text = (file: string) => readFileSync(file, 'utf8');
const init = (...argv: string[]) => runProgram(['init', ...argv], folder);
const files = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-init-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const made = [
  '.reconcile/component.schema.json',
  '.reconcile/inventory.schema.json',
  '.reconcile/playbook.schema.json',
  '.vscode/settings.json',
  'inventory.yml',
  'secrets/.gitignore',
  'site.yml',
];

describe('reconcile init', () => {
  it('makes a project in this folder and names the next two commands', async () => {
    const ran = await init();
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ran.stdout).toContain(
      'Next:\n    reconcile apply site.yml --check    # what would change\n    reconcile apply site.yml ',
    );
    expect(files()).toEqual(made);
  });

  it('copies the examples, which find their schemas, and no secrets', async () => {
    expect(await init('--examples')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(files()).toEqual(
      expect.arrayContaining(['flask.yml', 'secrets/.gitignore', 'templates/flask/env.j2']),
    );
    expect(files().filter(file => file.startsWith('secrets/') && !/example|ignore/.test(file))).toEqual([]);
    const playbook = text(at('components/gunicorn_app.yml'));
    expect(playbook).toMatch(/\$schema=\.\.\/\.reconcile\/component\.schema\.json\n/);
    expect(await init('--examples')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('flask.yml'),
    });
  });

  it('makes one whose files are valid, even for lint', async () => {
    await init();
    const validated = await runProgram(['validate', '--strict', 'site.yml', 'inventory.yml'], folder);
    expect(validated).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('provides the schemas of the repository, and names no other', async () => {
    await init();
    for (const name of made.filter(file => file.startsWith('.reconcile/')))
      expect(text(at(name))).toBe(text(join(root, 'schemas', name.slice('.reconcile/'.length))));
    const named = ['site.yml', 'inventory.yml'].map(file => /\$schema=(\S+)/.exec(text(at(file)))![1]!);
    const settings = JSON.parse(text(at('.vscode/settings.json'))) as { 'yaml.schemas': object };
    for (const file of [...named, ...Object.keys(settings['yaml.schemas'])])
      expect(existsSync(at(file))).toBe(true);
  });

  it('writes only the schemas with --schemas', async () => {
    await init();
    writeFileSync(at('.reconcile/playbook.schema.json'), 'old');
    writeFileSync(at('site.yml'), 'mine');
    expect(await init('--schemas')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(text(at('.reconcile/playbook.schema.json'))).toContain('A playbook of reconcile');
    expect([text(at('site.yml')), files()]).toEqual(['mine', made]);
  });

  it('makes the folder, and prints the command to enter it', async () => {
    const ran = await init('new/my servers');
    expect(ran.stdout).toContain("\n    cd 'new/my servers'\n");
    expect(files()).toHaveLength(made.length);
  });

  it('leaves other files of the folder alone', async () => {
    writeFileSync(at('package.json'), '{}');
    expect(await init()).toMatchObject({ exitCode: 0 });
    expect(text(at('package.json'))).toBe('{}');
  });
});

describe('reconcile init writes nothing', () => {
  test.each<[title: string, prepare: () => void, argv: string[], says: string]>([
    ['over a file', () => writeFileSync(at('site.yml'), ''), [], 'This folder already has site.yml; nothing'],
    [
      'over a link that leads nowhere',
      () => symlinkSync('/nowhere/site', at('inventory.yml')),
      [],
      'This folder already has inventory.yml; nothing',
    ],
    [
      'where a file is in the place of a folder',
      () => writeFileSync(at('.vscode'), ''),
      [],
      'This folder already has .vscode; nothing',
    ],
    ['into a file', () => writeFileSync(at('f'), ''), ['f'], '"f" is not a folder; nothing was written.'],
    ['below a file', () => writeFileSync(at('f'), ''), ['f/g'], '"f/g/site.yml" could not be written: '],
    [
      'where nobody can write',
      () => {},
      ['/proc/x'],
      '"/proc/x/site.yml" could not be written: no such file',
    ],
    [
      'where it cannot write all of it',
      () => symlinkSync('/proc/x', at('.reconcile')),
      [],
      'This folder already has .reconcile; nothing',
    ],
  ])('%s', async (_, prepare, argv, says) => {
    prepare();
    const before = files();
    const ran = await init(...argv);
    expect(ran).toMatchObject({ exitCode: 3, stdout: '', stderr: expect.stringContaining(says) });
    expect(ran.stderr).toMatch(/\[usage\]\n {2}Name a folder that /);
    expect(files()).toEqual(before);
  });

  it('that stays if a later file cannot be written', async () => {
    mkdirSync(at('project'));
    symlinkSync('/proc/self/fdinfo', at('project/.vscode'));
    const ran = await init('project');
    expect(ran).toMatchObject({ exitCode: 3, stdout: '' });
    expect(ran.stderr).toContain('"project/.vscode/settings.json" could not be written: ');
    expect(files()).toEqual(['project/.vscode']);
  });
});

describe('reconcile docs', () => {
  const docs = (...argv: string[]) => runProgram(['docs', ...argv]);

  it('lists all pages', async () => {
    const { stdout, exitCode } = await docs();
    const names = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(' ')[0]!);
    expect(exitCode).toBe(0);
    expect(names).toEqual(expect.arrayContaining(['ansible', 'errors', 'getting-started', 'security']));
    expect(names).toEqual(expect.arrayContaining(['architecture', 'modules', 'readme']));
    expect(stdout).toMatch(/^ansible +Coming from Ansible$/m);
  });

  test.each([
    ['ansible', 'docs/guide/ansible.md'],
    ['docs/guide/ansible.md', 'docs/guide/ansible.md'],
    ['../errors.md', 'docs/errors.md'],
    ['../../SECURITY.md', 'SECURITY.md'],
    ['architecture', 'docs/architecture.md'],
    ['README', 'README.md'],
    ['modules', 'docs/modules/README.md'],
    ['../modules/README.md', 'docs/modules/README.md'],
    ['modules/apt', 'docs/modules/apt.md'],
  ])('prints for %s the page', async (name, file) => {
    const title = /^# .*$/m.exec(text(join(root, file)))![0];
    const page = await docs(name);
    expect(page).toMatchObject({ exitCode: 0, stderr: '' });
    expect(page.stdout.startsWith(`${title}\n`)).toBe(true);
    expect(page.stdout).not.toMatch(/<!--|\]\([^)]*\.md/);
  });

  it('prints the command of a page in place of its link', async () => {
    expect((await docs('modules/apt')).stdout).toContain('every resource takes (`reconcile docs keys`)');
    expect((await docs('modules')).stdout).toContain('apt (`reconcile modules apt`)');
  });

  test.each([
    ['anisble', 'There is no page "anisble". Did you mean "ansible"? [usage]'],
    ['zzzzz', '`reconcile docs` lists all pages.'],
  ])('has no page %s, and tells what there is', async (name, says) => {
    expect(await docs(name)).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: expect.stringContaining(says),
    });
  });

  it('has every page that a message names', () => {
    const sources = ['engine', 'modules'].flatMap(room =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
        .filter(file => file.endsWith('.ts'))
        .map(file => text(join(root, room, file)).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')),
    );
    const named = sources.flatMap(source =>
      [...source.matchAll(/`reconcile docs ([\w-]+)`/g)].map(([, page]) => page!),
    );
    expect(named).toContain('ansible');
    for (const page of named)
      expect(['docs/guide', 'docs'].some(folder => existsSync(join(root, folder, `${page}.md`)))).toBe(true);
    expect(sources.filter(source => /docs\/guide\/[\w-]+\.md/.test(source))).toEqual([]);
  });
});
