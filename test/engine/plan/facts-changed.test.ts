import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../engine/effect.ts';
import { changersOf, unknownFact } from '../../../engine/plan/facts-changed.ts';
import { Forecast } from '../../../engine/plan/forecast.ts';
import { FactUses, watchedFacts } from '../../../engine/resolve/changing-facts.ts';
import type { FactUse, Resource } from '../../../engine/resource.ts';
import { factsAfter } from '../../../engine/run/facts-after.ts';

function after(...effects: Effect[]): Forecast {
  const forecast = new Forecast();
  forecast.recordChange({ name: 'One', incomplete: true } as Resource, undefined);
  forecast.lay(effects, { by: 'One', account: 'root', maybe: false }, () => undefined);
  return forecast;
}

const nginx = { version: '1.22.1-9' };
const packages = (comes: [string, string?][], goes: string[] = []): Effect =>
  ({ kind: 'packages', comes: new Map(comes as [string, string][]), goes, whole: true }) as Effect;

describe('a fact is changed', () => {
  it.each<[what: string, use: FactUse, effect: Effect]>([
    ['by the installation of its package', { of: 'packages', name: 'nginx' }, packages([['nginx', '1.26']])],
    ['by an upgrade', { of: 'packages', name: 'nginx', value: nginx }, packages([['nginx', '1.26']])],
    ['by a removal', { of: 'packages', name: 'nginx', value: nginx }, packages([], ['nginx'])],
    ['by any package, for all of them', { of: 'packages' }, packages([['htop']])],
    [
      'by the stop of its service',
      { of: 'services', name: 'nginx', value: { active: true, enabled: true } },
      { kind: 'unit', name: 'nginx.service', sets: { ActiveState: 'inactive' } },
    ],
    [
      'by a new account',
      { of: 'users', name: 'app' },
      {
        kind: 'account',
        database: 'passwd',
        name: 'app',
        line: ['app', 'x', '', '', '', '/srv/app', '/bin/sh'],
      },
    ],
    [
      'by any account, for all of them',
      { of: 'users' },
      { kind: 'account', database: 'passwd', name: 'app', line: null },
    ],
  ])('%s', (_, use, effect) => {
    expect(changersOf(use, after(effect))).toEqual(['One']);
  });
});

describe('a fact stays', () => {
  it.each<[what: string, use: FactUse, effect: Effect]>([
    ['with another package', { of: 'packages', name: 'nginx', value: nginx }, packages([['htop', '3']])],
    [
      'with the same version',
      { of: 'packages', name: 'nginx', value: nginx },
      packages([['nginx', '1.22.1-9']]),
    ],
    [
      'with a restart of its service',
      { of: 'services', name: 'nginx', value: { active: true, enabled: true } },
      { kind: 'unit', name: 'nginx.service', sets: { ActiveState: 'active' } },
    ],
    [
      'with another password of its account',
      { of: 'users', name: 'app', value: { uid: 5, gid: 5, home: '/srv/app', shell: '/bin/sh' } },
      { kind: 'account', database: 'passwd', name: 'app' },
    ],
    [
      'with a package, for an account that is there',
      { of: 'users', name: 'root', value: { uid: 0 } },
      packages([['htop']]),
    ],
  ])('%s', (_, use, effect) => {
    expect(changersOf(use, after(effect))).toEqual([]);
  });
});

it('a saved plan takes no resource whose fact an earlier play changes', () => {
  const uses = new FactUses();
  const facts = factsAfter({ packages: { nginx } }, after(packages([['nginx', '1.26']])));
  const seen = watchedFacts(facts, uses.note)['packages'] as { nginx?: unknown };
  expect(() => seen.nginx).toThrow();
  const at = { file: 'play.yml', line: 5, column: 1 };
  const resource = { name: 'Note', at, facts: uses.take() } as unknown as Resource;
  expect(unknownFact(resource)?.message).toBe(
    'Note uses facts.packages.nginx, which "One" changes in an earlier play, so no saved plan can hold it.',
  );
  expect(uses.take()).toEqual([]);
  expect(
    unknownFact({ ...resource, facts: [{ of: 'packages', name: 'nginx', value: nginx }] }),
  ).toBeUndefined();
});

it('the facts of a later play are those of the host where nothing changes them', () => {
  const facts = { cpus: 2, packages: { nginx } };
  const seen = factsAfter(facts, after(packages([['htop', '3']])));
  expect((seen['packages'] as { nginx?: unknown }).nginx).toEqual(nginx);
  const changed = factsAfter(facts, after(packages([['nginx', '1.26']])))['packages'] as { nginx?: unknown };
  expect(() => changed.nginx).toThrow();
});
