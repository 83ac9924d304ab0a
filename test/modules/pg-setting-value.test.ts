import { expect, test } from 'vitest';
import { listItems, needsRestart, type SettingKind, sameValue } from '../../modules/_pg-setting-value.ts';

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

test('a list is told apart from a text with commas', () => {
  expect(listItems('shared_preload_libraries', 'a, "b,c" ,"d""e"')).toEqual(['a', 'b,c', 'd"e']);
  expect(listItems('log_line_prefix', 'a, b')).toBeUndefined();
});

test('what only a restart changes is known without a server', () => {
  expect([needsRestart('Shared_Buffers'), needsRestart('work_mem')]).toEqual([true, false]);
});
