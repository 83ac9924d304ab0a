import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { identifier, literal, shellCommand, shellQuote } from '../../engine/quote.ts';
import fc, { runs } from '../random.ts';

const withoutNul = fc.string({ unit: 'binary' }).map(text => text.replaceAll('\0', ''));

describe('shellQuote', () => {
  test.each([
    ['/srv/app-1.2', '/srv/app-1.2'],
    ['', "''"],
    ['two words', "'two words'"],
    ["it's", "'it'\\''s'"],
    ['$HOME `id` "x" \\', `'$HOME \`id\` "x" \\'`],
    ['~root', "'~root'"],
    ['Zoë', "'Zoë'"],
  ])('%j becomes %s', (text, quoted) => {
    expect(shellQuote(text)).toBe(quoted);
  });

  test('the real sh returns every text unchanged', () => {
    fc.assert(
      fc.property(fc.array(withoutNul, { minLength: 1, maxLength: 40 }), texts => {
        const script = texts.map(text => `printf '%s\\0' ${shellQuote(text)}`).join('\n');
        expect(execFileSync('sh', { input: script }).toString().split('\0').slice(0, -1)).toEqual(texts);
      }),
      { numRuns: runs(50) },
    );
  });

  test('a NUL is refused', () => {
    expect(() => shellQuote('a\0b')).toThrow('a shell word cannot hold a NUL character');
  });
});

test('a program with = in its name is no assignment', () => {
  expect(shellCommand(['a=b', 'c=d', 'e f'])).toBe("'a=b' c=d 'e f'");
});

describe('identifier', () => {
  test.each([
    ['app', '"app"'],
    ['Mixed Case', '"Mixed Case"'],
    ['a"; DROP TABLE x; --', '"a""; DROP TABLE x; --"'],
    ['a'.repeat(63), `"${'a'.repeat(63)}"`],
  ])('%j becomes %s', (name, quoted) => {
    expect(identifier(name)).toBe(quoted);
  });

  test.each([
    ['', 'cannot be empty'],
    ['a\0b', 'cannot hold a NUL'],
    ['a'.repeat(64), 'at most 63 bytes'],
    ['ä'.repeat(32), 'at most 63 bytes'],
  ])('%j is refused', (name, why) => {
    expect(() => identifier(name)).toThrow(why);
  });
});

describe('literal', () => {
  test.each([
    ['', "''"],
    ["O'Brien", "'O''Brien'"],
    ['C:\\dir', " E'C:\\\\dir'"],
    ["\\'", " E'\\\\'''"],
    ['a\nb', "'a\nb'"],
  ])('%j becomes %s', (value, quoted) => {
    expect(literal(value)).toBe(quoted);
  });

  test('a NUL is refused', () => {
    expect(() => literal('a\0b')).toThrow('an SQL string cannot hold a NUL character');
  });
});
