import { expect, test } from 'vitest';
import { allows, applies, compareVersions, normalized, readRequirements } from '../../modules/_python.ts';

test('versions sort by PEP 440', () => {
  const oldestFirst = [
    '0.9',
    '1.0.dev1',
    '1.0a1.dev1',
    '1.0a1',
    '1.0a2',
    '1.0b1',
    '1.0rc1',
    '1.0',
    '1.0.post1.dev2',
    '1.0.post1',
    '1.0.1',
    '1.2',
    '1.10',
    '2023.7.22',
    '1!0.1',
  ];
  for (const [i, older] of oldestFirst.entries())
    for (const newer of oldestFirst.slice(i + 1)) {
      expect(compareVersions(older, newer), `${older} < ${newer}`).toBeLessThan(0);
      expect(compareVersions(newer, older), `${newer} > ${older}`).toBeGreaterThan(0);
    }
});

test.each([
  ['1.0', '1.0.0'],
  ['v1.2', '1.2'],
  ['1.0-1', '1.0.post1'],
  ['1.0alpha1', '1.0a1'],
  ['1.0c1', '1.0rc1'],
])('%s is the same version as %s', (a, b) => expect(compareVersions(a, b)).toBe(0));

test.each([
  ['flask', '3.0', true],
  ['flask==3.0', '3.0.0', true],
  ['flask==3.0', '3.0.1', false],
  ['flask==3.0.*', '3.0.9', true],
  ['flask==3.0.*', '3.10', false],
  ['flask!=3.0.*', '3.1', true],
  ['flask~=2.2', '2.9', true],
  ['flask~=2.2', '3.0', false],
  ['flask~=2.2.1', '2.2.9', true],
  ['flask~=2.2.1', '2.3', false],
  ['flask~=2.2c1', '2.9', true],
  ['flask>=2,<3', '2.9', true],
  ['flask>=2,<3', '3.0', false],
  ['flask >= 2 , != 2.5', '2.5', false],
  ['flask<=2', '2.0', true],
  ['flask>2', '2.0', false],
  ['torch==2.1', '2.1+cpu', true],
  ['torch==2.1+cpu', '2.1+cu121', false],
  ['flask===3.0', '3.0.0', false],
  ['flask[async] (>=2)', '2.0', true],
])('%s takes %s: %s', (text, installed, expected) =>
  expect(allows(readRequirements(text)[0]!, installed)).toBe(expected),
);

test.each([
  ['python_version < "3.8"', false],
  ['python_version >= "3.8" and python_version < "4.0"', true],
  ['python_version == "3.9" or sys_platform == "linux"', true],
  ['sys_platform == "win32"', false],
  ['platform_system != "Windows"', true],
  ['python_full_version >= "3.8.1"', true],
  ['platform_machine == "x86_64"', false],
  ['extra == "dev"', false],
  ['extra == "Async_IO"', true],
  ['(sys_platform == "linux" or os_name == "nt") and extra == "dev"', false],
  ['(sys_platform == "win32" and extra == "dev") or extra == "async-io"', true],
  ['"3.8" <= python_version', true],
  ['"linux" in sys_platform and os_name not  in "nt java"', true],
  ['python_version', false],
  ['(sys_platform == "linux"', false],
])('the marker %s holds: %s', (marker, expected) =>
  expect(
    applies(readRequirements(`flask; ${marker}`)[0]!, { python_version: '3.11', extra: 'async-io' }),
  ).toBe(expected),
);

test('only lines that name a package are requirements', () => {
  const text = [
    '# a comment',
    '-r other.txt',
    '--index-url https://example.com/simple',
    'https://example.com/a.whl',
    './local',
    'flask==3.0 \\',
    '    --hash=sha256:00',
    'Zope.Interface @ https://example.com/z.whl',
    '',
  ].join('\n');
  expect(readRequirements(text)).toEqual([
    { text: 'flask==3.0', name: 'flask', extras: [], versions: [{ operator: '==', version: '3.0' }] },
    { text: 'Zope.Interface @ https://example.com/z.whl', name: 'zope-interface', extras: [], versions: [] },
  ]);
});

test('names are compared without case and kind of dash', () =>
  expect(['Flask_SQLAlchemy', 'flask.sqlalchemy', 'flask--sqlalchemy'].map(normalized)).toEqual(
    Array(3).fill('flask-sqlalchemy'),
  ));
