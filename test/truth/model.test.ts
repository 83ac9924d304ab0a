import { expect, it, test } from 'vitest';
import type { CaseResource } from './case.ts';
import { FileModel, type Node } from './model.ts';
import { expectations } from './model-check.ts';

const root = { owner: 'root', group: 'root' };
const folder = (mode = '0755'): Node => ({ type: 'directory', ...root, mode });
const text = (content: string, mode = '0644'): Node => ({ type: 'file', content, ...root, mode });
const link = (target: string): Node => ({ type: 'link', target });

const tree: Record<string, Node> = {
  '/': folder(),
  '/srv': folder(),
  '/srv/a': folder(),
  '/srv/a/f': text('# one\n'),
  '/srv/r1': folder(),
  '/srv/r1/f': text('# one\n'),
  '/srv/r2': folder(),
  '/srv/cur': link('r1'),
  '/srv/broken': link('/none'),
  '/srv/round': link('round'),
  '/srv/shared': { type: 'directory', owner: 'root', group: 'www-data', mode: '2775' },
};
const source = {
  node: (path: string) => tree[path] ?? null,
  names: (path: string) =>
    Object.keys(tree).flatMap(each =>
      each.replace(/\/[^/]*$/, '') === path ? [each.split('/').at(-1)!] : [],
    ),
  hasOwner: (name: string) => ['root', 'www-data'].includes(name),
  hasGroup: (name: string) => ['root', 'www-data'].includes(name),
};

type Written = [module: string, path: string, args?: Record<string, unknown>];
const absent = { state: 'absent' };
const one = { content: '# one\n' };

test.each<[title: string, resources: Written[], expected: string[]]>([
  ['a file that is there', [['file', '/srv/a/f', one]], ['unchanged']],
  ['another content', [['file', '/srv/a/f', { content: 'x' }]], ['would_change']],
  ['no folder for it', [['file', '/srv/b/f', one]], ['obstacle']],
  [
    'a folder that makes its parents',
    [
      ['directory', '/srv/b/c'],
      ['directory', '/srv/b'],
    ],
    ['would_change', 'unchanged'],
  ],
  [
    'a link that moves',
    [
      ['link', '/srv/cur', { target: 'r2' }],
      ['file', '/srv/cur/f', one],
    ],
    ['would_change', 'would_change'],
  ],
  [
    'a link that stays',
    [
      ['link', '/srv/cur', { target: 'r1' }],
      ['file', '/srv/cur/f', one],
    ],
    ['unchanged', 'unchanged'],
  ],
  [
    'a folder that goes',
    [
      ['directory', '/srv/a', absent],
      ['file', '/srv/a/f', absent],
    ],
    ['would_change', 'unchanged'],
  ],
  [
    'a folder that comes back empty',
    [
      ['directory', '/srv/a', absent],
      ['directory', '/srv/a'],
      ['file', '/srv/a/f', one],
    ],
    ['would_change', 'would_change', 'would_change'],
  ],
  ['a folder over a link', [['directory', '/srv/cur']], ['obstacle']],
  ['a file over a link', [['file', '/srv/cur', one]], ['would_change']],
  ['a link over a file', [['link', '/srv/a/f', { target: 'x' }]], ['obstacle']],
  ['a link over a file by force', [['link', '/srv/a/f', { target: 'x', force: true }]], ['would_change']],
  ['a link over a full folder by force', [['link', '/srv/a', { target: 'x', force: true }]], ['obstacle']],
  [
    'a link over an emptied folder',
    [
      ['file', '/srv/a/f', absent],
      ['link', '/srv/a', { target: 'x', force: true }],
    ],
    ['would_change', 'would_change'],
  ],
  ['a way through a broken link', [['file', '/srv/broken/f', one]], ['obstacle']],
  ['a way round in a circle', [['directory', '/srv/round/x']], ['obstacle']],
  ['nothing below a broken link', [['file', '/srv/broken/f', absent]], ['unchanged']],
  ['an unknown owner', [['file', '/srv/a/f', { owner: 'ghost' }]], ['obstacle']],
  [
    'owners below',
    [
      ['file', '/srv/a/g', one],
      ['directory', '/srv/a', { owner: 'www-data', recurse: true }],
      ['file', '/srv/a/f', { owner: 'root' }],
    ],
    ['would_change', 'would_change', 'would_change'],
  ],
  [
    'a mode that keeps what is below',
    [
      ['directory', '/srv/a', { mode: '0700' }],
      ['file', '/srv/a/f', one],
    ],
    ['would_change', 'unchanged'],
  ],
  [
    'a folder that inherits its group',
    [
      ['directory', '/srv/shared/x'],
      ['directory', '/srv/shared/x', { mode: '2755', group: 'www-data' }],
    ],
    ['would_change', 'unchanged'],
  ],
])('the model expects of %s what a kernel does', (_, resources, expected) => {
  const model = new FileModel(source);
  expect(resources.map(([module, path, args]) => model.step({ module, args: { path, ...args } }))).toEqual(
    expected,
  );
});

const resource = (module: string, args: Record<string, unknown>, keys = {}): CaseResource => ({
  name: 'r1',
  module,
  args,
  keys,
});
const check = (status: string, exit: number, more = {}) => ({
  exit,
  stdout: '',
  stderr: '',
  events: [{ event: 'resource', name: 'r1', status, ...more }],
});
const against = (subject: CaseResource) =>
  expectations(source, { layer: 'blank', start: [], plays: [[subject]] });

it('names resources that a check shows differently', () => {
  const judge = against(resource('file', { path: '/srv/a/f', content: 'x' }));
  expect(judge(check('would_change', 2))).toEqual([]);
  expect(judge(check('unchanged', 0))).toMatchObject([
    { kind: 'file: would_change expected, unchanged shown' },
  ]);
  expect(judge(check('would_change', 2, { open: true }))).toHaveLength(1);
  expect(judge(check('failed', 1))).toMatchObject([{ kind: 'no obstacle, check exits 1' }]);
});

it('names an obstacle that a check does not show', () => {
  const judge = against(resource('file', { path: '/srv/b/f', content: 'x' }));
  expect(judge(check('failed', 1))).toEqual([]);
  expect(judge(check('would_change', 2))).toMatchObject([{ kind: 'file: obstacle, check exits 2' }]);
});

it('reports nothing about unknown things', () => {
  for (const subject of [
    resource('apt', { packages: ['hello'] }),
    resource('file', { path: '/srv/a/f', content: '{{ x }}' }),
    resource('file', { path: '/srv/a/f' }, { when: 'v1.changed' }),
  ])
    expect(against(subject)(check('unchanged', 0))).toEqual([]);
});
