import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as probe from '../../../engine/probe.ts';
import { decodeFacts } from '../../../engine/probes/fact-probes.ts';
import { reader } from '../../../engine/probes/readings.ts';
import { randomBytes } from '../../random.ts';
import { scratch, sh, shells } from '../shell.ts';

const dir = scratch();
const odd = `${dir}/a 'quoted' "name"\nin $(two) lines`;
const bytes = Buffer.concat([Buffer.from('\0binary\n\n'), randomBytes(500)]);
const large = randomBytes(probe.contentLimitBytes + 1);
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

beforeAll(() => {
  writeFileSync(odd, bytes);
  chmodSync(odd, 0o640);
  writeFileSync(`${dir}/large`, large);
  writeFileSync(`${dir}/full`, large.subarray(1));
  writeFileSync(`${dir}/empty`, '');
  symlinkSync('full', `${dir}/link`);
  mkdirSync(`${dir}/tree/below`, { recursive: true });
  writeFileSync(`${dir}/tree/below/leaf`, 'leaf');
});
afterAll(() => rmSync(dir, { recursive: true }));

function read<P extends Record<string, probe.Probe>>(
  probes: P,
  argv?: string[],
): { [K in keyof P]: unknown } {
  const request = reader(Object.values(probes));
  const observed = request.decode(sh(request.script, undefined, argv));
  return Object.fromEntries(Object.entries(probes).map(([key, one]) => [key, observed.of(one)])) as never;
}

describe.each(shells)('reading through %s', (_, argv) => {
  it('returns type, owner, mode and target of paths, and null for missing ones', () => {
    const { file, link, folder, none } = read(
      {
        file: probe.path(odd),
        link: probe.path(`${dir}/link`),
        folder: probe.path(`${dir}/tree`),
        none: probe.path(`${dir}/none`),
      },
      argv,
    );
    expect(file).toMatchObject({ value: { type: 'file', mode: '0640', sizeBytes: bytes.length } });
    expect(link).toMatchObject({ value: { type: 'link', target: 'full' } });
    expect(folder).toMatchObject({ value: { type: 'directory' } });
    expect(none).toEqual({ value: null });
  });

  it('returns contents byte for byte up to the limit, and only the hash above it', () => {
    const got = read(
      {
        odd: probe.content(odd),
        empty: probe.content(`${dir}/empty`),
        full: probe.content(`${dir}/link`),
        large: probe.content(`${dir}/large`),
        folder: probe.content(dir),
        none: probe.content(`${dir}/none`),
      },
      argv,
    );
    expect(got.odd).toEqual({ value: { sha256: sha256(bytes), bytes } });
    expect(got.empty).toEqual({ value: { sha256: sha256(Buffer.alloc(0)), bytes: Buffer.alloc(0) } });
    expect(got.full).toMatchObject({ value: { bytes: large.subarray(1) } });
    expect(got.large).toEqual({ value: { sha256: sha256(large), sizeBytes: large.length } });
    expect(got.folder).toEqual({ value: null });
    expect(got.none).toEqual({ value: null });
  });

  it('returns the bytes of many large files only as far as all of them together are few', () => {
    writeFileSync(`${dir}/half`, large.subarray(0, 500_000));
    const some = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [i, probe.content(`${dir}/${i === 0 ? 'half' : i}`)]),
      );
    expect(read(some(32), argv)[0]).toMatchObject({ value: { bytes: large.subarray(0, 500_000) } });
    const hash = sha256(large.subarray(0, 500_000));
    expect(read(some(40), argv)[0]).toEqual({ value: { sha256: hash, sizeBytes: 500_000 } });
  });

  it('lists the entries below a directory with hashes', () => {
    const got = read(
      { tree: probe.entries(`${dir}/tree`, { hashes: true }), none: probe.entries(`${dir}/none`) },
      argv,
    );
    expect(got.tree).toMatchObject({
      value: [
        { path: 'below', type: 'directory' },
        { path: 'below/leaf', type: 'file', sha256: sha256(Buffer.from('leaf')) },
      ],
    });
    expect(got.none).toEqual({ value: null });
  });

  it('returns exit code, output and errors of a command, with stdin closed', () => {
    const got = read(
      { one: probe.command('cat; echo "a\nb"; echo c >&2; exit 7'), two: probe.command('true') },
      argv,
    );
    expect(got.one).toEqual({ value: { exit: 7, stdout: 'a\nb\n', stderr: 'c' } });
    expect(got.two).toEqual({ value: { exit: 0, stdout: '', stderr: '' } });
  });

  it('does not wait for a process that a command leaves behind', () => {
    const script = 'sleep 300 & echo $!; echo err >&2; exit 3';
    const got = read({ left: probe.command(script, { detaches: true }), after: probe.path(dir) }, argv);
    expect(got.left).toEqual({ value: { exit: 3, stdout: expect.stringMatching(/^\d+\n$/), stderr: 'err' } });
    expect(got.after).toMatchObject({ value: { type: 'directory' } });
    const { stdout } = (got.left as { value: probe.CommandResult }).value;
    // Throws if the process has ended.
    process.kill(Number(stdout));
  });

  it('answers every section, whatever their number, output and exit codes', () => {
    const script = (i: number) => `head -c 60000 /dev/zero | tr '\\0' ${i % 10}; echo ${i} >&2; exit ${i}`;
    const probes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, probe.command(script(i))]));
    const got = read(probes, argv);
    for (let i = 0; i < 20; i++)
      expect(got[i]).toEqual({ value: { exit: i, stdout: `${i % 10}`.repeat(60_000), stderr: `${i}` } });
  });

  it('does not mistake the output of a command for another section', () => {
    const fake = 'printf "\\nffffffffffffffffffffffff 0 0\\n"; env; set';
    const got = read({ fake: probe.command(fake), after: probe.path(dir) }, argv);
    expect(got.after).toMatchObject({ value: { type: 'directory' } });
  });

  it('finds accounts and programs', () => {
    const got = read(
      {
        root: probe.account('passwd', 'root'),
        nobody: probe.account('group', 'no-such-group'),
        sh: probe.program('sh'),
        none: probe.program('no-such-program'),
      },
      argv,
    );
    expect(got.root).toMatchObject({
      value: ['root', 'x', '0', '0', expect.anything(), '/root', expect.anything()],
    });
    expect(got.nobody).toEqual({ value: null });
    expect(got.sh).toMatchObject({ value: expect.stringContaining('sh') });
    expect(got.none).toEqual({ value: null });
  });

  it('reads a thousand paths with one process for each kind', () => {
    const many = Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [i, probe.path(`${dir}/${'x'.repeat(60)}${i}`)]),
    );
    expect(
      Object.values(read(many, argv)).every(reading => JSON.stringify(reading) === '{"value":null}'),
    ).toBe(true);
  });
});

