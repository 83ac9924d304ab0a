import { expect, test } from 'vitest';
import {
  fixed,
  listItems,
  needsRestart,
  type SettingKind,
  sameValue,
  taken,
} from '../../modules/_pg-setting-value.ts';

const kind = (vartype: SettingKind['vartype'], unit: string | null = null) => ({ vartype, unit });

test.each([
  ['work_mem', '4MB', '4096kB', kind('integer', 'kB')],
  ['work_mem', '4MB', '4096', kind('integer', 'kB')],
  ['shared_buffers', '128MB', '16384', kind('integer', '8kB')],
  ['min_wal_size', '1GB', '1024', kind('integer', 'MB')],
  ['log_rotation_age', '1d', '1440', kind('integer', 'min')],
  ['log_min_duration_statement', '1.5s', '1500', kind('integer', 'ms')],
  ['vacuum_cost_delay', '500us', '0.5', kind('real', 'ms')],
  ['random_page_cost', '4.0', '4', kind('real')],
  ['log_file_mode', '0600', '384', kind('integer')],
  ['log_connections', 'true', 'on', kind('bool')],
  ['log_connections', 'F', 'off', kind('bool')],
  ['synchronous_commit', 'no', 'off', kind('enum')],
  ['wal_level', 'Logical', 'logical', kind('enum')],
  ['search_path', '"$user",public', '$user, public', kind('string')],
])('%s = %s is %s', (name, a, b, of) => expect(sameValue(name, a, b, of)).toBe(true));

test.each([
  ['work_mem', '4MB', '4kB', kind('integer', 'kB')],
  ['work_mem', '4MB', '4 parsecs', kind('integer', 'kB')],
  ['max_connections', '100', '100MB', kind('integer')],
  ['log_min_duration_statement', '-1', '1', kind('integer', 'ms')],
  ['log_line_prefix', '%m ', '%m', kind('string')],
  ['listen_addresses', 'a,b', 'b,a', kind('string')],
  ['search_path', 'a, b', 'b, a', kind('string')],
])('%s = %s is not %s', (name, a, b, of) => expect(sameValue(name, a, b, of)).toBe(false));

test('a list differs from a text with commas', () => {
  expect(listItems('shared_preload_libraries', 'a, "b,c" ,"d""e"')).toEqual(['a', 'b,c', 'd"e']);
  expect(listItems('log_line_prefix', 'a, b')).toBeUndefined();
});

test('settings that only a restart changes are known without a server', () => {
  expect([needsRestart('Shared_Buffers'), needsRestart('work_mem')]).toEqual([true, false]);
});

const ranged = (vartype: 'integer' | 'real', unit: string | null, min_val: string, max_val: string) => ({
  ...kind(vartype, unit),
  min_val,
  max_val,
});
const choice = { ...kind('enum'), enumvals: ['local', 'remote_write', 'on', 'off'] };

test.each([
  ['4MB', ranged('integer', 'kB', '64', '2147483647')],
  ['64', ranged('integer', 'kB', '64', '2147483647')],
  ['-1', ranged('integer', 'ms', '-1', '10')],
  ['0.5', ranged('real', null, '0', '1')],
  ['yes', kind('bool')],
  ['Local', choice],
  ['true', choice],
  ['anything', kind('string')],
])('%s is taken', (value, of) => expect(taken(value, of)).toBeUndefined());

test.each([
  ['4kB', ranged('integer', 'kB', '64', '100'), 'a number from 64 to 100, in kB'],
  ['4s', ranged('integer', 'kB', '64', '100'), 'a number from 64 to 100, in kB'],
  ['64kb', ranged('integer', 'kB', '64', '100'), 'a number from 64 to 100, in kB'],
  ['many', ranged('integer', null, '1', '9'), 'a number from 1 to 9'],
  ['1.5', ranged('real', null, '0', '1'), 'a number from 0 to 1'],
  ['perhaps', kind('bool'), 'on or off'],
  ['remote', choice, 'one of local, remote_write, on, off'],
])('%s is refused', (value, of, takes) => expect(taken(value, of)).toBe(takes));

test('settings that no configuration file can change are known', () => {
  const of = (context: string) => ({ ...kind('string'), context });
  expect([fixed('block_size', of('internal')), fixed('data_directory', of('postmaster'))]).toEqual([
    true,
    true,
  ]);
  expect(fixed('hba_file', of('postmaster'))).toBe(false);
});
