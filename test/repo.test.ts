import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { explanations } from '../engine/problem.ts';
import { modules } from '../modules/index.ts';
import { generatedFiles } from '../scripts/generated.ts';
import { importsIn, loose, roomOf, rooms } from '../scripts/rooms.ts';

const root = join(import.meta.dirname, '..');

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => relative(root, join(entry.parentPath, entry.name)));
}

const engine = filesIn('engine');
const moduleFiles = filesIn('modules');
/** All texts that people write: code, shell, SQL, pages, playbooks and cases, without the page of the style itself. */
const texts = ['engine', 'modules', 'scripts', 'test', 'bench', 'docs', 'playbooks', '.']
  .flatMap(folder =>
    readdirSync(join(root, folder), { recursive: folder !== '.', withFileTypes: true })
      .filter(entry => entry.isFile() && /\.(?:ts|sh|sql|md|yml|txt|j2)$/.test(entry.name))
      .map(entry => relative(root, join(entry.parentPath, entry.name))),
  )
  .filter(file => file !== 'docs/style.md');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The imports of a file: packages by name, files by their path from the root. */
const importsOf = (file: string) => importsIn(file, read(file));

it('generated files are fresh: npm run gen', () => {
  const stale = [...generatedFiles()].filter(
    ([path, text]) => !existsSync(join(root, path)) || read(path) !== text,
  );
  expect(stale.map(([path]) => path)).toEqual([]);
});