it('reads probes once that differ only in `about`', () => {
  const one = probe.command('echo once', { about: ['packages'] });
  const other = probe.command('echo once', { about: ['/etc'] });
  const request = reader([one, other, probe.command('echo once')]);
  expect(request.script.match(/echo once/g)).toHaveLength(1);
  const observed = request.decode(sh(request.script));
  expect(observed.of(one)).toMatchObject({ value: { stdout: 'once\n' } });
  expect(observed.of(other)).toBe(observed.of(one));
});

it('an absent psql is missing, not an error', () => {
  const request = reader([probe.sql('SELECT 1 AS one')]);
  const observed = request.decode(sh(`cat() { /bin/cat; }; PATH=/nonexistent; ${request.script}`));
  expect(observed.of(probe.sql('SELECT 1 AS one'))).toMatchObject({ missing: { what: 'psql' } });
});

describe.each(shells)('a server that accepts no connection, queried by %s', (_, argv) => {
  /** It says `words` twice, and then answers as psql does. */
  const asked = (words: string) => {
    const folder = scratch();
    const psql = `#!/bin/sh
echo >>${folder}/asked
[ "$(wc -l <${folder}/asked)" -gt 2 ] || { echo 'psql: error: connection to server on socket "s" failed: ${words}'; exit 2; }
sed -n "s/^.echo '\\(.*\\)' :DBNAME.*/[]\\n\\1 postgres false 00000 none/p"
`;
    writeFileSync(`${folder}/psql`, psql, { mode: 0o755 });
    const one = probe.sql('SELECT 1 AS one', { as: 'root' });
    const request = reader([one]);
    const output = sh(`r_account=root; PATH=${folder}:$PATH; ${request.script}`, undefined, argv);
    const observed = request.decode(output).of(one);
    rmSync(folder, { recursive: true });
    return observed;
  };

  it('is waited for while it starts', () => {
    expect(asked('FATAL: the database system is starting up')).toEqual({ value: [] });
  });

  it('is missing if it does not start', () => {
    expect(asked('No such file or directory')).toMatchObject({
      missing: { what: 'a running PostgreSQL server' },
    });
  });
});

