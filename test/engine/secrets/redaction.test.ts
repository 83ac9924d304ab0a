import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { stringify } from 'yaml';
import { shellQuote } from '../../../engine/quote.ts';
import { Redactor } from '../../../engine/secrets/redaction.ts';
import fc from '../../random.ts';
import { counted } from '../../steps.ts';

const secret = `p'a"s\\s w%rd/+?`;

function redactor(...secrets: [text: string, label: string][]): Redactor {
  const redactor = new Redactor();
  for (const [text, label] of secrets) redactor.add(text, label);
  return redactor;
}

describe('a secret is masked', () => {
  test.each<[form: string, text: string]>([
    ['as it is', secret],
    ['URL-encoded', encodeURIComponent(secret)],
    [
      'URL-encoded with lower-case digits',
      encodeURIComponent(secret).replace(/%../g, code => code.toLowerCase()),
    ],
    ['as a form sends it', new URLSearchParams({ x: secret }).toString().slice(2)],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['quoted for the shell', shellQuote(secret)],
    ['as an SQL literal', `'${secret.replaceAll("'", "''")}'`],
    ['as an SQL literal with escapes', `E'${secret.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`],
    ['in JSON', JSON.stringify(secret)],
    ['in a unit file', secret.replaceAll('%', '%%')],
  ])('%s', (_, text) => {
    const masked = redactor([secret, 'secrets.db']).mask(`before ${text} after`);
    expect(masked).toContain('«secrets.db»');
    expect(masked).toMatch(/^before .* after$/);
    for (let i = 0; i + 4 < text.length; i++) expect(masked).not.toContain(text.slice(i, i + 5));
  });

  it('anywhere in a base64 text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const encoded = Buffer.from(`${before}correct horse battery${after}`).toString('base64');
        const masked = redactor(['correct horse battery', 'secrets.key']).mask(encoded);
        const left = masked.split(/«secrets\.key»/).map(part => Buffer.from(part, 'base64').toString());
        expect(masked).toContain('«secrets.key»');
        expect(left.join(' ')).not.toContain('horse');
      }),
    );
  });

  it('line by line if it has several', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\n  kqhkiG9w0BAQEF\n-----END KEY-----\n';
    const masked = redactor([key, 'secrets.tls']).mask('+ MIIEvQIBADANBg\r\n+ kqhkiG9w0BAQEF');
    expect(masked).toBe('+ «secrets.tls»\r\n+ «secrets.tls»');
  });

  it('completely if two of them overlap', () => {
    const masked = redactor(['abcdef', 'one'], ['efghij', 'two']).mask('x abcdefghij x');
    expect(masked).toBe('x «one» x');
  });

  it('by the longest if one contains another', () => {
    const masked = redactor(['hunter', 'short'], ['hunter2-and-more', 'long']).mask(
      'hunter2-and-more hunter',
    );
    expect(masked).toBe('«long» «short»');
  });

  it('in any text, whatever surrounds it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (text, before, after) => {
        fc.pre(!text.includes('\n') && !'«secret»'.includes(text));
        const masked = redactor([text, 'secret']).mask(before + text + after);
        expect(masked.split('«secret»').some(part => part.includes(text))).toBe(false);
      }),
    );
  });
});

/** Returns the forms in which programs write a text, without the impossible ones. */
const writers: Record<string, (text: string) => string> = {
  plain: text => text,
  URL: text => encodeURIComponent(text),
  'URL in lower case': text => encodeURIComponent(text).replace(/%../g, code => code.toLowerCase()),
  form: text => new URLSearchParams({ x: text }).toString().slice(2),
  base64: text => Buffer.from(text).toString('base64'),
  base64url: text => Buffer.from(text).toString('base64url'),
  hexadecimal: text => Buffer.from(text).toString('hex'),
  shell: text => shellQuote(text).replace(/^'|'$/g, ''),
  'shell, the other way': text => text.replaceAll("'", `'"'"'`),
  'shell, by backslashes': text => text.replace(/[^\w@%+=:,./\-\u0080-\uffff]/g, '\\$&'),
  SQL: text => text.replaceAll("'", "''"),
  JSON: text => JSON.stringify(text).slice(1, -1),
  'JSON in ASCII': text =>
    JSON.stringify(text)
      .slice(1, -1)
      .replace(/[\x7f-\uffff]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  YAML: text => stringify(text, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }).trimEnd().slice(1, -1),
  'YAML in single quotes': text => text.replaceAll("'", "''"),
  HTML: text => escapeMarkup(text),
};
const escapeMarkup = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

