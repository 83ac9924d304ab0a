import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  type Context,
  type Diff,
  type Module,
  type Obstacle,
  type StateValue,
  typeClaim,
} from '../../engine/module.ts';
import { isText, textOf } from '../../engine/module-kit/state-text.ts';
import { diff } from '../../engine/plan/diff.ts';
import { Missing } from '../../engine/probe.ts';
import { complete } from '../../engine/schema/json-schema.ts';
import { modules } from '../../modules/index.ts';

const folder = import.meta.dirname;
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });

/** A situation as test/modules/MODULE/SITUATION.yml describes it. */
interface Situation {
  title?: string;
  args: Record<string, unknown>;
  context?: Partial<Context>;
  /** Files of a `tree`, or the one that an argument names: path → text, or bytes in base64. */
  files?: Record<string, string | { base64: string }>;
  refused?: string[];
  probes?: Record<string, unknown>;
  read?: Record<string, unknown>;
  missing?: string;
  changes?: string[];
  notes?: unknown;
  steps?: unknown[];
  /** Sentences of what would make every apply fail. */
  obstacles?: string[];
  /** Sentences of what may make the apply fail, once its steps have brought more to light. */
  unsure?: string[];
  /** Sentences of what keeps the host from having the thing at all. */
  unknown?: string[];
  /** Sentences to know before the change. */
  warnings?: string[];
}

const keys = new Set([
  ...['title', 'args', 'context', 'files', 'refused', 'probes', 'read', 'missing', 'changes', 'steps'],
  'notes',
  'obstacles',
  'unsure',
  'unknown',
  'warnings',
]);

