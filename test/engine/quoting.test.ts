import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { script } from '../../engine/apply/step-script.ts';
import { command, content, entries, owed, type Probe, path, sql } from '../../engine/probe.ts';
import { reader } from '../../engine/probes/readings.ts';
import { identifier, literal } from '../../engine/quote.ts';
import type { Step } from '../../engine/step.ts';
import { describe as describeStep } from '../../engine/steps/step-kinds.ts';
import { seed, thorough } from '../random.ts';
import { scratchInMemory, sh, shells, testState } from './shell.ts';
import { Random } from './validate/fuzz/random.ts';

const isRoot = process.getuid?.() === 0;
const full = process.env['RECONCILE_QUOTING'] === 'full';
const count = full || thorough ? 10_000 : 400;

/** Texts with a meaning for a shell, find, printf, psql or systemd, alone and in pairs. */
const pieces = [
  ...['\n', '\t', ' ', '  ', '\r', '\\', '\\\\', '\\n', '\\0', '\\\n', "'", "''", '"', "'\\''", '`', '`id`'],
  ...[
    '$',
    '$$',
    '$(id)',
    '${HOME}',
    '$HOME',
    '%',
    '%s',
    '%n',
    '%%',
    '*',
    '?',
    '[a]',
    '~',
    '~root',
    '#',
    '!',
    '!!',
  ],
  ...[
    '-',
    '--',
    '-n',
    '-e',
    '-rf',
    ';',
    '&',
    '|',
    '<',
    '>',
    '(',
    ')',
    '{',
    '}',
    '{a,b}',
    '=',
    'a=b',
    ':',
    ':x',
    '@',
  ],
  ...[
    '\u0001',
    '\u001b[31m',
    '\u007f',
    '\u0085',
    '\u009b',
    '\u00a0',
    '\u202e',
    '\ufeff',
    'ä',
    '漢',
    '🦊',
    'e\u0301',
  ],
  ...['{{ x }}', '{% x %}', 'NULL', '--', '/*', '$1', '$$x$$', "E'", 'U&"', '.', '..', 'a', 'B', '0'],
];

/** Strings that are others for each `kind`. */
function strings(kind: number, howMany: number, usable: (text: string) => boolean = () => true): string[] {
  const random = new Random(seed * 100 + kind);
  const below = (limit: number) => random.below(limit);
  const character = () => String.fromCodePoint(1 + below(below(2) === 0 ? 0xff : 0xd7ff - 1));
  const found: string[] = [];
  while (found.length < howMany) {
    const text = Array.from({ length: below(9) }, () =>
      below(3) === 0 ? character() : pieces[below(pieces.length)]!,
    ).join('');
    if (usable(text)) found.push(text);
  }
  return found;
}

/** Distinct names that a directory can hold. */
function names(kind: number, howMany: number): string[] {
  const seen = new Set(['', '.', '..']);
  return strings(kind, howMany, text => {
    if (text.includes('/') || Buffer.byteLength(text) > 255 || seen.has(text)) return false;
    return seen.add(text) !== undefined;
  });
}

function batches<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

const perFile = 100;
/** Strings as the content of a file, which need not be text at all. */
const bytesOf = (texts: readonly string[]) =>
  Buffer.concat(
    texts.map(text => Buffer.concat([Buffer.from(text), createHash('md5').update(text).digest()])),
  );

