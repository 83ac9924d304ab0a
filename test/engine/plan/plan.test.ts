import { describe, expect, it } from 'vitest';
import { deviates } from '../../../engine/apply/deviation.ts';
import type { Module } from '../../../engine/module.ts';
import { text } from '../../../engine/module-kit/argument.ts';
import { defineModule } from '../../../engine/module-kit/define-module.ts';
import { asRead, compare } from '../../../engine/plan/compare.ts';
import { Forecast } from '../../../engine/plan/forecast.ts';
import { type PlannedResource, plan, refuseUndoing } from '../../../engine/plan/plan.ts';
import { content, Missing, owed, type Probe, path, program, sql, unit } from '../../../engine/probe.ts';
import { blank as blankOf } from '../../../engine/probes/blank.ts';
import { keyOf } from '../../../engine/probes/probe-kinds.ts';
import { Observed } from '../../../engine/probes/readings.ts';
import { type Resource, UnknownArgument } from '../../../engine/resource.ts';

const shape = { args: {}, examples: {}, summary: '', identity: () => '' };

const file = defineModule({
  ...shape,
  args: { path: text('Where.'), text: text('What.') },
  required: ['path'],
  name: 'file',
  identity: ({ path }) => path,
  probes: args => ({ path: path(args.path) }),
  actual: ({ path }) => (path === null ? null : { mode: path.mode }),
  desired: () => ({ mode: '0600' }),
  steps: (_diff, args) => [{ do: 'write', path: args.path, content: args.text ?? '', mode: '0600' }],
});
const installs = defineModule({
  ...shape,
  name: 'installs',
  probes: () => ({ there: program('tool') }),
  actual: ({ there }) => (there === null ? null : { installed: true }),
  desired: () => ({ installed: true }),
  steps: () => [
    {
      do: 'run',
      command: 'install tool',
      touches: [{ kind: 'packages', comes: new Map([['tool', undefined]]), goes: [], whole: true }],
    },
  ],
});
const uses = defineModule({
  ...shape,
  name: 'uses',
  probes: () => ({ there: program('tool') }),
  actual: ({ there }) => (there === null ? new Missing('tool', ['package:to*']) : { used: true }),
  desired: () => ({ used: true }),
  fresh: () => ({ used: true }),
});
const reads = defineModule({
  ...shape,
  name: 'reads',
  probes: () => ({ list: content('/list') }),
  actual: ({ list }) => ({ text: list?.bytes?.toString() ?? '' }),
  desired: () => ({ text: 'a' }),
  steps: () => [],
});
const answers = defineModule({
  ...shape,
  name: 'answers',
  probes: () => ({ owed: owed('app.service') }),
  actual: ({ owed }) => ({ restart: owed.map(({ because }) => because).join(', ') || 'no' }),
  desired: () => ({ restart: 'no' }),
  steps: () => [{ do: 'pay', unit: 'app.service' }],
  reacts: () => [{ to: ['A file'], unit: () => 'app.service', action: 'restart' as const }],
});
const removes = defineModule({
  ...shape,
  args: { path: text('Where.') },
  required: ['path'],
  name: 'removes',
  probes: args => ({ path: path(args.path) }),
  actual: ({ path }) => ({ there: path !== null }),
  desired: () => ({ there: false }),
  steps: (_diff, args) => [{ do: 'remove', path: args.path }],
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

function observed(...readings: [Probe, unknown][]): Observed {
  return new Observed(new Map(readings.map(([probe, value]) => [keyOf(probe), { value }])), {});
}
const folder = { type: 'directory', owner: 'root', group: 'root', mode: '0755' };
const blank = observed(
  [path('/f'), null],
  [program('tool'), null],
  [content('/list'), null],
  [owed('app.service'), []],
);
/** The plan once all has been read that it asks for: of what `from` does not tell, folders are there. */
function planOf(resources: Resource[], from: Observed = blank, forecast = new Forecast()): PlannedResource[] {
  for (;;) {
    const sight = { observed: from, context: { nowS: 0, login: 'root' }, forecast: forecast.copy() };
    const { planned, unread } = plan(resources, () => sight, sight.forecast);
    const asked = unread.map(({ probe }): [Probe, unknown] => [
      probe,
      probe.kind === 'path' && !/\.\w+$/.test(probe.path) ? folder : blankOf(probe),
    ]);
    if (asked.length === 0) return planned;
    from.add(observed(...asked));
  }
}
const shown = (resources: Resource[], from?: Observed, forecast?: Forecast) =>
  planOf(resources, from, forecast).map(({ outcome }) => [
    outcome.name,
    outcome.status,
    outcome.predictedFrom,
  ]);

describe('a plan', () => {
  it('shows differences as changes, and leaves out resources as declared', () => {
    const there = observed([path('/f'), { type: 'file', mode: '0600' }]);
    expect(shown([resource(file, 'A file', { path: '/f' })])).toEqual([['A file', 'would_change', []]]);
    expect(shown([resource(file, 'A file', { path: '/f' })], there)).toEqual([['A file', 'unchanged', []]]);
  });

  it('predicts a resource that needs the program of an earlier resource, and names that resource', () => {
    expect(shown([resource(installs, 'Tools'), resource(uses, 'Use')])).toEqual([
      ['Tools', 'would_change', []],
      ['Use', 'unchanged', ['Tools']],
    ]);
  });

  it.each([
    ['/etc/other/app.conf', 'create'],
    ['/etc/absent.new/app.conf', 'write'],
    ['/etc/tool/app.conf', 'write'],
    ['/etc/app.conf', 'write'],
    ['/etc/other.d/app.conf', 'write'],
    ['/usr/sbin/app', 'write'],
    ['/var/lib/tool/state', 'write'],
    ['/var/lib/app/state', 'create'],
    ['/usr/local/bin/app', 'create'],
    ['/etc/systemd/system/tool.service', 'create'],
    ['/srv/tool/file', 'create'],
  ])('does not claim to create what a package may bring before: %s is a %s', (at, kind) => {
    const from = observed([path(at), null], [program('tool'), null]);
    const one = resource(file, 'A file', { path: at });
    const [, after] = planOf([resource(installs, 'Tools'), one], from);
    expect(after?.outcome).toMatchObject({
      status: 'would_change',
      diff: { kind },
      predictedFrom: kind === 'write' ? ['Tools'] : [],
    });
    expect(planOf([one], from)[0]?.outcome).toMatchObject({
      diff: { kind: 'create' },
      predictedFrom: [],
    });
  });

  it('expects a unit from a package with a similar name, and doubts any other unit', () => {
    const runs = (name: string) =>
      defineModule({
        ...shape,
        name: 'runs',
        probes: () => ({ unit: unit(name) }),
        actual: ({ unit }) =>
          unit.LoadState === 'not-found'
            ? new Missing(`unit ${name}`, [`unit:${name}`])
            : { state: unit.ActiveState ?? null, owed: 'no' },
        desired: () => ({ state: 'active', owed: 'no' }),
        fresh: () => ({ state: 'inactive', owed: 'no' }),
        steps: () => [],
      });
    const names = ['tool-daemon.service', 'other.service'];
    const from = observed(
      [program('tool'), null],
      ...names.map((name): [Probe, unknown] => [unit(name), { LoadState: 'not-found' }]),
    );
    const units = names.map(name => resource(runs(name), name));
    const [, own, other] = planOf([resource(installs, 'Tools'), ...units], from);
    expect(own?.outcome).toMatchObject({ status: 'unchanged', predictedFrom: ['Tools'], open: true });
    expect(other?.outcome).toMatchObject({
      status: 'would_change',
      diff: { kind: 'write', changes: [{ key: 'state' }] },
      predictedFrom: ['Tools'],
      open: true,
      doubt: 'unit other.service is not on the host, and nothing before it in the play has a similar name',
    });
    expect(planOf(units, from)[1]?.outcome.error?.code).toBe('unit-missing');
  });

  it('has a problem if no resource brings a missing thing', () => {
    const [first] = planOf([resource(uses, 'Use'), resource(installs, 'Tools')], blank);
    expect(first?.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'program-missing', resource: 'Use' },
    });
  });

  it('leaves the contents of a server open that an earlier resource starts, and has a problem if none does', () => {
    const asks = defineModule({
      ...shape,
      name: 'asks',
      probes: () => ({ rows: sql('SELECT 1') }),
      actual: () => ({ a: 1 }),
      desired: () => ({ a: 1 }),
    });
    const starts = defineModule({
      ...shape,
      name: 'starts',
      probes: () => ({}),
      actual: () => ({ state: 'stopped' }),
      desired: () => ({ state: 'running' }),
      steps: () => [
        {
          do: 'run',
          command: 'start',
          touches: [{ kind: 'unit', name: 'db.service', sets: { ActiveState: 'active' } }],
        },
      ],
    });
    const missing = new Missing('a server', ['package:db', 'running:db*']);
    const down = new Observed(new Map([[keyOf(sql('SELECT 1')), { missing }]]), {});
    const [, open] = planOf([resource(starts, 'Server'), resource(asks, 'Role')], down);
    expect(open?.outcome).toMatchObject({ status: 'would_change', diff: null, predictedFrom: ['Server'] });
    expect(deviates(open!, null)).toBe(false);
    const [alone] = planOf([resource(asks, 'Role')], down);
    expect(alone?.outcome).toMatchObject({ status: 'failed', error: { code: 'not-running' } });
  });

  it('reads a file with its content from an earlier resource', () => {
    const writes = resource(file, 'List', { path: '/list', text: 'a' });
    const from = observed([path('/list'), null], [content('/list'), null]);
    expect(shown([writes, resource(reads, 'Reader')], from)[1]).toEqual(['Reader', 'unchanged', ['List']]);
    const other = resource(file, 'List', { path: '/list', text: 'b' });
    expect(shown([other, resource(reads, 'Reader')], from)[1]).toEqual(['Reader', 'would_change', ['List']]);
  });

  it('shows a restart after an earlier change, and none without one', () => {
    const there = observed([path('/f'), { type: 'file', mode: '0600' }], [owed('app.service'), []]);
    const resources = [resource(file, 'A file', { path: '/f' }), resource(answers, 'App')];
    expect(shown(resources)[1]).toEqual(['App', 'would_change', ['A file']]);
    expect(shown(resources, there)[1]).toEqual(['App', 'unchanged', []]);
  });

  it('defers a check that earlier changes may fulfil, and fails it without changes', () => {
    expect(shown([resource(installs, 'Tools'), resource(checks, 'Answer')])[1]).toEqual([
      'Answer',
      'unchanged',
      ['Tools'],
    ]);
    expect(shown([resource(checks, 'Answer')])).toEqual([['Answer', 'failed', []]]);
  });

  it('fails a check before any change if no resource brings its program', () => {
    const looks = resource({ ...uses, check: true }, 'Look');
    const writes = resource(file, 'A file', { path: '/f' });
    const from = observed([path('/f'), null], [program('tool'), null]);
    const [, look] = planOf([writes, looks], from);
    expect(look?.outcome).toMatchObject({ status: 'failed', error: { code: 'program-missing' } });
    const brought = planOf([writes, resource(installs, 'Tools'), looks], from);
    expect(brought[2]?.outcome.status).toBe('unchanged');
  });

  it('would change a resource that depends on an unknown outcome', () => {
    const args = {
      get path(): string {
        throw new UnknownArgument('path', 'Earlier');
      },
    };
    expect(shown([resource(file, 'Later', args, { incomplete: true })])).toEqual([
      ['Later', 'would_change', ['Earlier']],
    ]);
  });

  it('predicts a change with an unknown condition, which blocks nothing', () => {
    const waiting = { when: undefined, waitsFor: 'Question' };
    const [asked, missing] = planOf([
      resource(file, 'A file', { path: '/f' }, waiting),
      resource(uses, 'Use', {}, waiting),
    ]);
    expect(asked?.outcome).toMatchObject({ status: 'would_change', predictedFrom: ['Question'] });
    expect(missing?.outcome).toMatchObject({
      status: 'would_change',
      predictedFrom: ['Question'],
      diff: null,
    });
  });

  describe('of several plays', () => {
    /** Returns the plan of the second play while the first one is planned but not applied. */
    const second = (first: Resource[], then: Resource[], from = blank) => {
      const forecast = new Forecast();
      const sight = { observed: from, context: { nowS: 0, login: 'root' }, forecast };
      plan(first, () => sight, forecast);
      return shown(then, from, forecast);
    };
    const writes = resource(file, 'A file', { path: '/f' });

    it('is predicted from the earlier plays', () => {
      expect(second([resource(installs, 'Tools')], [resource(uses, 'Use')])).toEqual([
        ['Use', 'unchanged', ['Tools']],
      ]);
      expect(second([resource(installs, 'Tools')], [resource(checks, 'Answer')])).toEqual([
        ['Answer', 'unchanged', ['Tools']],
      ]);
    });

    it('neither makes a change twice nor reacts to it twice', () => {
      expect(second([writes], [resource(file, 'The same', { path: '/f' })])).toEqual([
        ['The same', 'unchanged', ['A file']],
      ]);
      const app = resource(answers, 'App');
      expect(second([writes, app], [resource(answers, 'App')])).toEqual([['App', 'unchanged', ['App']]]);
    });
  });

  it('refuses a resource that a later one undoes, and names that one', () => {
    const writes = resource(file, 'A file', { path: '/f' });
    const [refused] = planOf([writes, resource(removes, 'Gone', { path: '/f' })]);
    expect(refused!.outcome.error).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^"Gone" on line 1 undoes A file/),
    });
  });

  it('names the later resource that brings what a resource lacks', () => {
    const [refused] = planOf([resource(uses, 'Use'), resource(installs, 'Tools')]);
    expect(refused!.outcome.error?.hint).toMatch(/^"Tools" on line 1 .*move/);
  });

  it('skips a resource whose condition is false, without evaluating its arguments', () => {
    expect(shown([resource(file, 'Never', undefined, { when: false })])).toEqual([['Never', 'skipped', []]]);
  });
});