describe.each(Object.entries(modules))('%s', (name, module) => {
  const validate = ajv.compile(module.args as object);
  const files = situationsOf(name);

  test('has the name of its file and its key', () => {
    expect(module.name).toBe(name);
    expect(readdirSync(join(folder, '../../modules'))).toContain(`${name}.ts`);
    expect(readFileSync(join(folder, `../../modules/${name}.ts`), 'utf8')).toContain(
      `export const ${name} = `,
    );
  });

  test('has a summary, and a description of each argument, that are sentences', () => {
    expect(module.summary).toMatch(/^[A-Z].*\.$/);
    for (const [argument, schema] of Object.entries(module.args.properties))
      expect((schema as { description?: string }).description, argument).toMatch(/^\S.*\.$/s);
  });

  test('has cases', () => expect(files.length).toBeGreaterThan(0));

  describe.each(module.examples.map(example => ({ ...example })))('example: $title', ({ args: written }) => {
    const args = argumentsOf(module, written);

    test('claims the properties of its own path, and none of another path', () => {
      const args = argumentsOf(module, written);
      const claims = module.claims?.(args) ?? {};
      for (const claim of Object.values(claims))
        expect(typeof (typeof claim === 'function' ? (claim() ?? '') : claim)).toBe('string');
      if (module.identity(args).startsWith('/'))
        expect(claims).toHaveProperty([`${typeClaim}${module.identity(args)}`]);
      expect(module.claimsBelow?.(args, '/elsewhere') ?? {}).toEqual({});
    });

    test('is valid', () => {
      validate(completed(module, written));
      expect(validate.errors ?? []).toEqual([]);
      expect(module.refine(completed(module, written))).toEqual([]);
    });

    test('has the same probes and identity each time', () => {
      const again = argumentsOf(module, written);
      expect(module.probes(args)).toEqual(module.probes(again));
      expect(module.identity(args)).toBe(module.identity(again));
      expect(module.identity(args)).not.toBe('');
    });

    test('has distinct probes of plain data', () => {
      const probes = Object.values(module.probes(args) as Record<string, unknown>);
      expect(JSON.parse(JSON.stringify(probes))).toEqual(probes);
    });
  });

  test.each(files)('%s', (_, file) => {
    const situation = situationIn(join(folder, name, file));
    const written = situation.args;
    expect(ajv.errorsText(validate(completed(module, written)) ? [] : validate.errors)).toBe('No errors');
    const args = argumentsOf(module, written, situation.files);
    expect(module.refine(completed(module, written)).map(({ says }) => says)).toEqual(
      situation.refused ?? [],
    );
    if (situation.probes !== undefined) expect(withoutAbout(module.probes(args))).toEqual(situation.probes);
    if (situation.read === undefined) return;

    const read = decoded(situation.read) as Record<string, unknown>;
    const probes = module.probes(args) as Record<string, unknown>;
    const unread = Object.keys(probes).filter(key => !(key in read));
    expect({ unread, unasked: Object.keys(read).filter(key => !(key in probes)) }).toEqual({
      unread: [],
      unasked: [],
    });
    const context: Context = {
      verifying: false,
      nowS: 1_750_000_000,
      name: module.identity(args),
      ...situation.context,
    };
    const actual = module.actual(read, args, context);
    if (actual instanceof Missing || situation.missing !== undefined) {
      expect(actual).toBeInstanceOf(Missing);
      expect((actual as Missing).what).toBe(situation.missing);
      return;
    }
    const desired = module.desired(args, read);
    const found = diff(actual, desired);
    expect(shown(found)).toEqual(situation.changes);
    if (found === null && module.check !== true) {
      // While an earlier resource may still change the readings, the plan asks for the steps all the same.
      const possible = desired === null ? diff(actual ?? {}, null) : diff(null, desired);
      if (possible !== null) {
        module.obstacles(args, read, possible, context);
        module.steps(possible, args, read, context);
      }
    }
    if (situation.notes !== undefined) expect(module.notes?.(args, read)).toEqual(situation.notes);
    const obstacles = found === null ? [] : module.obstacles(args, read, found, context);
    const kindOf = (one: Obstacle) =>
      one.warns ? 'warns' : one.unsure ? 'unsure' : one.unknown ? 'unknown' : 'blocked';
    const of = (kind: string) => obstacles.filter(one => kindOf(one) === kind).map(({ says }) => says);
    const [blocked, unsure, unknown, warnings] = [of('blocked'), of('unsure'), of('unknown'), of('warns')];
    expect({ blocked, unsure, unknown, warnings }).toEqual({
      blocked: situation.obstacles ?? [],
      unsure: situation.unsure ?? [],
      unknown: situation.unknown ?? [],
      warnings: situation.warnings ?? [],
    });
    if (blocked.length + unknown.length > 0) return;
    const steps = found === null ? [] : module.steps(found, args, read, context);
    expect(shortened(plain(steps), situation.steps ?? [])).toEqual(situation.steps ?? []);
    if (module.check === true) expect(steps).toEqual([]);
    else if (found !== null) expect(steps, 'a difference that nothing is done about').not.toEqual([]);
  });
});

test('every case belongs to a module', () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory());
  expect(folders.map(entry => entry.name).filter(name => !(name in modules))).toEqual([]);
});