let dir: string;
beforeAll(() => {
  dir = scratchInMemory();
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs steps, and gives what they printed on stdout between their marks. */
function printed(steps: Step[], argv: string[]): Buffer {
  const { script: text, input } = script(steps);
  const { exit, stdout, stderr } = sh(text, input, argv);
  expect([exit, stderr.toString().replace(/\n[0-9a-f]+ \d+\n/g, '')]).toEqual([0, '']);
  return stdout.subarray(stdout.indexOf('\n', 1) + 1);
}

function read<R>(probes: readonly Probe<R>[], argv: string[], before = ''): R[] {
  const { script: text, decode } = reader(probes);
  const observed = decode(sh(`${before}${text}`, undefined, argv));
  return probes.map(probe => {
    const reading = observed.of(probe)!;
    return ('value' in reading ? reading.value : reading) as R;
  });
}

describe.each(shells)(`${count} strings arrive byte for byte through %s`, { timeout: 240_000 }, (_, argv) => {
  it('as arguments and as the standard input', () => {
    const texts = [...strings(1, count - 2), 'x'.repeat(100_000), `${"'".repeat(20_000)}\\`];
    for (const some of batches(texts, 1000)) {
      const wanted = Buffer.from(some.map(text => `${text}\0`).join(''));
      expect(printed([{ do: 'run', command: ['printf', '%s\\0', ...some] }], argv).includes(wanted)).toBe(
        true,
      );
      expect(
        printed([{ do: 'run', command: ['cat'], input: wanted.toString() }], argv).includes(wanted),
      ).toBe(true);
    }
  });

  it('as values of environment variables', () => {
    for (const some of batches(strings(2, count), 2000)) {
      const env = Object.fromEntries(some.map((text, i) => [`V${i}`, text]));
      const variables = new Set(
        printed([{ do: 'run', command: ['env', '-0'], env }], argv)
          .toString()
          .split('\0'),
      );
      expect(some.filter((text, i) => !variables.has(`V${i}=${text}`))).toEqual([]);
    }
  });

  it('as paths in the arguments of a command', () => {
    for (const some of batches(names(12, count), 1000)) {
      const folder = `${dir}/given`;
      mkdirSync(folder);
      printed([{ do: 'run', command: ['mkdir', '--', ...some.map(name => `${folder}/${name}`)] }], argv);
      expect(readdirSync(folder).sort()).toEqual(some.toSorted());
      rmSync(folder, { recursive: true });
    }
  });

  it('as paths, link targets and contents in readings', () => {
    const targets = strings(3, count, text => text !== '' && Buffer.byteLength(text) < 200);
    for (const [i, some] of batches(names(4, count), 1000).entries()) {
      const folder = `${dir}/read`;
      mkdirSync(folder);
      // A file costs a process, so there are few, and each has as many strings in it as there are links for it.
      const isLink = (at: number) => at % perFile !== 0;
      const contentOf = (at: number) => bytesOf(targets.slice(i * 1000 + at, i * 1000 + at + perFile));
      const target = (at: number) => targets[i * 1000 + at]!;
      for (const [at, name] of some.entries()) {
        if (isLink(at)) symlinkSync(target(at), join(folder, name));
        else writeFileSync(join(folder, name), contentOf(at));
      }
      const paths = some.map(name => `${folder}/${name}`);
      const states = read(paths.map(path), argv);
      const contents = read(paths.filter((_, at) => !isLink(at)).map(content), argv);
      expect(states.map(state => state?.target ?? state?.type)).toEqual(
        some.map((_, at) => (isLink(at) ? target(at) : 'file')),
      );
      expect(Buffer.concat(contents.map(one => one?.bytes ?? Buffer.from('?')))).toEqual(
        Buffer.concat(some.flatMap((_, at) => (isLink(at) ? [] : [contentOf(at)]))),
      );
      const [listed] = read([entries(folder)], argv);
      expect(listed?.map(entry => entry.path).sort()).toEqual(some.toSorted());
      rmSync(folder, { recursive: true });
    }
  });
});

/** Each of these costs a handful of processes, so there are fewer of them unless one asks for all, which takes an hour. */
const fewer = full || thorough ? 200 : 24;
const [written, worked] = full ? [count, 1000] : [fewer, fewer / 4];

describe.runIf(isRoot).each(shells)(
  'strings of anything but NUL arrive byte for byte through %s',
  { timeout: full ? 3_600_000 : 240_000 },
  (_, argv) => {
    it(`as ${written} paths, ${count} contents, and targets that are written, kept, put back and removed`, () => {
      const folder = `${dir}/write`;
      mkdirSync(folder);
      const some = names(6, written);
      const texts = batches(strings(13, count), (2 * count) / written);
      const bytes = (name: string) => bytesOf(texts[some.indexOf(name)]!);
      const files = some.slice(0, written / 2);
      const links = some.slice(files.length, (written * 3) / 4);
      const folders = some.slice(files.length + links.length);
      printed(
        [
          ...files.map((name): Step => ({ do: 'write', path: `${folder}/${name}`, content: bytes(name) })),
          ...links.map(
            (name): Step => ({ do: 'link', path: `${folder}/${name}`, target: `${name}/${name}` }),
          ),
          ...folders.map((name): Step => ({ do: 'directory', path: `${folder}/${name}/${name}` })),
          ...folders.map((name): Step => ({ do: 'write', path: `${folder}/${name}/f`, content: name })),
        ],
        argv,
      );
      expect(readdirSync(folder).sort()).toEqual(some.toSorted());
      for (const name of files) expect(readFileSync(join(folder, name))).toEqual(bytes(name));
      for (const name of links) expect(readlinkSync(join(folder, name))).toBe(`${name}/${name}`);
      for (const name of folders) {
        expect(lstatSync(join(folder, name, name)).isDirectory()).toBe(true);
        expect(readFileSync(join(folder, name, 'f'), 'utf8')).toBe(name);
      }
      const gone: Step = {
        do: 'checked',
        steps: files.slice(0, 6).map(name => ({ do: 'remove', path: `${folder}/${name}` })),
        by: ['false'],
      };
      const { script: text, input } = script([gone]);
      expect(sh(text, input, argv).exit).not.toBe(0);
      for (const name of files) expect(readFileSync(join(folder, name))).toEqual(bytes(name));
      printed(
        some.map((name): Step => ({ do: 'remove', path: `${folder}/${name}`, recursive: true })),
        argv,
      );
      expect(readdirSync(folder)).toEqual([]);
      rmSync(folder, { recursive: true });
    });

    it(`as ${worked} working directories, scripts of an account, and notes of what is owed`, () => {
      for (const name of names(7, worked)) {
        const cwd = mkdtempSync(`${dir}/cwd-`) + name;
        mkdirSync(cwd);
        const where = printed([{ do: 'run', command: ['/bin/pwd'], cwd }], argv).toString();
        expect(where.startsWith(`${cwd}\n`)).toBe(true);
        const said = read([command(`printf %s '${name.replaceAll("'", "'\\''")}'`, { as: 'nobody' })], argv);
        expect(said).toEqual([expect.objectContaining({ stdout: name })]);
        const unit = `quoting-${name}`.slice(0, 30);
        const note = `${testState()}/owed/${encodeURIComponent(unit)}`;
        try {
          printed([{ do: 'owe', unit, action: 'restart', because: 'a "b" $c' }], argv);
          expect(read([owed(unit)], argv)).toEqual([[expect.objectContaining({ because: 'a "b" $c' })]]);
          printed([{ do: 'pay', unit }], argv);
          expect(existsSync(note)).toBe(false);
        } finally {
          rmSync(note, { force: true });
        }
      }
    });
  },
);

const binaries = spawnSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -n 1'], {
  encoding: 'utf8',
}).stdout.trim();
const reason = !isRoot
  ? 'it runs psql as other accounts'
  : binaries === ''
    ? 'no PostgreSQL is installed'
    : undefined;