describe('nothing of any secret is left and nothing else changes, in the form', () => {
  const texts = fc
    .string({ unit: 'grapheme', minLength: 4, maxLength: 60 })
    .filter(text => !/\p{Cc}/u.test(text));
  const around = fc.stringMatching(/^[абвгд\t\n]*$/);
  test.each(Object.entries(writers))('%s', (_, write) => {
    fc.assert(
      fc.property(texts, around, around, (text, before, after) => {
        const masked = redactor([text, 'it']).mask(`${before}${write(text)}${after}`);
        expect(masked).toBe(`${before}«it»${after}`);
      }),
    );
  });

  it('of a text with several lines, each of which is one', () => {
    const line = fc.stringMatching(/^[A-Z]{4,20}$/);
    fc.assert(
      fc.property(fc.array(line, { minLength: 2 }), fc.nat(), (lines, at) => {
        const mask = redactor([lines.join('\n'), 'it']);
        const one = lines[at % lines.length]!;
        expect(mask.mask(`+ ${one}\r\n`)).toBe('+ «it»\r\n');
        expect(mask.mask(`а${lines.join('\n')}б`)).toBe('а«it»б');
      }),
    );
  });

  it('broken into lines anywhere', () => {
    const broken = (text: string, width: number) => text.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z]{8,40}$/), fc.integer({ min: 1, max: 9 }), (text, width) => {
        const masked = redactor([text, 'it']).mask(`а${broken(text, width)}б`);
        expect(masked.replaceAll('\n', '')).toBe('а«it»б');
      }),
    );
  });

  it('cut off before an omitted rest', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z]{5,40}$/), fc.integer({ min: 4, max: 39 }), (text, length) => {
        fc.pre(length < text.length);
        expect(redactor([text, 'it']).mask(`а ${text.slice(0, length)}…`)).toBe('а «it»…');
      }),
    );
  });
});

describe('secrets of one to three characters', () => {
  const short = redactor(['', 'none'], ['abc', 'short']);
  it('are not masked', () => {
    expect(short.mask('cabc stand')).toBe('cabc stand');
  });
  it('are masked in the output of their own resource', () => {
    expect(short.with([{ text: '42', label: 'secrets.pin' }]).mask('PIN=42, abcd')).toBe(
      'PIN=«secrets.pin», abcd',
    );
  });
});

it('a secret of one or two characters is masked only as a whole word', () => {
  const own = redactor(['', 'none']).with([{ text: 'e', label: 'it' }]);
  expect(own.mask('file /srv/e: key=e, "e", edge')).toBe('file /srv/«it»: key=«it», "«it»", edge');
});

it('a thousand secrets make a long text no slower than one', async () => {
  const { exports, steps } = await counted<typeof import('../../../engine/secrets/redaction.ts')>(
    join(import.meta.dirname, '../../../engine/secrets/redaction.ts'),
  );
  const text = 'a line without anything to hide in it\n'.repeat(2_000);
  const stepsWith = (secrets: number) => {
    const mask = new exports.Redactor();
    for (let i = 0; i < secrets; i++) mask.add(`${i}-sec'ret-${i}`, 's');
    steps.begin();
    expect(mask.mask(text)).toBe(text);
    return steps.count();
  };
  expect(stepsWith(1000)).toBe(stepsWith(1));
  expect(stepsWith(1)).toBeLessThan(5 * text.length);
});

it('without secrets a text stays unchanged', () => {
  expect(new Redactor().mask('a b')).toBe('a b');
});
