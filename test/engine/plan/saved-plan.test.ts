import { describe, expect, it, test } from 'vitest';
import type { State } from '../../../engine/module.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { diff } from '../../../engine/plan/diff.ts';
import type { PlannedResource } from '../../../engine/plan/plan.ts';
import { ApprovedPlan, PlanBeingSaved } from '../../../engine/plan/plan-binding.ts';
import type { Origin } from '../../../engine/plan/saved-plan.ts';
import { planSchema } from '../../../engine/plan/saved-plan-schema.ts';
import { type ProblemError, problemsOf } from '../../../engine/problem.ts';
import { type Resource, UnknownArgument } from '../../../engine/resource.ts';
import { nonconformity } from '../../../engine/schema/json-schema.ts';
import { file } from '../../../modules/file.ts';
import fc from '../../random.ts';

const plan = () => ({
  format: 'reconcile plan' as const,
  version: 1 as const,
  id: '01234567-89ab-cdef-0123-456789abcdef',
  created: 1_700_000_000,
  program: '1',
  salt: '0'.repeat(64),
  playbook: 'site.yml',
  options: { inventory: [], vars: [] },
  plays: ['One', 'Two'].map(name => ({ name, on_failed_check: 'stop', hosts: {} })),
});
const mask = (shown: string) => shown;
const origin = { machineId: 'abc', hostKey: 'SHA256:x' };

function planned(
  name: string,
  args: unknown,
  states: [before: State | null, after: State | null],
  more: Partial<Resource> = {},
): PlannedResource {
  const found = diff(...states);
  const resource: Resource = {
    name,
    module: file,
    args,
    incomplete: false,
    when: true,
    at: { file: 'site.yml', line: 1, column: 1 },
    tags: [],
    needs: [],
    groups: [],
    within: [],
    onFailure: 'stop',
    retry: { attempts: 1, delayS: 0 },
    secrets: [],
    ...more,
  };
  const status = found === null ? 'unchanged' : 'would_change';
  const outcome = { name, module: 'file', status, diff: found, predictedFrom: [], durationMs: 0 } as const;
  return { resource, outcome: { ...outcome, secrets: resource.secrets } };
}

function save(resources: PlannedResource[], from: Origin = origin) {
  const saved = new PlanBeingSaved(plan(), mask);
  saved.admit({ play: 0, host: 'web1', origin: from, planned: resources, run: 'a' });
  return saved.toJSON();
}

/** The problems that a host is refused with, when `now` is what a plan of `then` is applied to. */
function refusals(then: PlannedResource[], now: PlannedResource[], from: Origin = origin, host = 'web1') {
  const approval = { mask, again: 'reconcile plan site.yml', program: '1', declaredIn: () => undefined };
  try {
    new ApprovedPlan(save(then), approval).admit({ play: 0, host, origin: from, planned: now, run: 'b' });
    return [];
  } catch (thrown) {
    return problemsOf(thrown as ProblemError).map(({ code, message }) => [
      code,
      message.split('\n').slice(1).join('|'),
    ]);
  }
}

const args = { path: '/a', content: 'x' };
const mode = (before: string, after = '0644') => planned('A', args, [{ mode: before }, { mode: after }]);

