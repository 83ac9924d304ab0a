import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { shellQuote } from '../../../engine/quote.ts';
import { Redactor } from '../../../engine/report/redaction.ts';

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

  it('wherever it stands in a text that is encoded in base64', () => {
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

  it('line by line when it has several', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\n  kqhkiG9w0BAQEF\n-----END KEY-----\n';
    const masked = redactor([key, 'secrets.tls']).mask('+ MIIEvQIBADANBg\r\n+ kqhkiG9w0BAQEF');
    expect(masked).toBe('+ «secrets.tls»\r\n+ «secrets.tls»');
  });

  it('whole where two of them overlap', () => {
    const masked = redactor(['abcdef', 'one'], ['efghij', 'two']).mask('x abcdefghij x');
    expect(masked).toBe('x «one» x');
  });

  it('by the longest where one contains another', () => {
    const masked = redactor(['hunter', 'short'], ['hunter2-and-more', 'long']).mask(
      'hunter2-and-more hunter',
    );
    expect(masked).toBe('«long» «short»');
  });

  it('in any text, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (text, before, after) => {
        fc.pre(!text.includes('\n') && !'«secret»'.includes(text));
        const masked = redactor([text, 'secret']).mask(before + text + after);
        expect(masked.split('«secret»').some(part => part.includes(text))).toBe(false);
      }),
    );
  });
});

it('texts of one or two characters are not masked', () => {
  expect(redactor(['', 'none'], ['ab', 'short']).mask('cab stand')).toBe('cab stand');
});

it('without secrets a text stays as it is', () => {
  expect(new Redactor().mask('a b')).toBe('a b');
});
