import { describe, expect, it } from 'vitest';
import { deviates } from '../../../engine/apply/deviation.ts';
import { defineModule } from '../../../engine/define-module.ts';
import type { Module } from '../../../engine/module.ts';
import { Foresight } from '../../../engine/plan/foresight.ts';
import { compare, plan } from '../../../engine/plan/plan.ts';
import { Observed } from '../../../engine/plan/read.ts';
import { content, Missing, owed, type Probe, path, program } from '../../../engine/probe.ts';
import { type Resource, UnknownArgument } from '../../../engine/resource.ts';

const anything = { type: 'object', properties: {}, additionalProperties: false } as const;
const shape = { args: anything, examples: [], summary: '', identity: () => '', steps: () => [] };

const file = defineModule({
  ...shape,
  args: {
    type: 'object',
    properties: { path: { type: 'string' }, text: { type: 'string' } },
    required: ['path'],
    additionalProperties: false,
  },
  name: 'file',
  identity: ({ path }) => path,
  probes: args => ({ path: path(args.path) }),
  actual: ({ path }) => (path === null ? null : { mode: path.mode }),
  desired: () => ({ mode: '0600' }),
  brings: args => [
    { token: `path:${args.path}`, ...(args.text === undefined ? {} : { content: Buffer.from(args.text) }) },
  ],
});
const installs = defineModule({
  ...shape,
  name: 'installs',
  probes: () => ({ there: program('tool') }),
  actual: ({ there }) => (there === null ? null : { installed: true }),
  desired: () => ({ installed: true }),
  brings: () => [{ token: 'package:tool' }],
});
const uses = defineModule({
  ...shape,
  name: 'uses',
  probes: () => ({ there: program('tool') }),
  actual: ({ there }) => (there === null ? new Missing('tool', ['package:to*']) : { used: true }),
  desired: () => ({ used: true }),
  predict: () => ({ used: true }),
});
const reads = defineModule({
  ...shape,
  name: 'reads',
  probes: () => ({ list: content('/list') }),
  actual: ({ list }) => ({ text: list?.bytes?.toString() ?? '' }),
  desired: () => ({ text: 'a' }),
});
const answers = defineModule({
  ...shape,
  name: 'answers',
  probes: () => ({ owed: owed('app.service') }),
  actual: ({ owed }) => ({ restart: owed.map(({ because }) => because).join(', ') || 'no' }),
  desired: () => ({ restart: 'no' }),
  reacts: () => [{ to: ['A file'], unit: () => 'app.service', action: 'restart' as const }],
});
const checks = defineModule({
  ...shape,
  name: 'checks',
  check: true,
  probes: () => ({ there: program('tool') }),
  actual: ({ there }) => ({ answer: there !== null }),
  desired: () => ({ answer: true }),
});

function resource(module: Module, name: string, args: unknown = {}, more: Partial<Resource> = {}): Resource {
  return {
    name,
    module,
    args,
    incomplete: false,
    when: true,
    at: { file: 'p.yml', line: 1, column: 1 },
    tags: [],
    needs: [],
    groups: [],
    within: [],
    onFailure: 'stop',
    retry: { attempts: 1, delayS: 0 },
    secrets: [],
    ...more,
  };
}

function observed(...readings: [Probe, unknown][]): () => Observed {
  const all = new Observed(new Map(readings.map(([probe, value]) => [JSON.stringify(probe), { value }])), {});
  return () => all;
}
const blank = observed(
  [path('/f'), null],
  [program('tool'), null],
  [content('/list'), null],
  [owed('app.service'), []],
);
const shown = (resources: Resource[], from = blank) =>
  plan(resources, from, { nowS: 0 }).map(({ outcome }) => [
    outcome.name,
    outcome.status,
    outcome.predictedFrom,
  ]);

