import { describe, expect, it } from 'vitest';
import { compileExpression, placeIn, type Runtime } from '../../../engine/expression/expression.ts';
import { ProblemError } from '../../../engine/problem.ts';
import { masked, type Plain, Secret, type Value } from '../../../engine/value.ts';

const runtime: Runtime = { now: () => 1_700_000_000 };

function resultOf(source: string, scope: { [name: string]: Value } = {}): Value {
  return compileExpression(source, placeIn('case', source)).evaluate(scope, runtime);
}

function messageOf(source: string, scope: { [name: string]: Value } = {}): string {
  try {
    return JSON.stringify(resultOf(source, scope));
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return thrown.problems[0]!.message;
  }
}

describe('an address', () => {
  it.each<[string, Plain]>([
    ["'192.0.2.7/24' | ipaddr", '192.0.2.7/24'],
    ["'192.0.2.7/24' | ipaddr('address')", '192.0.2.7'],
    ["'192.0.2.0/24' | ipaddr('address')", null],
    ["'192.0.2.7/255.255.255.0' | ipaddr('prefix')", 24],
    ["'192.0.2.7/24' | ipaddr('netmask')", '255.255.255.0'],
    ["'192.0.2.7/24' | ipaddr('network')", '192.0.2.0'],
    ["'192.0.2.7/24' | ipaddr('subnet')", '192.0.2.0/24'],
    ["'192.0.2.7/24' | ipaddr('broadcast')", '192.0.2.255'],
    ["'192.0.2.0/24' | ipaddr(1)", '192.0.2.1/24'],
    ["'192.0.2.0/24' | ipaddr(1) | ipaddr('address')", '192.0.2.1'],
    ["'192.0.2.0/24' | ipaddr('-2')", '192.0.2.254/24'],
    ["'192.0.2.0/24' | ipaddr(256)", false],
    ["'192.0.2.7' | ipaddr('192.0.2.0/24')", '192.0.2.7'],
    ["'192.0.3.7' | ipaddr('192.0.2.0/24')", false],
    ["'no address' | ipaddr", false],
    ['none | ipaddr', false],
    ['3232235777 | ipaddr', '192.168.1.1'],
    ["['10.0.0.1', '8.8.8.8', 'x', 'fe80::1'] | ipaddr('private')", ['10.0.0.1', 'fe80::1']],
    ["['10.0.0.1', '8.8.8.8', '2001:470::1'] | ipaddr('public')", ['8.8.8.8', '2001:470::1']],
    ["['10.0.0.1/8', '::1/64'] | ipv4('address')", ['10.0.0.1']],
    ["['10.0.0.1', '2001:DB8:0::1'] | ipv6", ['2001:db8::1']],
    ["'2001:db8::1' | ipwrap", '[2001:db8::1]'],
    ["'example.com' | ipwrap", 'example.com'],
    ["'10.0.0.0/31' | ipaddr('range_usable')", '10.0.0.0-10.0.0.1'],
    ["'10.0.0.0/16' | ipsubnet(24)", '256'],
    ["'10.0.0.0/16' | ipsubnet(24, 3)", '10.0.3.0/24'],
    ["'10.0.0.0/16' | ipsubnet(24, -1)", '10.0.255.0/24'],
    ["'10.0.0.0/16' | ipsubnet(24, 256)", false],
    ["'192.0.2.7' | ipsubnet(24)", '192.0.2.0/24'],
    ["'192.0.2.0/24' | ipsubnet('192.0.0.0/16')", '3'],
    ["'2001:db8::/32' | ipsubnet(64, 7)", '2001:db8:0:7::/64'],
    [
      "'::ffff:1.2.3.4' | ipaddr('revdns')",
      '4.0.3.0.2.0.1.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.',
    ],
    ["'192.0.2.7' | ansible.utils.ipaddr('type')", 'address'],
  ])('%s is %j', (source, wanted) => {
    expect(resultOf(source)).toEqual(wanted);
  });

  it.each([
    ["'192.0.2.7' | ipaddr('adress')", 'query: there is no query "adress"'],
    ["'192.0.2.7' | ipaddr('first_usable')", 'the address has no prefix'],
    ["'10.0.0.0/24' | ipsubnet(16)", 'a /24 has no subnets of /16'],
    ["'2001:db8::/32' | ipaddr('size')", 'the result is beyond ±2^53 and cannot be kept exactly'],
    ['{} | ipaddr', 'a map is not an address'],
  ])('%s is refused: %s', (source, message) => {
    expect(messageOf(source)).toBe(message);
  });
});

describe('a regular expression', () => {
  it.each([
    ["text | regex_search('(a+)+$')"],
    ["text | regex_replace('(a|aa)+$', '')"],
    ["text | regex_findall('(a*)*b')"],
    ["text is search('(?:a?){40}a{40}')"],
  ])('%s ends at the limit of steps', source => {
    expect(messageOf(source, { text: `${'a'.repeat(39)}!` })).toBe('this takes more than 1000000 steps');
  });

  it.each([
    [
      "'a' | regex_search('(?<x>a)')",
      'pattern: (?<name>…), which Python writes (?P<name>…), is not supported here, at character 3',
    ],
    [
      "'a' | regex_search('(a)?(?(1)b|c)')",
      'pattern: a choice by a group, (?(1)…), is not supported here, at character 7',
    ],
    ["'a' | regex_search('[[:digit:')", 'pattern: a [ is never closed, at character 11'],
    [
      "'a' | regex_search('(?<=a+)b')",
      'pattern: what is looked for behind has no fixed length, at character 8',
    ],
    ["'a' | regex_search('\\\\p{L}')", 'pattern: there is no escape \\p, at character 3'],
    ["'a' | regex_search('((a{1,99}){1,99}){1,99}')", 'pattern: it repeats too much'],
    ["'a' | regex_replace('a', '\\\\g<x>')", 'the pattern has no group "x"'],
    [
      "'aa' | regex_replace('a', 'b', mandatory_count=1)",
      'the pattern was replaced 2 times, and mandatory_count is 1',
    ],
  ])('%s is refused: %s', (source, message) => {
    expect(messageOf(source)).toBe(message);
  });

  it.each<[string, Plain]>([
    ["'aab' | regex_replace('a', 'x', count=1)", 'xab'],
    ["'abc' | regex_replace('(?x) b  # the second', 'x')", 'axc'],
    ["'aXb' | regex_replace('a(?i:x)b', '')", ''],
    ["'aaab' | regex_search('a*+b')", 'aaab'],
    ["'aaa' | regex_search('(?>a*)a')", null],
    ["'a😀b' | regex_search('a.b')", 'a😀b'],
    ["'web1' is ansible.builtin.match('web')", true],
  ])('%s is %j', (source, wanted) => {
    expect(resultOf(source)).toEqual(wanted);
  });
});