describe('each package is imported in one place', () => {
  test.each<[name: string, door: RegExp]>([
    ['yaml', /^engine\/yaml\//],
    ['age-encryption', /^engine\/secrets\/(?:age|ssh-recipients)\.ts$/],
    ['ajv', /^engine\/schema\/json-schema\.ts$/],
    ['diff', /^engine\/report\/text-diff\.ts$/],
    ['commander', /^engine\/cli\//],
    ['p-queue', /^engine\/run\/host-slots\.ts$/],
    ['ssh2', /^engine\/transport\//],
    // The firewall and the names of hosts only compare addresses.
    ['node:net', /^engine\/(?:transport\/|util\/ip-address\.ts$)|^modules\/_firewall-rules\.ts$/],
    ['node:child_process', /^engine\/transport\/|^engine\/util\/child-process\.ts$/],
  ])('%s', (name, door) => {
    const through = [...engine, ...moduleFiles].filter(file => importsOf(file).some(each => each === name));
    expect(through.filter(file => !door.test(file))).toEqual([]);
    expect(through).not.toEqual([]);
  });
});

describe('every file stands in its room', () => {
  it('in a listed room, or as a listed loose file', () => {
    const elsewhere = engine.filter(file => {
      const room = roomOf(file);
      return room === undefined ? !loose.includes(file.slice('engine/'.length, -3)) : !rooms.includes(room);
    });
    expect(elsewhere).toEqual([]);
    expect(rooms.filter(room => !engine.some(file => roomOf(file) === room))).toEqual([]);
  });

  it('under a name of its own', () => {
    const names = engine.map(file => file.split('/').at(-1));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});

describe('imports go one way', () => {
  const ofEngine = (file: string) => importsOf(file).filter(each => each.startsWith('engine/'));

  it('from room to room', () => {
    const wrong = engine.flatMap(file => {
      const own = rooms.indexOf(roomOf(file) ?? 'util');
      return ofEngine(file)
        .filter(each => rooms.indexOf(roomOf(each) ?? 'util') > own)
        .map(each => `${file} → ${each}`);
    });
    expect(wrong).toEqual([]);
  });

  it('and never in a circle, even for types', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (file: string, way: readonly string[]): void => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
      if (done.has(file) || way.includes(file)) return;
      for (const next of importsOf(file).filter(each => each.endsWith('.ts'))) follow(next, [...way, file]);
      done.add(file);
    };
    for (const file of [...engine, ...moduleFiles]) follow(file, []);
    expect(circles).toEqual([]);
  });

  it('modules import only files written for them', () => {
    const given =
      /^engine\/(?:module-kit\/[\w-]+|effect|host-knowledge|module|plan\/diff|probe|problem|quote|schema-types|state-directory|step|steps\/unit-steps|util\/(?:defined|duration|ip-address|memoized|text-beside|unsalted-password)|value)\.ts$|^modules\/|^node:(?:crypto|buffer|path|net|zlib)$/;
    const wrong = moduleFiles.flatMap(file =>
      importsOf(file)
        .filter(each => !given.test(each))
        .map(each => `${file} → ${each}`),
    );
    expect(wrong).toEqual([]);
  });

  it('only the command line ends the process or writes to a terminal', () => {
    const wrong = engine.filter(
      file =>
        !file.startsWith('engine/cli/') &&
        /\bprocess\.(?:exit|stdout|stderr|stdin)\b|\bconsole\./.test(read(file)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('a test has one result', () => {
  const tests = filesIn('test').filter(file => file !== 'test/repo.test.ts');

  it('random data comes from test/random.ts alone', () => {
    const own = tests.filter(file => file !== 'test/random.ts' && !file.startsWith('test/e2e/'));
    expect(own.filter(file => importsOf(file).includes('fast-check'))).toEqual([]);
    const chance =
      /\bMath\.random\b|\brandom(?:UUID|Int)\b|import \{[^}]*\brandomBytes\b[^}]*\} from 'node:crypto'/;
    expect(own.filter(file => chance.test(read(file)))).toEqual([]);
  });

  it('tests wait for time and never measure it', () => {
    // The property test of plans tells how long a run took.
    const units = tests.filter(file => !/^test\/(?:e2e|lab)\/|^test\/truth\/trial\.ts$/.test(file));
    expect(
      units.filter(file => /\bcpuUsage\b|\bperformance\.now\b|\bhrtime\b|\bDate\.now\b/.test(read(file))),
    ).toEqual([]);
  });
});

it('the manifest is that of the repository, not of an interrupted packing', () => {
  expect(existsSync(join(root, 'package.json.kept'))).toBe(false);
  expect(JSON.parse(read('package.json'))).toHaveProperty('dependencies');
});

it('every module is in the registry by its name', () => {
  const names = moduleFiles
    .map(file => file.slice('modules/'.length, -3))
    .filter(name => !/^_|^index$/.test(name));
  expect(Object.keys(modules).toSorted()).toEqual(names.toSorted());
  for (const [key, module] of Object.entries(modules)) expect(module.name).toBe(key);
});

it('every module has cases', () => {
  const casesOf = (name: string) => {
    const folder = join(root, 'test/modules', name);
    return existsSync(folder) ? readdirSync(folder).filter(file => file.endsWith('.yml')) : [];
  };
  expect(Object.keys(modules).filter(name => casesOf(name).length === 0)).toEqual([]);
});

it('every used problem code is explained, and every explained one is used', () => {
  const text = [...engine, ...moduleFiles]
    .filter(file => file !== 'engine/problem.ts' && file !== 'engine/remedies.ts')
    .map(read)
    .join('\n');
  const unused = Object.keys(explanations).filter(code => code !== 'bug' && !text.includes(`'${code}'`));
  expect(unused).toEqual([]);
  for (const [code, words] of Object.entries(explanations)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(words).toMatch(/[.]$/);
  }
});

it('each promise of SECURITY.md names existing tests', () => {
  const promises = /^## What is promised.*?(?=^## )/ms.exec(read('SECURITY.md'))![0];
  const rows = promises
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(2);
  expect(rows.length).toBeGreaterThan(9);
  for (const row of rows) {
    const tests = [...row.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map(([, file]) => file!);
    expect(tests, row).not.toEqual([]);
    expect(tests.filter(file => !existsSync(join(root, file)))).toEqual([]);
  }
});

it('no file of the engine is over 300 lines', () => {
  expect(engine.filter(file => read(file).trimEnd().split('\n').length > 300)).toEqual([]);
});

describe('docs/style.md', () => {
  const rows = read('docs/style.md')
    .split('\n')
    .filter(line => /^\| (?!text|---)/.test(line))
    .map(line => line.split(' | ').map(cell => cell.replace(/^\| | \|$/g, '')));
  /** The text of an example without its quotes and its names, which differ from place to place. */
  const wordsOf = (example: string) => example.replace(/`/g, '').split(/\S+\.yml|^nginx /);

  it('has an example of each kind of text', () => {
    expect(new Set(rows.map(([kind]) => kind))).toEqual(
      new Set(['page', 'message', 'help text', 'comment', 'identifier', 'test title']),
    );
  });

  test.each(rows)('no %s says "%s"', (_kind, before) => {
    const words = wordsOf(before!)
      .map(part => part.trim())
      .filter(part => part !== '');
    const found = texts.filter(file => {
      const text = read(file)
        .replace(/\s+(?:\/\/|\*|#|--)?\s*/g, ' ')
        .replaceAll('`', '');
      return words.every(part => text.includes(part));
    });
    expect(found).toEqual([]);
  });
});

it('no comment contains a task', () => {
  const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME'].join('|'));
  expect(
    [...engine, ...moduleFiles, ...filesIn('test'), ...filesIn('scripts')].filter(file =>
      marks.test(read(file)),
    ),
  ).toEqual([]);
});