if (reason !== undefined) {
  console.warn(`skipped: strings through the real psql: ${reason}`);
  it.runIf(process.env['RECONCILE_LAB'] === 'required')('a PostgreSQL server answers', () => {
    throw new Error(`RECONCILE_LAB=required, but ${reason}`);
  });
}

describe.skipIf(reason !== undefined)(`${count} strings arrive through the real psql and PostgreSQL`, () => {
  let cluster: string;
  const as = 'postgres';
  const postgres = (words: string[]) => {
    const ran = spawnSync('runuser', ['-u', as, '--', ...words], {
      encoding: 'utf8',
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (ran.status !== 0) throw new Error(`${words.join(' ')}: ${ran.stderr}${ran.stdout}`);
  };
  const server = (verb: string) =>
    postgres([
      `${binaries}/pg_ctl`,
      '-w',
      '-D',
      `${cluster}/data`,
      '-l',
      `${cluster}/log`,
      '-o',
      `-c listen_addresses= -c unix_socket_directories=${cluster} -c fsync=off`,
      verb,
    ]);
  const here = () => `export PGHOST=${cluster}\n`;

  beforeAll(() => {
    cluster = mkdtempSync('/tmp/reconcile-pg-');
    const { stdout } = spawnSync('id', ['-u', as], { encoding: 'utf8' });
    chownSync(cluster, Number(stdout), -1);
    postgres([
      `${binaries}/initdb`,
      '-D',
      `${cluster}/data`,
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--auth=trust',
      '-N',
    ]);
    server('start');
  }, 120_000);
  afterAll(() => {
    server('stop');
    rmSync(cluster, { recursive: true });
  });

  it('as literals and as identifiers of a query', () => {
    const texts = [...strings(8, count - 1), 'x'.repeat(50_000)];
    const probes = batches(texts, 500).map(some =>
      sql(
        `SELECT v FROM (VALUES ${some.map((text, i) => `(${i}, ${literal(text)})`).join(', ')}) AS t (i, v) ORDER BY i`,
      ),
    );
    const rows = read(probes, ['dash'], here()).flat();
    expect(rows.map(row => row['v'])).toEqual(texts);

    const seen = new Set<string>();
    const known = strings(
      9,
      count,
      text => text !== '' && Buffer.byteLength(text) <= 63 && !seen.has(text) && seen.add(text) !== undefined,
    );
    const named = batches(known, 500).map(some =>
      sql(`SELECT ${some.map(text => `1 AS ${identifier(text)}`).join(', ')}`),
    );
    const keys = read(named, ['dash'], here()).map(([row]) => Object.keys(row!));
    expect(keys.map(each => each.toSorted())).toEqual(batches(known, 500).map(some => some.toSorted()));
  });

  it('as names and texts of statements', () => {
    const texts = strings(10, 2000, text => text !== '' && Buffer.byteLength(text) <= 63);
    const tables = [...new Set(texts)].slice(0, 30);
    const { script: text, input } = script([
      {
        do: 'sql',
        objects: [],
        statements: tables.flatMap(name => [
          `CREATE TABLE ${identifier(name)} (${identifier(name)} text)`,
          `INSERT INTO ${identifier(name)} VALUES (${literal(name)})`,
          `COMMENT ON TABLE ${identifier(name)} IS ${literal(name)}`,
        ]),
      },
    ]);
    const ran = sh(`${here()}${text}`, input);
    expect([ran.exit, ran.stderr.toString()]).toEqual([0, expect.stringMatching(/^\n\S+ 0\n$/)]);
    const query = sql(
      `SELECT relname AS name, obj_description(oid) AS said FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    const [found = []] = read([query], ['dash'], here());
    expect(found.map(row => row['name']).sort()).toEqual(tables.toSorted());
    expect(found.filter(row => row['name'] !== row['said'])).toEqual([]);
  });
});

it('the description of a step means the same to a shell as the step', () => {
  const some = strings(11, 500, text => text !== '');
  const lines = some.map(text => describeStep({ do: 'run', command: ['printf', '%s\\0', text] })).join('\n');
  expect(sh(lines).stdout).toEqual(Buffer.from(some.map(text => `${text}\0`).join('')));
});
