import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importedRooms, rooms } from '../scripts/rooms.ts';
import { directImports } from '../scripts/rooms-svg.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const architecture = read('docs/architecture.md');

/** The rows of the table behind a heading, as the texts of their cells. */
function tableBehind(page: string, heading: string): string[][] {
  const section = page.slice(page.indexOf(heading)).split(/\n(?=##)/)[0]!;
  const rows = section.split('\n').filter(line => line.startsWith('|'));
  return rows.slice(2).map(row =>
    row
      .slice(1, -1)
      .split('|')
      .map(cell => cell.trim()),
  );
}

/** Whether a file of TypeScript defines a name, or a shell function of that name. */
function defines(file: string, name: string): boolean {
  const declared = new RegExp(
    `^(?:export )?(?:async )?(?:function|const|class|interface|type) ${name}\\b`,
    'm',
  );
  return declared.test(read(file)) || new RegExp(`^${name}\\(\\)`, 'm').test(read(file));
}

describe('docs/architecture.md', () => {
  const links = [...architecture.matchAll(/\[([^\]]+\.(?:ts|sh))\]\(\.\.\/([^)]+)\)/g)];

  it('names each file by its path from the root, and the file exists', () => {
    expect(links.length).toBeGreaterThan(80);
    expect(links.filter(([, text, target]) => text !== target).map(([link]) => link)).toEqual([]);
    expect(links.filter(([, , target]) => !existsSync(join(root, target!))).map(([link]) => link)).toEqual(
      [],
    );
  });

  it('names only functions that the file beside them defines', () => {
    const named = [
      ...architecture.matchAll(
        /((?:`\w+`(?:,| and| or)\s)*`\w+`)[,]?\s(?:in|under)\s\[[^\]]+\]\(\.\.\/([^)]+\.(?:ts|sh))\)/g,
      ),
    ].flatMap(([, names, file]) =>
      [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => ({ name: name!, file: file! })),
    );
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ name, file }) => !defines(file, name))).toEqual([]);
  });

  it('has a walk of at most 40 files, each once, with functions that the file defines', () => {
    const walk = tableBehind(architecture, '## The walk').map(([number, link, names]) => ({
      number,
      file: /\(\.\.\/([^)]+)\)/.exec(link!)![1]!,
      names: [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
    }));
    expect(walk.length).toBeLessThanOrEqual(40);
    expect(walk.map(({ number }) => Number(number))).toEqual(walk.map((_, i) => i + 1));
    expect(new Set(walk.map(({ file }) => file)).size).toBe(walk.length);
    const missing = walk.flatMap(({ file, names }) =>
      names.filter(name => !defines(file, name)).map(name => `${file} ${name}`),
    );
    expect(missing).toEqual([]);
    expect(walk.filter(({ names }) => names.length === 0)).toEqual([]);
  });

  it('lists the rooms in the order of their imports', () => {
    expect(tableBehind(architecture, '## The rooms').map(([room]) => room)).toEqual(
      rooms.map(room => `\`${room}\``),
    );
  });

  it('has a picture with each room and with an arrow for each import that no other arrows imply', () => {
    const picture = read('docs/rooms.svg');
    for (const room of rooms) expect(picture).toContain(`>${room}</text>`);
    const arrows = [...picture.matchAll(/<title>([\w-]+) → ([\w-]+)<\/title>/g)];
    expect(arrows.map(([, from, to]) => [from, to])).toEqual(directImports(importedRooms()));
    expect(
      directImports(
        new Map(Object.entries({ a: new Set(['b', 'c']), b: new Set(['c']), c: new Set<string>() })),
      ),
    ).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ]);
  });
});

