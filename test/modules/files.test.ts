import { expect, test } from 'vitest';
import { matches } from '../../modules/_files.ts';

test.each([
  ['a.pyc', '*.pyc', true],
  ['deep/down/a.pyc', '*.pyc', true],
  ['a.pyc.txt', '*.pyc', false],
  ['__pycache__/a.txt', '__pycache__', true],
  ['src/__pycache__/a.txt', '__pycache__/', true],
  ['__pycache__/a.txt', '__pycache__/', true],
  ['media/2024/p.jpg', 'media/**', true],
  ['media', 'media/**', false],
  ['media/p.jpg', 'media/*', true],
  ['static/media/p.jpg', 'media/*', false],
  ['static/media/p.jpg', '**/media/*', true],
  ['media/p.jpg', '**/media/*', true],
  ['conf/app.yml', '/conf', true],
  ['app1.log', 'app?.log', true],
  ['app/.log', 'app?.log', false],
  ['a+b(1).txt', 'a+b(1).txt', true],
  ['axb', 'a.b', false],
])('%s under the glob %s: %s', (path, glob, expected) => {
  expect(matches(path, glob)).toBe(expected);
});