it('a failed reading is a problem of its resource', () => {
  const failed = new Observed(
    new Map([[keyOf(path('/f')), { problem: { code: 'read-failed', message: 'find exited 1.' } }]]),
    {},
  );
  const one = resource(file, 'A file', { path: '/f' });
  const context = { verifying: false, nowS: 0, name: 'A file' };
  expect(compare(one, asRead(failed), context).problem).toMatchObject({
    code: 'read-failed',
    resource: 'A file',
  });
});

describe('a resource of a later play', () => {
  const loose = defineModule({
    ...shape,
    args: { path: text('Where.'), mode: text('How.') },
    required: ['path', 'mode'],
    name: 'loose',
    identity: ({ path }) => `loose ${path}`,
    probes: args => ({ path: path(args.path) }),
    actual: ({ path }) => (path === null ? null : { mode: path.mode }),
    desired: ({ mode }) => ({ mode }),
    steps: (_diff, { path, mode }) => [{ do: 'attributes', path, mode }],
  });
  it.each([
    [
      '0644',
      [
        'conflict',
        '"Loose" on line 7 undoes A file, and every apply would do both again. After it: mode is 0644, not 0600.',
      ],
    ],
    ['0600', [undefined, undefined]],
  ])('with mode %s is compared with the earlier plays', (mode, expected) => {
    const there = observed([path('/f.conf'), { type: 'file', owner: 'root', group: 'root', mode: '0640' }]);
    const sight = { observed: there, context: { nowS: 0, login: 'root' }, forecast: new Forecast() };
    const planFully = (resources: Resource[]): PlannedResource[] => {
      const forecast = sight.forecast.copy();
      const { planned, unread } = plan(resources, () => ({ ...sight, forecast }), forecast);
      if (unread.length === 0) {
        sight.forecast = forecast;
        return planned;
      }
      there.add(
        observed(
          ...unread.map(({ probe }): [Probe, unknown] => [
            probe,
            probe.kind === 'path' ? folder : blankOf(probe),
          ]),
        ),
      );
      return planFully(resources);
    };
    const first = [resource(file, 'A file', { path: '/f.conf' })];
    planFully(first);
    const at = { file: 'p.yml', line: 7, column: 1 };
    const planned = planFully([resource(loose, 'Loose', { path: '/f.conf', mode }, { at })]);
    refuseUndoing(planned, first, () => sight);
    const { error } = planned[0]!.outcome;
    expect([error?.code, error?.message]).toEqual(expected);
  });
});