it('a long text is searched without a deep recursion', () => {
  const text = 'line of text\n'.repeat(20_000);
  expect(resultOf("text | regex_search('(?:.|\\\\n)*') | length", { text })).toBe(text.length);
});

describe('a secret', () => {
  const secret = new Secret('{"user": "app", "pin": 1234, "on": true}', 'secrets.account');
  it('stays one through each filter that makes a text of it', () => {
    for (const source of [
      "s | regex_replace('app', 'x')",
      "s | regex_search('app')",
      "s | hash('md5')",
      's | to_nice_yaml',
      's | splitext | first',
    ])
      expect(resultOf(source, { s: secret }), source).toBeInstanceOf(Secret);
    expect(masked(resultOf("s | regex_findall('a')", { s: secret }))).toEqual(['«secrets.account»']);
  });

  it('in JSON or YAML keeps the names of its map clear, and its numbers secret', () => {
    const wanted = { user: '«secrets.account»', pin: '«secrets.account»', on: true };
    expect(masked(resultOf('s | from_json', { s: secret }))).toEqual(wanted);
    expect(masked(resultOf('s | from_yaml', { s: secret }))).toEqual(wanted);
  });

  it('that is not JSON is not quoted by the message', () => {
    expect(messageOf('s | from_json', { s: new Secret('hunter2', 'p') })).toBe('the text is not JSON');
    expect(messageOf('s | from_yaml', { s: new Secret('a: [hunter2', 'p') })).toBe(
      'the text is not YAML: line 1 cannot be read',
    );
  });
});

it.each<[string, Plain]>([
  ['now()', 1_700_000_000],
  ["now(fmt='%Y-%m-%d %H:%M:%S')", '2023-11-14 22:13:20'],
  ["now(true, '%d/%b/%y %I%p %j %a %%')", '14/Nov/23 10PM 318 Tue %'],
])('%s is %j', (source, wanted) => {
  expect(resultOf(source)).toEqual(wanted);
});

it('now() has no local time and no unknown conversions', () => {
  expect(messageOf('now(utc=false)')).toBe('now() is in UTC only');
  expect(messageOf("now(fmt='%Q')")).toBe('fmt: there is no %Q');
});

it.each([
  ['1.22.1-9+deb12u1', '<', '1.22.1-9+deb12u2'],
  ['1:1.0', '>', '2.0'],
  ['1.0~rc1', '<', '1.0'],
  ['1.0', '==', '1.0-0'],
  ['2.36-9', '>', '2.4-1'],
  ['1.0a', '<', '1.0+'],
  ['1.025', '==', '1.25'],
])('the Debian version %s %s %s', (a, sign, b) => {
  expect(resultOf(`a is version(b, '${sign}', version_type='debian')`, { a, b })).toBe(true);
});

describe('password_hash', () => {
  const pw = new Secret('Hello world!', 'secrets.pw');
  const hash = 'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1';

  it('with a salt is a hash, and secret', () => {
    const made = resultOf("pw | password_hash('sha512', 'saltstring')", { pw });
    expect((made as Secret).reveal()).toBe(`$6$saltstring$${hash}`);
    expect(masked(made)).toBe('«secrets.pw»');
    expect(resultOf("'clear' | password_hash(salt='a')")).toBeInstanceOf(Secret);
  });

  it('without a salt is secret, and stays alone', () => {
    expect(masked(resultOf('pw | password_hash', { pw }))).toBe('«secrets.pw»');
    for (const source of [
      "'app:' ~ (pw | password_hash)",
      'pw | password_hash | b64encode',
      'pw | password_hash | nonsensitive',
      'pw | password_hash | upper',
      "[pw | password_hash] | join(':')",
      "pw | password_hash | regex_replace('x')",
    ])
      expect(messageOf(source, { pw }), source).toMatch(/^a password hash without a salt stands alone/);
  });

  it.each([
    ["pw | password_hash('yescrypt')", 'hashtype: yescrypt is not computed here'],
    ["pw | password_hash('md5')", 'hashtype: md5 is not computed here'],
    ["pw | password_hash(salt='a:b')", 'salt: 1 to 16 letters, digits, dots and slashes are wanted'],
    ['pw | password_hash(rounds=9999999)', 'rounds: 1000 to 1000000 are wanted'],
    [
      "pw | password_hash('sha512', 'salt', rounds=1000000) ~ (pw | password_hash('sha512', 'salt', rounds=1000))",
      'this takes more than 1000000 steps',
    ],
  ])('%s is refused: %s', (source, message) => {
    expect(messageOf(source, { pw })).toBe(message);
  });
});
