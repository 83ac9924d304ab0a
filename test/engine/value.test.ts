import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isMap, masked, reveal, Secret, Unknown, type Value } from '../../engine/value.ts';

const password = new Secret('hunter2', 'secrets.password');
const dsn = new Secret(['app:', { text: 'hunter2', label: 'secrets.password' }, '', '@', 'db']);

describe('a secret', () => {
  it.each([
    ['String()', String(dsn)],
    ['a template literal', `${dsn}`],
    ['inspect', inspect(dsn, { showHidden: true })],
    ['JSON', JSON.parse(JSON.stringify(dsn)) as string],
  ])('is masked by %s', (_how, shown) => {
    expect(shown).toBe('app:«secrets.password»@db');
  });

  it('has no property that holds its text', () => {
    expect(Object.getOwnPropertyNames(dsn)).toEqual([]);
    expect(JSON.stringify(structuredClone({ ...dsn }))).toBe('{}');
  });

  it('joins neighbouring clear parts and returns its text only on request', () => {
    expect(dsn.parts).toEqual(['app:', { text: 'hunter2', label: 'secrets.password' }, '@db']);
    expect(dsn.reveal()).toBe('app:hunter2@db');
  });

  it('changed as a whole is secret as a whole', () => {
    const both = new Secret([...dsn.parts, { text: 'x', label: 'secrets.other' }]).map(text =>
      text.toUpperCase(),
    );
    expect(both.reveal()).toBe('APP:HUNTER2@DBX');
    expect(String(both)).toBe('«secrets.password + secrets.other»');
  });

  it('changed part by part keeps its clear parts clear', () => {
    const loud = dsn.mapParts(text => text.toUpperCase());
    expect([loud.reveal(), String(loud)]).toEqual(['APP:HUNTER2@DB', 'APP:«secrets.password»@DB']);
  });
});

describe('a value', () => {
  const value: Value = { list: [1, null, { dsn }], password, flag: true };

  it('is revealed with its secret texts', () => {
    expect(reveal(value)).toEqual({
      value: { list: [1, null, { dsn: 'app:hunter2@db' }], password: 'hunter2', flag: true },
      secrets: [
        { text: 'hunter2', label: 'secrets.password' },
        { text: 'hunter2', label: 'secrets.password' },
      ],
    });
  });

  it('is masked at every depth', () => {
    expect(masked({ ...value, later: new Unknown('facts') })).toEqual({
      list: [1, null, { dsn: 'app:«secrets.password»@db' }],
      password: '«secrets.password»',
      flag: true,
      later: '«facts»',
    });
  });

  it('that is unknown cannot be revealed', () => {
    expect(() => reveal([new Unknown('facts')])).toThrow('facts');
  });

  it('with a key "__proto__" keeps it as data', () => {
    const odd = JSON.parse('{"__proto__": {"polluted": 1}}') as Value;
    for (const copy of [masked(odd), reveal(odd).value]) {
      expect(Object.keys(copy as object)).toEqual(['__proto__']);
      expect((copy as { polluted?: unknown }).polluted).toBeUndefined();
    }
  });

  it.each<[unknown, boolean]>([
    [{}, true],
    [Object.create(null), true],
    [[], false],
    [null, false],
    [new Date(), false],
    [password, false],
    ['a', false],
  ])('%s is a map: %s', (it, wanted) => {
    expect(isMap(it)).toBe(wanted);
  });
});