describe('the queries of several databases', () => {
  const [first, app, odd] = ['postgres', 'app', 'odd name'].map(database =>
    probe.sql('SELECT 1 AS one', { database }),
  ) as [probe.Probe, probe.Probe, probe.Probe];

  /** Decodes the output of the psql of `postgres` and `app`: `answer` in the place of the answer of `app`. */
  const answered = (answer: (nonce: string) => string) => {
    const request = reader([app, first]);
    const [, nonce] = /^r_k=(\w+)/.exec(request.script)!;
    const output = `[{"one":1}]\n${nonce} q 0 postgres false 00000 \n${answer(nonce!)}`;
    const observed = request.decode({ stdout: Buffer.from(`${output}\n${nonce} 0 0\n\n${nonce} .\n`) });
    expect(observed.of(first)).toEqual({ value: [{ one: 1 }] });
    return observed.of(app);
  };

  it('have one psql, but for names that need quotes', () => {
    expect(reader([first, app]).script.match(/ "\$r_psql" -XAtq -d .*/g)).toHaveLength(1);
    expect(reader([first, app, odd]).script.match(/ "\$r_psql" -XAtq -d .*/g)).toHaveLength(2);
    expect(reader([app, probe.sql('SELECT 1', { database: 'other' })]).script).not.toContain('connect');
  });

  it('each have an answer', () => {
    expect(answered(nonce => `[{"one":2}]\n${nonce} q 1 app false 00000 \n`)).toEqual({
      value: [{ one: 2 }],
    });
  });

  it('may have a name with blanks', () => {
    const request = reader([odd]);
    const [, nonce] = /^r_k=(\w+)/.exec(request.script)!;
    const output = `[{"one":1}]\n${nonce} q 0 odd name false 00000 \n\n${nonce} 0 0\n\n${nonce} .\n`;
    expect(request.decode({ stdout: Buffer.from(output) }).of(odd)).toEqual({ value: [{ one: 1 }] });
  });

  it('tell an absent database from a question that failed', () => {
    const missing = { what: 'database app' };
    expect(answered(nonce => `${nonce} q 1 absent f\n`)).toMatchObject({ missing });
    expect(answered(nonce => `${nonce} q 1 absent :is_there\n`)).toMatchObject({
      problem: { code: 'read-failed' },
    });
  });

  it('are answered behind those of an absent database', () => {
    const there = probe.sql('SELECT 2 AS two', { database: 'there' });
    const request = reader([first, app, there]);
    const [, nonce] = /^r_k=(\w+)/.exec(request.script)!;
    const output = [
      [0, 'postgres'],
      [2, 'there'],
    ].map(([i, database]) => `[]\n${nonce} q ${i} ${database} false 00000 \n`);
    const text = output.join(`${nonce} q 1 absent f\n`);
    const observed = request.decode({ stdout: Buffer.from(`${text}\n${nonce} 0 0\n\n${nonce} .\n`) });
    expect(observed.of(app)).toMatchObject({ missing: { what: 'database app' } });
    expect(observed.of(there)).toEqual({ value: [] });
  });

  it.each([
    ['keeps no connection', ':DBNAME'],
    ['stays in the first database', 'postgres'],
  ])('have no answer from a psql that %s because the second refuses', (_, database) => {
    const refusal = 'FATAL: database "app" is not currently accepting connections';
    expect(
      answered(nonce => `${refusal}\n[{"one":1}]\n${nonce} q 1 ${database} false 00000 \n`),
    ).toMatchObject({ problem: { code: 'read-failed', cause: expect.stringContaining(refusal) } });
  });
});

it('reads packages, services and accounts as maps of names', () => {
  const request = reader([], new Set(['packages', 'services', 'users']));
  const { facts } = request.decode(sh(request.script)) as {
    facts: Record<string, Record<string, Record<string, unknown>>>;
  };
  expect(facts['packages']!['dpkg']!['version']).toMatch(/^\d+\./);
  expect(facts['users']!['root']).toEqual({
    uid: 0,
    gid: 0,
    home: '/root',
    shell: expect.stringMatching(/^\//),
  });
  expect(facts['services']).toBeTypeOf('object');
});

it('decodes services by their files and their states, without aliases and missing ones', () => {
  const { facts } = decodedServices(
    'nginx.service enabled enabled\nsshd.service alias -\ngetty@.service enabled enabled\nold.service masked enabled\n',
    'nginx.service loaded active running A server\ngetty@tty1.service loaded active running G\ngone.service not-found inactive dead gone\nssh.service loaded failed failed S\n',
  );
  expect(facts).toEqual({
    nginx: { active: true, enabled: true },
    'getty@': { active: false, enabled: true },
    old: { active: false, enabled: false },
    'getty@tty1': { active: true, enabled: false },
    ssh: { active: false, enabled: false },
  });
});

const decodedServices = (files: string, units: string) => ({
  facts: decodeFacts(`services\0${files}\n${units}\0`, new Set(['services']))['services'],
});

it('reads the requested facts by their names', () => {
  const names = new Set(['os', 'cpus', 'memory_mb', 'ipv4', 'disks', 'time', 'hostname', 'systemd']);
  const request = reader([], names);
  const { facts } = request.decode(sh(request.script));
  expect(facts).toMatchObject({
    os: { id: expect.stringMatching(/^[a-z]+$/) },
    cpus: expect.any(Number),
    ipv4: expect.any(Array),
  });
  expect(Number(facts['memory_mb'])).toBeGreaterThan(100);
  expect(Object.keys(facts).sort()).toEqual([...names].sort());
});
