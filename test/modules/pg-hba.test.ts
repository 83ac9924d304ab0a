import { describe, expect, test } from 'vitest';
import {
  covers,
  deciders,
  formatRule,
  parseHba,
  parseRule,
  sameConnections,
  takes,
} from '../../modules/_pg-hba.ts';

const rule = (line: string) => {
  const parsed = parseRule(line);
  if (parsed === undefined) throw new Error(`not a rule: ${line}`);
  return parsed;
};

const touched = (changed: string, asked: string) =>
  deciders(rule(asked)).some(object => takes(rule(changed)).includes(object));

describe('a line of pg_hba.conf', () => {
  test.each([
    ['local all postgres peer', 'local all postgres peer'],
    ['host\tall  all 10.0.0.0   255.255.0.0 md5 # old', 'host all all 10.0.0.0/16 md5'],
    ['host a, b all ::1/128 scram-sha-256', 'host a,b all ::1/128 scram-sha-256'],
    ['host a,b "all" samehost md5', 'host a,b "all" samehost md5'],
    ['host "app" "my role" 10.0.0.0/8 md5', 'host app "my role" 10.0.0.0/8 md5'],
    ['local "a""b" all peer map=x', 'local "a""b" all peer map=x'],
    [
      'hostssl all all all ldap ldapserver=x "ldapprefix=cn= a"',
      'hostssl all all all ldap ldapserver=x "ldapprefix=cn= a"',
    ],
  ])('%s is read', (line, expected) => {
    expect(formatRule(rule(line)).replace(/ +/g, ' ')).toBe(expected);
  });

  test.each(['', '# host all all all trust', 'include other.conf', 'local all', 'hosts all all all trust'])(
    '%s is no rule',
    line => expect(parseRule(line)).toBeUndefined(),
  );

  test('continues after a final backslash', () => {
    const found = parseHba('# none\nlocal all \\\n  all peer\nlocal x y md5\n');
    expect(found.map(({ first, last, rule: { method } }) => [first, last, method])).toEqual([
      [1, 2, 'peer'],
      [3, 3, 'md5'],
    ]);
  });
});

describe('a rule', () => {
  test.each([
    ['host all all 0.0.0.0/0 x', 'host db app 10.1.2.3/32 x'],
    ['host all all all x', 'hostssl db app ::1/128 x'],
    ['hostnossl all all all x', 'hostgssenc db app all x'],
    ['host db,other app,+staff 10.0.0.0/8 x', 'host db +staff,app 10.9.0.0/16 x'],
    ['host all all 2001:db8::/32 x', 'host all all 2001:0db8:1::5/128 x'],
    ['host all all samenet x', 'host all all samenet x'],
    ['local all all x', 'local db app x'],
  ])('%s takes all connections of %s, and a forecast knows it', (wide, narrow) => {
    expect(covers(rule(wide), rule(narrow))).toBe(true);
    expect(touched(wide, narrow)).toBe(true);
  });

  test.each([
    ['host db app 127.0.0.1/32 x', 'host db app ::1/128 x'],
    ['host db app 127.0.0.1/32 x', 'host db other 127.0.0.1/32 x'],
    ['host db app 127.0.0.1/32 x', 'local db app x'],
    ['hostssl all all all x', 'host db app 127.0.0.1/32 x'],
  ])('%s is never in the way of %s', (wide, narrow) => expect(touched(wide, narrow)).toBe(false));

  test.each([
    ['host db all 0.0.0.0/0 x', 'host all app 10.1.2.3/32 x'],
    ['host all all all x', 'host replication app 10.1.2.3/32 x'],
    ['host all all 10.0.0.0/8 x', 'host all all 11.0.0.0/8 x'],
    ['host all all 10.0.0.0/16 x', 'host all all 10.0.0.0/8 x'],
    ['host all all 0.0.0.0/0 x', 'host all all ::1/128 x'],
    ['host all all 0.0.0.0/0 x', 'host all all example.com x'],
    ['hostssl all all all x', 'host all all all x'],
    ['local all all x', 'host all all all x'],
    ['local all +staff x', 'local all app x'],
    ['local sameuser all x', 'local app app x'],
  ])('%s leaves connections of %s', (wide, narrow) => expect(covers(rule(wide), rule(narrow))).toBe(false));

  test.each([
    ['host a,b all ::1/128 md5', 'host b,a all 0:0::0:1/128 trust', true],
    ['host a all 10.0.0.0/8 md5', 'host a all 10.0.0.0 255.0.0.0 md5', true],
    ['host a all 10.0.0.0/8 md5', 'host a all 10.0.0.0/9 md5', false],
    ['host a all 10.0.0.0/8 md5', 'hostssl a all 10.0.0.0/8 md5', false],
  ])('%s is for the connections that %s is for: %s', (a, b, same) => {
    expect(sameConnections(rule(a), rule(b))).toBe(same);
  });
});
