import { expect, it } from 'vitest';
import { modules } from '../../modules/index.ts';
import type { Case, CaseResource } from './case.ts';
import { generateCase } from './generate.ts';
import { shrink } from './shrink.ts';

const resource = (name: string, args: Record<string, unknown>, keys = {}): CaseResource => ({
  name,
  module: 'file',
  args,
  keys,
});
const large: Case = {
  layer: 'servers',
  start: ['mkdir -p /srv/a', 'touch /srv/b'],
  plays: [
    [
      resource('r1', { path: '/srv/a', mode: '0600', owner: 'root' }, { register: 'v1' }),
      resource('r2', { path: '/srv/b', content: '# {{ v1.changed }}\n' }, { when: 'v1.changed' }),
    ],
    [resource('r3', { path: '{{ item }}', mode: '0644' }, { loop: ['/srv/c', '/srv/d'] })],
  ],
};

it('finds the one argument and the one line that cause a failure', async () => {
  const needs = (subject: Case) =>
    subject.start.includes('touch /srv/b') &&
    subject.plays.flat().some(({ args }) => args['owner'] === 'root');
  expect(await shrink(large, async subject => needs(subject), 100)).toEqual({
    layer: 'blank',
    start: ['touch /srv/b'],
    plays: [[resource('r1', { owner: 'root' })]],
  });
});

it('keeps two resources that fail only together, and removes references to a third', async () => {
  const needs = ({ plays }: Case) =>
    plays.length > 1 && ['r2', 'r3'].every(name => plays.flat().some(each => each.name === name));
  const { plays } = await shrink(large, async subject => needs(subject), 100);
  expect(plays).toEqual([[resource('r2', {})], [resource('r3', {})]]);
});

it('puts an element of a loop where the loop was', async () => {
  const needs = ({ plays }: Case) => plays.flat().some(({ args }) => args['path'] === '/srv/d');
  const isLoop = ({ plays }: Case) => plays.flat().some(({ keys }) => 'loop' in keys);
  const found = await shrink(large, async subject => needs(subject) || isLoop(subject), 100);
  expect(found.plays).toEqual([[resource('r3', { path: '/srv/d' })]]);
});

it('stops at the end of its budget, with its smallest case', async () => {
  let tried = 0;
  const fails = async () => (tried += 1) <= 2;
  const found = await shrink(large, fails, 5);
  expect(tried).toBe(5);
  expect(JSON.stringify(found).length).toBeLessThan(JSON.stringify(large).length);
});

it('tries no case twice', async () => {
  const tried: string[] = [];
  const subject = generateCase(modules, 'shrink/7');
  await shrink(subject, async each => tried.push(JSON.stringify(each)) % 5 === 0, 400);
  expect(new Set(tried).size).toBe(tried.length);
});
