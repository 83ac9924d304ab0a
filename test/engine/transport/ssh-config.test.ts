import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemsOf } from '../../../engine/problem.ts';
import { glob } from '../../../engine/transport/glob.ts';
import { expandHome, hostNameOf, isNone, sshSettings } from '../../../engine/transport/ssh-config.ts';
import fc, { runs } from '../../random.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text, { mode });
  return path;
}

const compared = [
  ...['user', 'port', 'identityfile', 'identitiesonly', 'identityagent', 'proxyjump', 'proxycommand'],
  ...['userknownhostsfile', 'stricthostkeychecking', 'hostkeyalias', 'serveralivecountmax'],
];

const noSsh = spawnSync('ssh', ['-V']).error !== undefined;

/** Before OpenSSH 10 `ProxyJump none` also shut out a ProxyCommand after it, so that ssh went straight to the host. */
const noneSettles =
  !noSsh &&
  !/^proxycommand /m.test(
    spawnSync('ssh', ['-G', '-F', 'none', '-o', 'ProxyJump=none', '-o', 'ProxyCommand=nc', '--', 'host'], {
      encoding: 'utf8',
    }).stdout,
  );

/** Returns our reading of a file in the format of `ssh -G`, only with the settings of the file. */
function ours(path: string, host: string, user?: string): Record<string, string[]> {
  const settings = sshSettings([{ path, of: 'user' }], { host, user });
  const found: Record<string, string[]> = { hostname: [hostNameOf(settings, host).toLowerCase()] };
  for (const keyword of compared) {
    const words = keyword === 'identityfile' ? settings.identityFiles : settings.words(keyword);
    if (words.length === 0 || (keyword.startsWith('proxy') && isNone(words[0]!))) continue;
    if (keyword === 'proxycommand' && settings.words('proxyjump').length > 0 && noneSettles) continue;
    found[keyword] = keyword === 'identityfile' ? [...words] : [words.map(expandHome).join(' ')];
  }
  if (user !== undefined) found['user'] = [user];
  return found;
}