it('docs/architecture.md names for each path on a host a file that contains its name', () => {
  const rows = tableBehind(architecture, '## State on a host');
  expect(rows.length).toBeGreaterThan(9);
  const wrong = rows.flatMap(([path, , , link]) => {
    const named = /`([^`]+)`/.exec(path!)![1]!;
    // Capitals and stars stand for something else.
    const name = named
      .replace(/[/.]?[A-Z*][A-Z.*]*$/, '')
      .split('/')
      .at(-1)!;
    return read(/\(\.\.\/([^)]+)\)/.exec(link!)![1]!).includes(name) ? [] : [`${name}: ${link}`];
  });
  expect(wrong).toEqual([]);
});

describe('docs/guide/testing-a-module.md', () => {
  const guide = read('docs/guide/testing-a-module.md');
  const keysOf = (heading: string) => tableBehind(guide, heading).map(([key]) => /`(\w+)`/.exec(key!)![1]!);

  it('lists all keys of a case', () => {
    const [, body] = /^interface Situation \{\n([\s\S]*?)^\}/m.exec(read('test/modules/cases.test.ts'))!;
    const members = [...body!.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name!);
    expect(keysOf('## 1. Cases').toSorted()).toEqual(members.toSorted());
  });

  it('lists all outcomes of a situation', () => {
    const [, body] = /^const kinds[^{]*\{\n([\s\S]*?)^\}/m.exec(read('test/e2e/situation.ts'))!;
    const kinds = [...body!.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name!);
    expect(keysOf('## 3. Situations').toSorted()).toEqual(kinds.toSorted());
  });
});

describe('docs/module-contract.md', () => {
  const contract = read('docs/module-contract.md');

  it('has each member of a definition, with a sentence', () => {
    const [, body] = /export interface Definition[^\n]*\{\n([\s\S]*?)\n\}\n/.exec(
      read('engine/module-kit/define-module.ts'),
    )!;
    const members = [...body!.matchAll(/^ {2}(\w+)\??[(:]/gm)].map(([, name]) => name!);
    expect(members).toContain('obstacles');
    const lines = contract.split('\n');
    const missing = members.filter(
      name => !lines.some(line => new RegExp(`^ {2}- \`${name}\\??[(:].*\`: .*[.]$`).test(line)),
    );
    expect(missing).toEqual([]);
  });

  it('has each kind of step, probe and effect', () => {
    const kindsOf = (file: string, key: string) =>
      [...read(file).matchAll(new RegExp(`\\b${key}: '([\\w-]+)'`, 'g'))].map(([, kind]) => kind!);
    for (const kind of kindsOf('engine/step.ts', 'do')) expect(contract).toContain(`do: '${kind}'`);
    for (const kind of kindsOf('engine/effect.ts', 'kind')) expect(contract).toContain(`kind: '${kind}'`);
    const functions = [...read('engine/probe.ts').matchAll(/^export const (\w+) = \(/gm)];
    expect(functions.length).toBeGreaterThan(10);
    for (const [, name] of functions) expect(contract).toContain(`- \`${name}(`);
  });
});

describe('CONTRIBUTING.md, with the table of extensions', () => {
  const extensions = tableBehind(architecture, '## Extending the engine').map(cells =>
    cells.map(cell => cell.replace(/\[([^\]]+)\]\(\.\.\/\1\)/g, '`$1`')),
  );
  const rows = [...tableBehind(read('CONTRIBUTING.md'), '| I want to'), ...extensions];

  it('names only files and folders that exist', () => {
    const paths = rows.flatMap(([, touch]) =>
      [...touch!.matchAll(/`((?:engine|modules|test|docs|scripts)\/[^` ]*)`/g)].map(([, path]) => path!),
    );
    expect(paths.length).toBeGreaterThan(20);
    const missing = paths
      .map(path => path.replace(/NAME.*$|\*.*$/, ''))
      .filter(path => !existsSync(join(root, path)));
    expect(missing).toEqual([]);
  });

  it('names only values that the file beside them defines', () => {
    const named = rows.flatMap(([, touch]) => [
      ...touch!.matchAll(/`(\w+)` in `((?:engine|test|scripts)\/[^`]+\.ts)`/g),
    ]);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter(([, name, file]) => !defines(file!, name!)).map(([found]) => found)).toEqual([]);
  });

  it('fits on one screen', () => {
    expect(read('CONTRIBUTING.md').split('\n').length).toBeLessThanOrEqual(65);
  });
});

it('every path of the repository that a page names exists', () => {
  const pages = [
    ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.md'))
      .map(name => join('docs', name)),
  ];
  // Placeholders, and the module that the guide to modules creates.
  const made = /NAME|boot_target/;
  const missing = pages.flatMap(page =>
    [...read(page).matchAll(/`((?:engine|modules|test|scripts|docs|bench|schemas|playbooks)\/[\w./-]+)`/g)]
      .map(([, path]) => path!)
      .filter(path => !made.test(path) && !existsSync(join(root, path)))
      .map(path => `${page}: ${path}`),
  );
  expect(missing).toEqual([]);
});

it('every file that a comment of the code names exists', () => {
  const files = ['engine', 'modules', 'scripts'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => /\.(?:ts|sh|sql)$/.test(name))
      .map(name => join(folder, name)),
  );
  const comment = /^\s*(?:\*|\/\/|\/\*\*|#) .*$/gm;
  const path = /(?<![\w./-])(?:[a-z0-9_-]+\/)+[\w-]+\.(?:ts|sh|sql)\b/g;
  const missing = files.flatMap(file =>
    (read(file).match(comment) ?? [])
      .flatMap(line => line.match(path) ?? [])
      .filter(name => ['', 'engine', dirname(file)].every(base => !existsSync(join(root, base, name))))
      .map(name => `${file}: ${name}`),
  );
  expect(missing).toEqual([]);
});