describe('a plan', () => {
  it('shows what was read as changes, and leaves out what is as declared', () => {
    const there = observed([path('/f'), { type: 'file', mode: '0600' }]);
    expect(shown([resource(file, 'A file', { path: '/f' })])).toEqual([['A file', 'would_change', []]]);
    expect(shown([resource(file, 'A file', { path: '/f' })], there)).toEqual([['A file', 'unchanged', []]]);
  });

  it('predicts what needs a program that an earlier resource brings, and says from which', () => {
    expect(shown([resource(installs, 'Tools'), resource(uses, 'Use')])).toEqual([
      ['Tools', 'would_change', []],
      ['Use', 'unchanged', ['Tools']],
    ]);
  });

  it.each([
    ['/etc/other/app.conf', 'write'],
    ['/var/lib/tool/state', 'write'],
    ['/var/lib/app/state', 'create'],
    ['/etc/systemd/system/tool.service', 'create'],
    ['/srv/tool/file', 'create'],
  ])('does not claim to create what a package may bring before: %s is a %s', (at, kind) => {
    const from = observed([path(at), null], [program('tool'), null]);
    const one = resource(file, 'A file', { path: at });
    const [, after] = plan([resource(installs, 'Tools'), one], from, { nowS: 0 });
    expect(after?.outcome).toMatchObject({
      status: 'would_change',
      diff: { kind },
      predictedFrom: kind === 'write' ? ['Tools'] : [],
    });
    expect(plan([one], from, { nowS: 0 })[0]?.outcome).toMatchObject({
      diff: { kind: 'create' },
      predictedFrom: [],
    });
  });

  it('has a problem where nothing brings what is missing', () => {
    const [first] = plan([resource(uses, 'Use'), resource(installs, 'Tools')], blank, { nowS: 0 });
    expect(first?.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'program-missing', resource: 'Use' },
    });
  });

  it('leaves open what is in something that an earlier resource starts, and has a problem where none does', () => {
    const asks = defineModule({
      ...shape,
      name: 'asks',
      probes: () => ({}),
      actual: () => new Missing('a server', ['package:db*', 'running:db*']),
      desired: () => ({ a: 1 }),
    });
    const starts = defineModule({
      ...shape,
      name: 'starts',
      probes: () => ({}),
      actual: () => ({ state: 'stopped' }),
      desired: () => ({ state: 'running' }),
      brings: () => [{ token: 'running:db.service' }],
    });
    const [, open] = plan([resource(starts, 'Server'), resource(asks, 'Role')], blank, { nowS: 0 });
    expect(open?.outcome).toMatchObject({ status: 'would_change', diff: null, predictedFrom: ['Server'] });
    expect(deviates(open!, null)).toBe(false);
    const [alone] = plan([resource(asks, 'Role')], blank, { nowS: 0 });
    expect(alone?.outcome).toMatchObject({ status: 'failed', error: { code: 'not-running' } });
  });

  it('reads a file with the content that an earlier resource will have given it', () => {
    const writes = resource(file, 'List', { path: '/list', text: 'a' });
    const from = observed([path('/list'), null], [content('/list'), null]);
    expect(shown([writes, resource(reads, 'Reader')], from)[1]).toEqual(['Reader', 'unchanged', []]);
    const other = resource(file, 'List', { path: '/list', text: 'b' });
    expect(shown([other, resource(reads, 'Reader')], from)[1]).toEqual(['Reader', 'would_change', ['List']]);
  });

  it('shows a restart because of a change before it, and none without one', () => {
    const there = observed([path('/f'), { type: 'file', mode: '0600' }], [owed('app.service'), []]);
    const resources = [resource(file, 'A file', { path: '/f' }), resource(answers, 'App')];
    expect(shown(resources)[1]).toEqual(['App', 'would_change', ['A file']]);
    expect(shown(resources, there)[1]).toEqual(['App', 'unchanged', []]);
  });

  it('holds a check back that changes before it may make true, and fails it where nothing would change', () => {
    expect(shown([resource(installs, 'Tools'), resource(checks, 'Answer')])[1]).toEqual([
      'Answer',
      'unchanged',
      ['Tools'],
    ]);
    expect(shown([resource(checks, 'Answer')])).toEqual([['Answer', 'failed', []]]);
  });

  it('fails a check before anything is changed when nothing brings its program', () => {
    const looks = resource({ ...uses, check: true }, 'Look');
    const writes = resource(file, 'A file', { path: '/f' });
    const from = observed([path('/f'), null], [program('tool'), null]);
    const [, look] = plan([writes, looks], from, { nowS: 0 });
    expect(look?.outcome).toMatchObject({ status: 'failed', error: { code: 'program-missing' } });
    const brought = plan([writes, resource(installs, 'Tools'), looks], from, { nowS: 0 });
    expect(brought[2]?.outcome.status).toBe('unchanged');
  });

  it('would change what depends on an outcome that is not known yet', () => {
    const args = {
      get path(): string {
        throw new UnknownArgument('path', 'Earlier');
      },
    };
    expect(shown([resource(file, 'Later', args, { incomplete: true })])).toEqual([
      ['Later', 'would_change', ['Earlier']],
    ]);
  });

  it('predicts a change whose condition is not known yet, and does not block what the host may never need', () => {
    const waiting = { when: undefined, waitsFor: 'Question' };
    const [asked, missing] = plan(
      [resource(file, 'A file', { path: '/f' }, waiting), resource(uses, 'Use', {}, waiting)],
      blank,
      { nowS: 0 },
    );
    expect(asked?.outcome).toMatchObject({ status: 'would_change', predictedFrom: ['Question'] });
    expect(missing?.outcome).toMatchObject({
      status: 'would_change',
      predictedFrom: ['Question'],
      diff: null,
    });
  });

  describe('of several plays', () => {
    /** What the second play shows, when the first one is planned but not applied. */
    const second = (first: Resource[], then: Resource[], from = blank) => {
      const foresight = new Foresight();
      plan(first, from, { nowS: 0 }, foresight);
      return plan(then, from, { nowS: 0 }, foresight).map(({ outcome }) => [
        outcome.name,
        outcome.status,
        outcome.predictedFrom,
      ]);
    };
    const writes = resource(file, 'A file', { path: '/f' });

    it('is predicted from the plays before', () => {
      expect(second([resource(installs, 'Tools')], [resource(uses, 'Use')])).toEqual([
        ['Use', 'unchanged', ['Tools']],
      ]);
      expect(second([resource(installs, 'Tools')], [resource(checks, 'Answer')])).toEqual([
        ['Answer', 'unchanged', ['Tools']],
      ]);
    });

    it('does not do the same thing twice, nor answer a change twice', () => {
      expect(second([writes], [resource(file, 'The same', { path: '/f' })])).toEqual([
        ['The same', 'unchanged', ['A file']],
      ]);
      const app = resource(answers, 'App');
      expect(second([writes, app], [resource(answers, 'App')])).toEqual([['App', 'unchanged', ['App']]]);
    });
  });

  it('skips a resource whose condition is false, without asking for its arguments', () => {
    expect(shown([resource(file, 'Never', undefined, { when: false })])).toEqual([['Never', 'skipped', []]]);
  });
});

it('a probe whose reading failed is a problem of its resource', () => {
  const failed = new Observed(
    new Map([[JSON.stringify(path('/f')), { problem: { code: 'read-failed', message: 'find exited 1.' } }]]),
    {},
  );
  const one = resource(file, 'A file', { path: '/f' });
  expect(
    compare(one, failed, { verifying: false, nowS: 0, name: 'A file' }, new Foresight()).problem,
  ).toMatchObject({
    code: 'read-failed',
    resource: 'A file',
  });
});
