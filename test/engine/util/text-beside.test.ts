import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { filled, queriesBeside, scriptBeside, withVariables } from '../../../engine/util/text-beside.ts';

const folder = join(import.meta.dirname, '../../../modules');
const ending = (end: string) => readdirSync(folder).filter(file => file.endsWith(end));

describe('a shell script beside a module', () => {
  test.each(ending('.sh'))('%s has a header, which is not sent, and is sound', file => {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).toMatch(/^# \S[\s\S]*?\.\n\n[^#\n]/);
    expect(scriptBeside(text)).toBe(text.slice(text.indexOf('\n\n') + 2).trimEnd());
    execFileSync('sh', ['-n'], { input: scriptBeside(text) });
  });
});

describe('an SQL file beside a module', () => {
  test.each(ending('.sql'))('%s has queries with names, each with a comment', file => {
    const text = readFileSync(join(folder, file), 'utf8');
    const names = [...text.matchAll(/^-- (\w+): /gm)].map(([, name]) => name!);
    expect(names).not.toEqual([]);
    // Every name of a query has a value.
    const values = new Proxy({}, { has: () => true });
    for (const name of names) expect(queriesBeside(text)(name, values)).not.toMatch(/^--/m);
  });
});

it('a value replaces its name, and nothing else changes', () => {
  expect(filled('{a} ${a} {b} { a }', { a: '{b} $&' })).toBe('{b} $& ${a} {b} { a }');
});

it('SQL receives its values as literals or as SQL', () => {
  const query = queriesBeside(
    "-- one: it.\n-- Of two.\nSELECT :'a', {b}, :'c'::text\n\n-- two: it.\nSELECT 2\n",
  );
  expect(query('one', { a: "it's", b: "{c} :'c'", c: undefined })).toBe(
    "SELECT 'it''s', {c} :'c', NULL::text",
  );
  expect(() => query('one', { a: '', b: '' })).toThrow("the query one has no value for :'c'");
});

it('a shell script receives its values as variables', () => {
  expect(withVariables('echo "$a"', { a: "it's", b: undefined })).toBe("a='it'\\''s'\nb=''\necho \"$a\"");
});

it('a missing query is an error', () => {
  expect(() => queriesBeside('-- one: it.\nSELECT 1\n')('two')).toThrow('no query is called two');
});