describe('a host is', () => {
  test.each<[what: string, then: PlannedResource[], now: PlannedResource[], refused: unknown[]]>([
    ['taken as it was', [mode('0600')], [mode('0600')], []],
    ['refused with another value', [mode('0600')], [mode('0640')], [['plan-stale', '  A: mode is 0640 now']]],
    [
      'refused when it is as declared',
      [mode('0600')],
      [mode('0644')],
      [['plan-stale', '  A: as declared now']],
    ],
    [
      'refused when it was as declared',
      [mode('0644')],
      [mode('0600')],
      [['plan-stale', '  A: mode is 0600 now']],
    ],
    [
      'refused when a key more differs',
      [
        planned('A', args, [
          { mode: '1', owner: 'a' },
          { mode: '2', owner: 'a' },
        ]),
      ],
      [
        planned('A', args, [
          { mode: '1', owner: 'b' },
          { mode: '2', owner: 'a' },
        ]),
      ],
      [['plan-stale', '  A: owner is b now']],
    ],
    [
      'refused when what was to be made exists',
      [planned('A', args, [null, { mode: '0644' }])],
      [mode('0600')],
      [['plan-stale', '  A: exists now']],
    ],
    [
      'refused without telling what may be an old secret',
      [
        planned('A', args, [{ password: 'one' }, { password: 'new' }], {
          secrets: [{ text: 'a secret', label: 'secrets.some' }],
        }),
      ],
      [
        planned('A', args, [{ password: 'two' }, { password: 'new' }], {
          secrets: [{ text: 'a secret', label: 'secrets.some' }],
        }),
      ],
      [['plan-stale', '  A: password is another one now']],
    ],
    [
      'refused when what is declared has changed',
      [mode('0600')],
      [planned('A', { ...args, content: 'y' }, [{ mode: '0600' }, { mode: '0644' }])],
      [['plan-stale', '  declared otherwise: A']],
    ],
    [
      'refused when another account is to do it',
      [mode('0600')],
      [planned('A', args, [{ mode: '0600' }, { mode: '0644' }], { become: false })],
      [['plan-stale', '  declared otherwise: A']],
    ],
    [
      'refused when a resource is new, gone or elsewhere',
      [mode('0600'), planned('B', args, [null, null]), planned('C', args, [null, null])],
      [planned('C', args, [null, null]), mode('0600'), planned('D', args, [null, null])],
      [['plan-stale', '  not in the plan: D|  only in the plan: B|  in another order']],
    ],
  ])('%s', (_, then, now, refused) => {
    expect(refusals(then, now)).toEqual(refused);
  });

  it('refused as another machine, with another key, and as a host that is not in the plan', () => {
    const same = [mode('0600')];
    expect(refusals(same, same, { ...origin, machineId: 'def' })).toMatchObject([['plan-other-host', '']]);
    expect(refusals(same, same, { ...origin, hostKey: 'SHA256:y' })).toMatchObject([['plan-other-host', '']]);
    expect(refusals(same, same, { hostKey: 'SHA256:x' })).toMatchObject([['plan-other-host', '']]);
    expect(refusals(same, same, origin, 'web2')).toMatchObject([['plan-stale', '']]);
  });

  it('refused if another run, but not this one, has begun to apply the plan', () => {
    const same = [mode('0600')];
    const applied = (run: string) => ({ ...origin, applied: { run, at: '2026-01-02T03:04:05.000Z' } });
    expect(refusals(same, same, applied('a'))).toMatchObject([['plan-applied', '']]);
    expect(refusals(same, same, applied('b'))).toEqual([]);
  });

  it('accepted if the plan left the difference open', () => {
    const open = (name: string) =>
      planned(
        'A',
        {
          get path(): string {
            throw new UnknownArgument('path', name);
          },
        },
        [null, null],
      );
    const waiting = (name: string) => {
      const item = open(name);
      return { ...item, outcome: { ...item.outcome, status: 'would_change' as const } };
    };
    expect(refusals([waiting('Earlier')], [waiting('Earlier')])).toEqual([]);
    expect(refusals([waiting('Earlier')], [waiting('Other')])).toEqual([
      ['plan-stale', '  declared otherwise: A'],
    ]);
  });
});

it('names the hosts that a play has lost', () => {
  const approval = { mask, again: '', program: '1', declaredIn: () => undefined };
  const gone = new ApprovedPlan(save([mode('0600')]), approval).missingHosts(0, [{ name: 'web2' }]);
  expect(gone).toMatchObject([{ host: 'web1', code: 'plan-stale' }]);
});

it('refuses a host whose later play has changed before the first one is applied', () => {
  const first = [mode('0600')];
  const saved = new PlanBeingSaved(plan(), mask);
  for (const play of [0, 1]) saved.admit({ play, host: 'web1', origin, planned: first, run: 'a' });
  const apply = (later: PlannedResource[]) => {
    const declaredIn = () => later.map(({ resource }) => resource);
    const approved = new ApprovedPlan(saved.toJSON(), { mask, again: '', program: '1', declaredIn });
    approved.admit({ play: 0, host: 'web1', origin, planned: first, run: 'b' });
  };
  expect(() => apply(first)).not.toThrow();
  expect(() => apply([planned('A', {}, [null, null])])).toThrow('declared otherwise: A');
  expect(() => apply([])).toThrow('declared otherwise: A');
});

it('contains no value, and conforms to its schema', () => {
  const secret = fc.string({ minLength: 6 }).map(value => `§${value}`);
  const value = fc.oneof(secret, fc.array(secret, { minLength: 1 }), secret.map(textOf));
  fc.assert(
    fc.property(secret, value, value, (argument, before, after) => {
      const item = planned('A', { content: argument, nested: [{ bytes: Buffer.from(argument) }] }, [
        { key: before, other: 'x' },
        { key: after, other: 'y' },
      ]);
      const saved = save([item]);
      expect(nonconformity(planSchema, saved)).toBeUndefined();
      const written = JSON.stringify(saved);
      for (const form of [
        argument,
        encodeURIComponent(argument),
        Buffer.from(argument).toString('base64'),
        '§',
      ])
        expect(written).not.toContain(form);
    }),
  );
});

it('has different digests with a different salt', () => {
  const digests = (salt: string) => {
    const saved = new PlanBeingSaved({ ...plan(), salt }, mask);
    saved.admit({ play: 0, host: 'web1', origin, planned: [mode('0600')], run: 'a' });
    return JSON.stringify(saved)
      .match(/[0-9a-f]{64}/g)!
      .slice(1);
  };
  const [one, other] = [digests('0'.repeat(64)), digests('1'.repeat(64))];
  expect(one).toHaveLength(5);
  expect(one.filter(digest => other.includes(digest))).toEqual([]);
});
