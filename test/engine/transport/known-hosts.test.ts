import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { describe, expect, test } from 'vitest';
import { HashedNames } from '../../../engine/transport/hashed-names.ts';
import { hostKeyAlgorithms, judge, keysIn } from '../../../engine/transport/known-hosts.ts';
import { fingerprint, hashedName, keyType } from '../../../engine/util/ssh-formats.ts';
import fc, { runs } from '../../random.ts';
import { ed25519, otherKey, publicKey, rsa } from './ssh-server.ts';

const first = publicKey(ed25519.private);
const second = publicKey(otherKey.private);
const rsaKey = publicKey(rsa.private);
const blob = (line: string) => Buffer.from(line.split(' ')[1]!, 'base64');

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

function verdict(text: string, address = 'db1.example.com', port = 22) {
  const result = judge(keysIn(text, 'known_hosts', address, port), blob(first));
  return 'by' in result ? `${result.is} by line ${result.by.line}` : result.is;
}

describe('a host key', () => {
  test.each([
    ['of a line with the name', `db1.example.com ${first}`, 'known'],
    ['of a line in capitals', `DB1.Example.com ${first}`, 'known'],
    ['of a line with several names', `db1,10.0.0.1,db1.example.com ${first} a comment`, 'known'],
    ['of a line with tabs and Windows line ends', `  db1.example.com\t${first}\r\n`, 'known'],
    ['of a wildcard', `db?.*.com ${first}`, 'known'],
    ['of a wildcard that does not match', `db?.example.co ${first}`, 'unknown'],
    ['of a wildcard with an exception', `*.example.com,!db1.* ${first}`, 'unknown'],
    ['of an exception alone', `!web1.example.com ${first}`, 'unknown'],
    ['of a hashed name', `${hashed('db1.example.com')} ${first}`, 'known'],
    ['of another hashed name', `${hashed('db2.example.com')} ${first}`, 'unknown'],
    ['in an empty file', '', 'unknown'],
    ['in a comment', `# db1.example.com ${first}`, 'unknown'],
    ['in a line that is cut short', `db1.example.com ${first.slice(0, 20)}`, 'unknown'],
    [
      'in a line whose type is not that of its key',
      `db1.example.com ssh-rsa ${first.split(' ')[1]}`,
      'unknown',
    ],
    ['that differs from the recorded one', `\ndb1.example.com ${second}`, 'changed by line 2'],
    ['of two recorded ones', `db1.example.com ${second}\ndb1.example.com ${first}`, 'known'],
    ['of another type than the recorded one', `db1.example.com ${rsaKey}`, 'changed by line 1'],
    ['that is revoked', `db1.example.com ${first}\n@revoked * ${first}`, 'revoked by line 2'],
    ['beside a revoked one', `@revoked * ${second}\ndb1.example.com ${first}`, 'known'],
    ['beside nothing but a revoked one', `@revoked * ${second}`, 'unknown'],
    ['of a certificate authority', `@cert-authority *.example.com ${first}`, 'certificate-only by line 1'],
    ['behind a marker that nobody knows', `@future *.example.com ${first}`, 'unknown'],
  ])('%s', (_, text, expected) => {
    expect(verdict(text)).toBe(expected);
  });

  test.each([
    ['a line with the port counts', `[db1.example.com]:2222 ${first}`, 'known'],
    ['a hashed line with the port counts', `${hashed('[db1.example.com]:2222')} ${first}`, 'known'],
    ['a line with another port does not', `[db1.example.com]:2223 ${first}`, 'unknown'],
    ['a line without a port counts', `db1.example.com ${first}`, 'known'],
    [
      'the line with the port is stronger',
      `db1.example.com ${first}\n[db1.example.com]:2222 ${second}`,
      'changed by line 2',
    ],
  ])('at another port: %s', (_, text, expected) => {
    expect(verdict(text, 'db1.example.com', 2222)).toBe(expected);
  });

  test('a pattern full of stars is matched quickly', () => {
    expect(verdict(`${'*a'.repeat(40)} ${first}`, 'a'.repeat(60) + 'b')).toBe('unknown');
  });
});

test('the recorded types are requested first', () => {
  expect(hostKeyAlgorithms(keysIn(`db1 ${rsaKey}`, 'known_hosts', 'db1', 22)).slice(0, 3)).toEqual([
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
  ]);
  expect(hostKeyAlgorithms([])[0]).toBe('ssh-ed25519');
});

test('a fingerprint equals that of ssh-keygen', () => {
  const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  // GitHub publishes this key and its fingerprint.
  expect(fingerprint(blob(line))).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
  expect(keyType(blob(line))).toBe('ssh-ed25519');
  expect(ssh2.utils.parseKey(line)).not.toBeInstanceOf(Error);
});

const noKeygen = spawnSync('ssh-keygen', ['-?']).error !== undefined;
test.skipIf(noKeygen)('the lines of a host are those that ssh-keygen finds (needs ssh-keygen)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'known-'));
  const file = join(dir, 'known_hosts');
  const host = fc.constantFrom('db1.example.com', 'db2.example.com', '10.0.0.1', '[db1.example.com]:2222');
  const pattern = fc.oneof(
    host,
    fc.constantFrom(
      '*',
      '*.example.com',
      'db?.example.com',
      'DB1.example.com',
      '!db1.*',
      '!*',
      '[*]:2222',
      '*.1',
      '?',
    ),
  );
  const line = fc.oneof(
    fc.array(pattern, { minLength: 1, maxLength: 3 }).map(patterns => `${patterns.join(',')} ${first}`),
    host.map(name => `${hashed(name)} ${second}`),
    host.map(name => `@revoked ${name} ${second}`),
    fc.constantFrom('# a comment', '', '  ', 'db1.example.com'),
  );
  try {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), host, (lines, name) => {
        writeFileSync(file, lines.join('\n') + '\n');
        const found = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' }).stdout;
        const expected = [...found.matchAll(/ found: line (\d+)/g)].map(match => Number(match[1]));
        const keys = keysIn(lines.join('\n'), 'known_hosts', name, 22);
        expect(keys.map(key => key.line)).toEqual(expected);
      }),
      { numRuns: runs(60) },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

describe('hashed names', () => {
  test.each([
    ['a short name', 'web1'],
    ['a name of two blocks', `${'long-label.'.repeat(9)}example.com`],
    ['a name with a port', '[web1.example.com]:2222'],
    ['a name of 55 bytes', 'x'.repeat(55)],
    ['a name of 56 bytes', 'x'.repeat(56)],
  ])('are found by %s', (_what, name) => {
    const salts = ['twenty bytes of salt', 'twenty other letters', '', 'long '.repeat(14)].map(text =>
      Buffer.from(text),
    );
    const texts = salts.map((salt, i) => hashedName(i === 1 ? 'other' : name, salt));
    expect(new HashedNames(['|1|?|?', '|2|x|y', ...texts]).of(name)).toEqual([2, 4, 5]);
  });
});
