import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ageDecrypt, ageEncrypt, newKeyPair } from '../../../engine/secrets/age.ts';
import { FileKey } from '../../../engine/secrets/file-key.ts';
import { seal, sealedFile, sealingProblems, unseal } from '../../../engine/secrets/sealed.ts';
import { sshKeyPair } from '../../../engine/secrets/ssh-keys.ts';
import { isVault, openVault } from '../../../engine/secrets/vault.ts';
import { parseYaml } from '../../../engine/yaml/document.ts';
import fc, { runs } from '../../random.ts';

const key = new FileKey();
const head = {
  lock: ['age1x'],
  wrapped: '-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----',
};
const opened = (text: string) => sealedFile(parseYaml(text, 'prod.yml'), text)!;
const problemOf = (work: () => unknown) => {
  try {
    work();
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return undefined;
};

const clear = `# of production
db_password: hunter2-and-more # rotate in May
pin: 0070
nested:
  key: |
    -----BEGIN KEY-----
    abc
    -----END KEY-----
  list: [one two, 'it''s']
`;

describe('an encrypted file of secrets', () => {
  it('has names and comments in clear and no value, and opens to the same text', () => {
    const text = seal(clear, key, head);
    expect(text).toContain('db_password: enc:');
    expect(text).toContain('# rotate in May');
    for (const secret of ['hunter2', '0070', 'BEGIN KEY', 'one two']) expect(text).not.toContain(secret);
    const again = unseal(opened(text), key);
    expect(parseYaml(again, '').data).toEqual(parseYaml(clear, '').data);
    expect(again).toContain('pin: 0070');
  });

  it('keeps the encrypted form of unchanged values', () => {
    const before = seal(clear, key, head);
    const shown = unseal(opened(before), key);
    const changed = shown.replace('hunter2-and-more', 'other');
    const after = seal(changed, key, head, { clear: shown, sealed: opened(before) });
    const differing = after.split('\n').filter(line => !before.split('\n').includes(line));
    expect(differing.map(line => line.trim().split(':')[0])).toEqual(['db_password', 'mac']);
  });

  test.each([
    ...['0', '-1', '+1', '1.50', '0070', '0o17', '0x1F', '1e3', '.5', '9'.repeat(30)],
    ...['true', 'False', 'TRUE', 'null', 'Null', '~', ''],
    ...['yes', 'No', 'on', '2024-05-01', '2024-05-01T10:00:00Z', '1:30', '1_000', '0b11'],
    ...[
      '...',
      '---',
      '-',
      '?',
      '=',
      '<<',
      '*a',
      '&a',
      '!a',
      '|',
      '>',
      '%a',
      '@a',
      '`a',
      '{}',
      '[]',
      '#',
      'a: b',
    ],
    ...['"0"', "'0'", 'enc:', 'enc:AAAA', ' 0', '0 ', '0\n', 'true\n', 'true\nfalse'],
  ])('gives back the text %j as a text, in the quotes that keep it one', text => {
    for (const quoted of [
      JSON.stringify(text),
      `'${text.replaceAll("'", "''").replaceAll('\n', '\n\n  ')}'`,
    ]) {
      const yaml = `a: ${quoted}\n" ": [${quoted}, { b: ${quoted} }] # why\n`;
      const again = unseal(opened(seal(yaml, key, head)), key);
      expect(parseYaml(again, '').data).toEqual({ a: text, ' ': [text, { b: text }] });
      expect(again).toContain('# why');
    }
  });

  test.each([
    '0',
    '-1',
    '+1',
    '0.5',
    '0070',
    '1e3',
    'true',
    'FALSE',
    'null',
    '~',
    '',
    '2024-05-01',
    'yes',
    'a b',
  ])('gives back %j without quotes as it was', written => {
    const yaml = `a: ${written}\nb:\n  - ${written} # why\n  - x\n`;
    const again = unseal(opened(seal(yaml, key, head)), key);
    expect(parseYaml(again, '').data).toEqual(parseYaml(yaml, '').data);
  });

  it('encrypts a number again that became a text', () => {
    const before = seal('pin: 70\ntoken: "1e3"\n', key, head);
    const shown = unseal(opened(before), key);
    expect(shown).toBe('pin: 70\ntoken: "1e3"\n');
    const after = seal(shown.replace('70', '"70"'), key, head, { clear: shown, sealed: opened(before) });
    expect(unseal(opened(after), key)).toBe('pin: "70"\ntoken: "1e3"\n');
    expect(/^token: .*$/m.exec(after)?.[0]).toBe(/^token: .*$/m.exec(before)?.[0]);
  });

  it.each<[what: string, change: (text: string) => string]>([
    ['a value is taken away', text => text.replace(/^pin:.*\n/m, '')],
    [
      'a value is put elsewhere',
      text => text.replace(/^pin: .*$/m, /^db_password: (\S+)/m.exec(text)![0].replace('db_password', 'pin')),
    ],
    ['a recipient is added', text => text.replace('    - age1x\n', '    - age1x\n    - age1y\n')],
    ['a value is put in in clear', text => text.replace(/^pin:.*$/m, 'pin: "1"')],
  ])('is refused when %s', (_, change) => {
    const text = seal(clear, key, head);
    expect(change(text)).not.toBe(text);
    expect(problemOf(() => unseal(opened(change(text)), key))).toContain('was changed by something else');
  });

  it('opens neither with another key nor under another name, even after a deliberate merge', () => {
    const text = seal(clear, key, head);
    expect(problemOf(() => unseal(opened(text), new FileKey(), true))).toContain('does not belong there');
    const renamed = text.replace('db_password:', 'other:');
    expect(problemOf(() => unseal(opened(renamed), key, true))).toContain('"other"');
  });

  it('returns any texts under any names', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter(each => each !== 'reconcile');
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'01-+._:exaTn~'), maxLength: 6 }),
      fc.constantFrom('0', 'true', 'null', '~', '1e3', '0x1', '2024-05-01'),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }).map(lines => lines.join('\n')),
    );
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1 }), secrets => {
        const yaml = Object.entries(secrets)
          .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}\n`)
          .join('');
        fc.pre(sealingProblems(yaml, '').length === 0);
        const again = unseal(opened(seal(yaml, key, head)), key);
        expect(parseYaml(again, '').data).toEqual(parseYaml(yaml, '').data);
      }),
      { numRuns: runs(200) },
    );
  });
});

describe('keys', () => {
  let folder: string;
  const nothing = { age: [], ssh: [], passphrase: undefined, places: [] };
  const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'reconcile-keys-'));
    for (const [type, passphrase] of [
      ['ed25519', ''],
      ['rsa', ''],
      ['ed25519', 'words'],
    ] as const)
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-f', join(folder, type + passphrase)]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => readFileSync(join(folder, name), 'utf8');

  it('of age open the files encrypted for them, and no others do', async () => {
    const [own, other] = [await newKeyPair(), await newKeyPair()];
    const wrapped = Buffer.from(await ageEncrypt(key.bytes, [own.recipient]));
    expect(await ageDecrypt(wrapped, { ...nothing, age: [own.identity] })).toEqual(key.bytes);
    expect(await ageDecrypt(wrapped, { ...nothing, age: [other.identity] })).toBeUndefined();
  });

  const pairOf = (type: string) => {
    const pair = sshKeyPair(file(type));
    if (typeof pair !== 'object') throw new Error('no key');
    return pair;
  };

  test.each(['ed25519', 'rsa'])('of SSH, %s, open the files encrypted for them', async type => {
    const wrapped = await ageEncrypt(Buffer.from('text'), [file(`${type}.pub`).trim()]);
    const opened = await ageDecrypt(Buffer.from(wrapped), { ...nothing, ssh: [pairOf(type)] });
    expect(opened?.toString()).toBe('text');
  });

  test.skipIf(!has('age')).each(['ed25519', 'rsa'])(
    'of SSH, %s, open what age encrypts, and the reverse',
    async type => {
      const wrapped = await ageEncrypt(Buffer.from('text'), [file(`${type}.pub`).trim()]);
      expect(execFileSync('age', ['-d', '-i', join(folder, type)], { input: wrapped }).toString()).toBe(
        'text',
      );
      const made = execFileSync('age', ['-R', join(folder, `${type}.pub`)], { input: 'theirs' });
      expect((await ageDecrypt(made, { ...nothing, ssh: [pairOf(type)] }))?.toString()).toBe('theirs');
    },
  );

  it('of SSH with a passphrase are recognized', () => {
    expect(sshKeyPair(file('ed25519words'))).toBe('protected');
    expect(sshKeyPair('no key')).toBeUndefined();
  });

  test.each(['ed25519', 'rsa'])('of SSH, %s, are no keys if they are cut off anywhere', type => {
    const [start, base64, end] = file(type).split(/(?<=KEY-----\n)|(?=-----END)/) as [string, string, string];
    const bytes = Buffer.from(base64, 'base64');
    for (let length = 0; length < bytes.length; length += 7) {
      const pair = sshKeyPair(start + bytes.subarray(0, length).toString('base64') + end);
      expect(pair === undefined || bytes.length - length < 64).toBe(true);
    }
  });

  it('a passphrase opens the file it encrypted', async () => {
    const wrapped = Buffer.from(await ageEncrypt(key.bytes, 'passphrase', 'correct horse'));
    expect(await ageDecrypt(wrapped, { ...nothing, passphrase: 'correct horse' })).toEqual(key.bytes);
  }, 120_000);

  it.skipIf(!has('ansible-vault'))('what ansible-vault encrypts is read with its password alone', () => {
    const [secret, password] = [join(folder, 'vault.yml'), join(folder, 'password')];
    writeFileSync(secret, 'db: "pä\'ss"\n');
    writeFileSync(password, 'open sesame\n');
    chmodSync(password, 0o600);
    execFileSync('ansible-vault', ['encrypt', '--vault-password-file', password, secret], { stdio: 'pipe' });
    const text = readFileSync(secret, 'utf8');
    expect(isVault(text)).toBe(true);
    expect(openVault(text, 'open sesame')).toBe('db: "pä\'ss"\n');
    expect(openVault(text, 'wrong')).toBeUndefined();
  });
});