describe('an invalid case fails alone, with the reason', () => {
  test.each<[text: string, message: RegExp]>([
    ['args: { a: [ }\n', /Flow|flow/],
    ['- args\n', /is no situation/],
    ['', /is no situation/],
    ['title: x\n', /has no args/],
    ['args: {}\nstep: []\n', /"step" means nothing/],
  ])('%j', (text, message) => {
    const file = join(mkdtempSync(join(tmpdir(), 'case-')), 'wrong.yml');
    writeFileSync(file, text);
    try {
      expect(() => situationIn(file)).toThrow(message);
      expect(() => situationIn(file)).toThrow('wrong.yml');
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  });
});

/** The files with a module's situations, each with its name and the fact that it shows; none of them has to be right. */
function situationsOf(name: string): [title: string, file: string][] {
  const own = join(folder, name);
  if (!existsSync(own)) return [];
  return readdirSync(own)
    .filter(file => file.endsWith('.yml'))
    .toSorted()
    .map(file => {
      const [, title] = /^title: (.*)$/m.exec(readFileSync(join(own, file), 'utf8')) ?? [];
      return [title === undefined ? file : `${file}: ${title}`, file];
    });
}

/** Throws an Error that names the file when it does not describe a situation. */
function situationIn(path: string): Situation {
  const file = basename(path);
  let situation: unknown;
  try {
    situation = parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    throw new Error(`${file}: ${(thrown as Error).message}`);
  }
  if (typeof situation !== 'object' || situation === null || Array.isArray(situation))
    throw new Error(`${file} is no situation`);
  if (!('args' in situation)) throw new Error(`${file} has no args`);
  const odd = Object.keys(situation).find(key => !keys.has(key));
  if (odd !== undefined) throw new Error(`${file}: "${odd}" means nothing in a situation`);
  return situation as Situation;
}

const completed = (module: Module, args: Record<string, unknown>) =>
  complete(module.args as never, structuredClone(args), () => undefined) as Record<string, unknown>;

/** The arguments as the engine hands them over: defaults filled in, files beside the playbook read. */
function argumentsOf(
  module: Module,
  written: Record<string, unknown>,
  files: NonNullable<Situation['files']> = {},
) {
  const args = completed(module, written);
  if (module.files?.tree) {
    args['files'] = Object.entries(files).map(([path, content]) => ({
      path,
      content: bytesOf(content),
      executable: typeof content === 'string' && content.startsWith('#!'),
    }));
  }
  const source = module.files?.src && args[module.files.src];
  if (typeof source === 'string') args['content'] ??= bytesOf(files[source] ?? 'bytes of src\n');
  if (module.files?.template && args['template'] !== undefined) args['content'] ??= 'text of template\n';
  return args;
}

const bytesOf = (content: string | { base64: string }): Buffer =>
  typeof content === 'string' ? Buffer.from(content) : Buffer.from(content.base64, 'base64');

/** `{text: …}` and `{base64: …}` stand for a file's content in readings. */
function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]![0] === 'text') return textOf(String(entries[0]![1]));
  if (entries.length === 1 && entries[0]![0] === 'base64')
    return textOf(Buffer.from(String(entries[0]![1]), 'base64'));
  return Object.fromEntries(entries.map(([key, inner]) => [key, decoded(inner)]));
}

/** Probes as a situation writes them: what they are about is for forecasts. */
const withoutAbout = (probes: Record<string, object>) =>
  Object.fromEntries(Object.entries(probes).map(([key, probe]) => [key, { ...probe, about: undefined }]));

/** Steps as a situation writes them: bytes as text or, if they are none, in base64, maps as objects, what is not known as null. */
function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value).toString();
    return text.includes('\ufffd') ? { base64: Buffer.from(value).toString('base64') } : text;
  }
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** A labelled script that the situation names by its label alone is compared by that; how it is undone, if it says so. */
function shortened(steps: unknown, expected: readonly unknown[]): unknown[] {
  return (steps as Record<string, unknown>[]).map((step, i) => {
    const said = (key: string) => Object.hasOwn(Object(expected[i]), key);
    const left = new Set(
      [
        'label' in step && !said('command') && !said('by') ? ['command', 'by', 'env', 'timeoutS'] : [],
        // The input can hold a random salt.
        ['undo', 'touches', 'objects', 'input'].filter(key => !said(key)),
      ].flat(),
    );
    return Object.fromEntries(Object.entries(step).filter(([key]) => !left.has(key)));
  });
}

/** A difference in short: `mode 0644 → 0600`, `+ mode 0600`, `- mode 0600`; of a content only its key. */
function shown(found: Diff | null): string[] {
  return (found?.changes ?? []).map(({ key, before, after }) => {
    const sign = before === undefined ? '+ ' : after === undefined ? '- ' : '';
    const values = isText(before) || isText(after) ? [] : [before, after].filter(one => one !== undefined);
    return `${sign}${key} ${values.map(word).join(' → ')}`.trimEnd();
  });
}

function word(value: StateValue): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}
