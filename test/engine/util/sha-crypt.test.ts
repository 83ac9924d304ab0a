import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readSetting, shaCrypt } from '../../../engine/util/sha-crypt.ts';
import {
  isHashOf,
  saltedHash,
  unsaltedPassword,
  unsaltedText,
} from '../../../engine/util/unsalted-password.ts';

describe('crypt(5) by SHA-2, with the vectors of its specification', () => {
  it.each([
    ['Hello world!', '$5$saltstring', '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    ['Hello world!', '$5$rounds=10000$saltstringsaltst', '3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
    [
      'Hello world!',
      '$6$saltstring',
      'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    ],
    [
      'Hello world!',
      '$6$rounds=10000$saltstringsaltst',
      'OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
    [
      'This is just a test',
      '$6$rounds=5000$toolongsaltstrin',
      'lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
    ],
  ])('%s with %s', (password, setting, hash) => {
    const made = shaCrypt(password, readSetting(setting)!);
    expect(made).toBe(`${setting}$${hash}`);
  });

  it('knows no setting of another scheme, and none that is damaged', () => {
    for (const setting of ['$y$j9T$abc', '$1$abc', '$6$', '$6$rounds=x$abc', '$6$a:b', ''])
      expect(readSetting(setting), setting).toBeUndefined();
  });
});

describe('a password without a salt', () => {
  const password = { password: 'pä$$: wörd', scheme: 'sha512' } as const;
  const parts = (hash: string) =>
    [hash.slice(0, hash.lastIndexOf('$')), createHash('sha256').update(hash).digest('hex')] as const;

  it('reads back from its text', () => {
    expect(unsaltedPassword(unsaltedText(password))).toEqual(password);
    expect(unsaltedPassword(unsaltedText({ ...password, rounds: 9000 }))).toEqual({
      ...password,
      rounds: 9000,
    });
    expect(unsaltedPassword('$6$a$b')).toBeUndefined();
  });

  it('has another hash each time, and is verified against each', () => {
    const [one, other] = [saltedHash(password), saltedHash(password)];
    expect(one).not.toBe(other);
    for (const hash of [one, other]) expect(isHashOf(password, ...parts(hash))).toBe(true);
    expect(isHashOf({ ...password, password: 'other' }, ...parts(one))).toBe(false);
    expect(isHashOf({ ...password, scheme: 'sha256' }, ...parts(one))).toBe(false);
  });

  it('accepts the rounds on the host unless it names others', () => {
    const hash = saltedHash({ ...password, rounds: 2000 });
    expect(isHashOf(password, ...parts(hash))).toBe(true);
    expect(isHashOf({ ...password, rounds: 5000 }, ...parts(hash))).toBe(false);
  });

  it('is not compared with a hash whose rounds would keep the controller busy', () => {
    expect(isHashOf(password, '$6$rounds=999999999$abc', '0'.repeat(64))).toBe(false);
  });
});