/** The same of OpenSSH: what it prints, but for what it prints of an empty file, too. */
function theirs(path: string, host: string, user?: string): Record<string, string[]> {
  const ask = (config: string) => {
    const login = user === undefined ? [] : ['-l', user];
    const { stdout, stderr, status } = spawnSync('ssh', ['-G', '-F', config, ...login, '--', host], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    const found = new Map<string, string[]>();
    for (const line of stdout.split('\n')) {
      const [, keyword = '', value = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
      found.set(keyword, [...(found.get(keyword) ?? []), value]);
    }
    return found;
  };
  const [said, byDefault] = [ask(path), ask('none')];
  const result: Record<string, string[]> = { hostname: said.get('hostname')! };
  for (const keyword of compared) {
    const value = said.get(keyword);
    if (value !== undefined && `${value}` !== `${byDefault.get(keyword)}`) result[keyword] = value;
  }
  if (user !== undefined) result['user'] = [user];
  return result;
}

describe.skipIf(noSsh)('a file is read like by ssh -G (needs ssh)', () => {
  test.each<[string, string]>([
    ['the first value wins', 'Port 1000\nHost *\n Port 2000\nHost web1\n User a\nHost web*\n User b\n'],
    [
      'keywords in any case, with = and quotes',
      'POrT=1000\nuser = "deploy"\nHost="web1"\n  IdentityFile "a b"\n',
    ],
    ['comments', '# Port 1\n  #Port 2\nPort 1000 # Port 3\nUser a#b\nIdentityFile "a # b" # c\n'],
    [
      'quotes and backslashes',
      `IdentityFile a\\ b\nIdentityFile 'c "d'\nIdentityFile "e\\"f"\nIdentityFile \\a\\\\b\n`,
    ],
    [
      'several identity files, each once',
      'IdentityFile a\nIdentityFile b\nIdentityFile a\nHost web1\nIdentityFile c\n',
    ],
    ['a negated pattern', 'Host web* !web1\n Port 1000\nHost * !db*\n Port 2000\n'],
    ['a negated pattern alone', 'Host !db1\n Port 1000\n'],
    [
      'HostName with the name in it',
      'Host web1\n HostName %h.example.com\nMatch host web1.example.com\n Port 1000\n',
    ],
    ['HostName with a percent', 'HostName %h%%x\n'],
    ['HostName in capitals', 'HostName WEB1.Example.com\nMatch host web1.example.com\n Port 1000\n'],
    ['Match originalhost', 'HostName x\nMatch originalhost web1\n Port 1000\nMatch host web1\n Port 2000\n'],
    [
      'Match user, before and after it is set',
      'Match user a\n Port 1000\nMatch all\n User a\nMatch user a\n Port 2000\n',
    ],
    ['Match with several criteria', 'User a\nMatch host web1 user a\n Port 1000\n'],
    ['Match with !', 'Match !host db1,db2 !user root,x\n Port 1000\n'],
    [
      'Match with a list and a negation',
      'Match host "web*,!web1"\n Port 1000\nMatch host web*\n Port 2000\n',
    ],
    ['Match final', 'Match final host x.example.com\n Port 1000\nHost web1\n HostName x.example.com\n'],
    [
      'Match final and HostName with the name in it',
      'Match final\n Port 1000\nHost web1\n HostName %h.example.com\n',
    ],
    [
      'Host in the final pass',
      'Match final\n Port 1\nHost x.example.com\n User b\nHost web1\n HostName x.example.com\n',
    ],
    ['Match !final', 'Match !final\n User a\nMatch final\n User b\n'],
    ['ProxyJump', 'ProxyJump a@b:22,c # comment\n'],
    ['ProxyJump of one host', 'Host web1\n ProxyJump c\nHost *\n ProxyJump d\n'],
    ['ProxyCommand before ProxyJump', 'ProxyCommand nc %h %p\nProxyJump c\n'],
    ['ProxyJump before ProxyCommand', 'ProxyJump c\nProxyCommand nc %h %p\n'],
    ['ProxyJump none before ProxyJump', 'ProxyJump none\nProxyJump c\n'],
    ['ProxyJump none before ProxyCommand', 'ProxyJump none\nProxyCommand nc %h\n'],
    [
      'ProxyJump None in a block before ProxyCommand',
      'Host web1\n ProxyJump None\nHost *\n ProxyCommand nc %h\n',
    ],
    ['ProxyJump none before both', 'ProxyJump none\nProxyJump c\nProxyCommand nc %h\nProxyCommand other\n'],
    ['ProxyJump none in the final pass', 'ProxyJump none\nMatch final\n ProxyCommand nc %h\n'],
    [
      'ProxyJump none and ProxyCommand none',
      'ProxyJump none\nProxyCommand none\nProxyJump c\nProxyCommand nc\n',
    ],
    ['ProxyJump and then none', 'ProxyJump c\nProxyJump none\nProxyCommand none\n'],
    ['ProxyJump with none among its hosts', 'ProxyJump none,c\nProxyCommand nc\n'],
    ['ProxyCommand none before ProxyJump', 'ProxyCommand none\nProxyJump c\n'],
    ['ProxyCommand NONE before both', 'ProxyCommand NONE\nProxyJump c\nProxyCommand nc %h\n'],
    ['ProxyCommand none in a block', 'Host web1\n ProxyCommand none\nMatch final\n ProxyJump c\n'],
    ['ProxyCommand and then none', 'ProxyCommand nc %h\nProxyCommand none\nProxyJump none\n'],
    ['ProxyCommand with none in it', 'ProxyCommand none # not\nProxyJump c\n'],
    ['several known_hosts files', 'UserKnownHostsFile ~/a "b c"\nUserKnownHostsFile d\n'],
    ['a tab and trailing spaces', '\tPort\t1000  \n\tUser  a \t\n'],
    ['no end of line', 'Port 1000'],
    ['Windows line ends', 'Port 1000\r\nHost web1\r\n User a\r\n'],
    ['settings we do not use', 'SendEnv LANG LC_*\nCompression yes\nLocalForward 1 a:2\nPort 1000\n'],
    [
      'the other settings',
      'IdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking accept-new\nHostKeyAlias x\nServerAliveCountMax 7\n',
    ],
  ])('%s', (_, text) => {
    const path = file('config', text);
    expect(ours(path, 'web1')).toEqual(theirs(path, 'web1'));
  });

  test('included files', () => {
    file('conf.d/10-a', 'Port 1000\nHost web2\n User c\n');
    file('conf.d/20-b', 'Port 2000\nHost web1\n User d\n');
    file('conf.d/.hidden', 'User hidden\n');
    const path = file(
      'config',
      `Host db1\nInclude ${dir}/conf.d/10-a\nHost web*\n  Include ${dir}/conf.d/*  ${dir}/missing\n  HostKeyAlias still\n`,
    );
    for (const host of ['web1', 'web2', 'db1', 'other'])
      expect(ours(path, host), host).toEqual(theirs(path, host));
  });

  test('any file, host and user', () => {
    const name = fc.constantFrom('web1', 'web2', 'db1', 'x.example.com');
    const pattern = fc.constantFrom(
      '*',
      'web*',
      'web?',
      '!web1',
      '!db*',
      'x.*',
      '*.example.com',
      'WEB1',
      'web1',
    );
    const list = fc.array(pattern, { minLength: 1, maxLength: 3 }).map(all => all.join(','));
    const user = fc.constantFrom('alice', 'bob', 'carol');
    const not = fc.constantFrom('', '', '!');
    const criterion = fc.oneof(
      fc
        .tuple(not, fc.constantFrom('host', 'originalhost', 'Host'), list)
        .map(([n, key, of]) => `${n}${key} ${of}`),
      fc.tuple(not, fc.constantFrom('user', 'localuser'), user).map(([n, key, of]) => `${n}${key} ${of}`),
      fc.tuple(not, fc.constantFrom('final', 'canonical')).map(words => words.join('')),
    );
    const setting = fc.oneof(
      fc.integer({ min: 1, max: 65535 }).map(port => `Port ${port}`),
      user.map(each => `User ${each}`),
      fc.constantFrom('x.example.com', '%h.example.com', 'DB1').map(each => `HostName ${each}`),
      fc.constantFrom('a', '"b c"', '~/.ssh/%h').map(each => `IdentityFile ${each}`),
      fc.constantFrom(
        'ProxyJump a,b',
        'ProxyJump none',
        'ProxyCommand nc %h',
        'ProxyCommand none',
        'HostKeyAlias k',
        'IdentitiesOnly yes',
      ),
    );
    const block = fc.oneof(
      fc.array(pattern, { minLength: 1, maxLength: 3 }).map(all => `Host ${all.join(' ')}`),
      fc.array(criterion, { minLength: 1, maxLength: 3 }).map(all => `Match ${all.join(' ')}`),
      fc.constant('Match all'),
      fc.constant(`Include ${dir}/included`),
    );
    const text = fc
      .array(fc.oneof({ weight: 2, arbitrary: setting }, block), { maxLength: 10 })
      .map(lines => lines.join('\n'));
    fc.assert(
      fc.property(text, text, name, fc.option(user, { nil: undefined }), (main, included, host, login) => {
        file('included', included.replaceAll(/Include.*/g, ''));
        const path = file('config', main);
        expect(ours(path, host, login)).toEqual(theirs(path, host, login));
      }),
      { numRuns: runs(50) },
    );
  });
});

describe('a file', () => {
  const problem = (path: string) => {
    try {
      sshSettings([{ path, of: 'user' }], { host: 'web1' });
      return undefined;
    } catch (thrown) {
      return problemsOf(thrown)[0]!;
    }
  };

  test('that does not exist sets nothing', () => {
    expect(sshSettings([{ path: join(dir, 'nothing'), of: 'user' }], { host: 'web1' }).words('port')).toEqual(
      [],
    );
  });

  test.each([
    ['Port 1\nMatch host web1 exec "touch /tmp/x"\n', /config:2: Match exec would run a program/],
    ['Match localnetwork 10.0.0.0/8\n', /config:1: Match "localnetwork" is not known/],
    ['User "a\n', /config:1: a quote is not closed/],
    ['User\n', /config:1: "user" has no value/],
  ])('%j is refused at its line', (text, message) => {
    expect(problem(file('config', text))).toMatchObject({
      code: 'invalid-value',
      message: expect.stringMatching(message),
    });
  });

  test('with Match exec in a block of another host is read', () => {
    expect(problem(file('config', 'Match host db1 exec "false"\n Port 1\n'))).toBeUndefined();
  });

  test('that includes itself ends', () => {
    const path = file('config', `Include ${dir}/config\n`);
    expect(problem(path)?.message).toContain('Include goes deeper than 16 files');
  });

  test('that others can write is refused, as ssh does', () => {
    const path = file('shared', 'Port 1\n');
    spawnSync('chmod', ['g+w', path]);
    expect(problem(path)).toMatchObject({
      code: 'insecure-file',
      hint: expect.stringContaining('chmod go-w'),
    });
  });

  test('of the user is in ~/.ssh, of the system in /etc/ssh', () => {
    const path = file('config', 'Include ~/nothing-here\n');
    expect(sshSettings([{ path, of: 'user' }], { host: 'web1' }).words('port')).toEqual([]);
    expect(() => sshSettings([{ path, of: 'system' }], { host: 'web1' })).toThrow(/has no home here/);
    expect(homedir()).toMatch(/^\//);
  });
});

describe('glob', () => {
  test.each([
    ['g/*', ['g/a', 'g/b', 'g/sub']],
    ['g/[ab]', ['g/a', 'g/b']],
    ['g/[!a]', ['g/b']],
    ['g/?', ['g/a', 'g/b']],
    ['g/.*', ['g/.c']],
    ['g/*/x.conf', ['g/sub/x.conf']],
    ['g/a', ['g/a']],
    ['g/none*', []],
    ['g/a(b', []],
    ['missing/*', []],
  ])('%s', (pattern, expected) => {
    for (const name of ['g/a', 'g/b', 'g/.c', 'g/sub/x.conf']) file(name, '');
    expect(glob(join(dir, pattern))).toEqual(expected.map(name => join(dir, name)));
  });
});
