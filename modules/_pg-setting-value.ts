/** The columns of pg_settings about a setting's values. */
export interface SettingKind {
  vartype: 'bool' | 'enum' | 'integer' | 'real' | 'string';
  /** The unit of a bare number: `kB`, `8kB`, `MB`, `ms`, `s`, `min` …; null = none. */
  unit: string | null;
  enumvals?: readonly string[] | null;
  min_val?: string | null;
  max_val?: string | null;
  context?: string | null;
}

/** The units of settings: sizes in bytes, times in microseconds. */
const measures: readonly Readonly<Record<string, number>>[] = [
  { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 },
  { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6, d: 86400e6 },
];

const isList =
  /^((local|session|shared)_preload_libraries|search_path|temp_tablespaces|unix_socket_directories)$/i;

/** Settings of PostgreSQL 14 to 18 that only a restart changes. A plan needs the list before a server exists. */
const fixedAtStart = `
  archive_mode autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age bonjour
  bonjour_name cluster_name commit_timestamp_buffers config_file data_directory data_sync_retry
  debug_io_direct dynamic_shared_memory_type event_source external_pid_file hba_file hot_standby
  huge_page_size huge_pages ident_file ignore_invalid_pages io_max_concurrency io_method jit_provider
  listen_addresses logging_collector max_active_replication_origins max_connections max_files_per_process
  max_locks_per_transaction max_logical_replication_workers max_notify_queue_pages
  max_pred_locks_per_transaction max_prepared_transactions max_replication_slots max_wal_senders
  max_worker_processes min_dynamic_shared_memory multixact_member_buffers multixact_offset_buffers
  notify_buffers old_snapshot_threshold port reserved_connections serializable_buffers shared_buffers
  shared_memory_type shared_preload_libraries subtransaction_buffers superuser_reserved_connections
  trace_connection_negotiation track_activity_query_size track_commit_timestamp transaction_buffers
  unix_socket_directories unix_socket_group unix_socket_permissions wal_buffers wal_decode_buffer_size
  wal_level wal_log_hints
`.split(/\s+/);

/** Whether the running server keeps the old value until its next restart. */
export const needsRestart = (name: string): boolean => fixedAtStart.includes(name.toLowerCase());

/** Returns the settings with which this one must fit, or the server does not start. */
export const together = (name: string): readonly string[] =>
  [
    ['max_connections', 'reserved_connections', 'superuser_reserved_connections'],
    ['archive_mode', 'max_wal_senders', 'summarize_wal', 'wal_level'],
  ].find(names => names.includes(name.toLowerCase())) ?? [];

/** Returns the items of a setting that is a list of names, without the server's quotes; undefined for another setting. */
export function listItems(name: string, value: string): string[] | undefined {
  if (!isList.test(name)) return undefined;
  const items = value.match(/(?:"(?:[^"]|"")*"|[^,])+/g) ?? [];
  const unquoted = (_: string, inner: string) => inner.replaceAll('""', '"');
  return items.map(item => item.trim().replace(/^"(.*)"$/s, unquoted));
}

/** Whether a list of libraries has one without a name: ALTER SYSTEM writes it for an empty list, too. */
export function lacksLibrary(name: string, value: string): boolean {
  const items = /_preload_libraries$/i.test(name) ? listItems(name, value) : undefined;
  return items !== undefined && (items.length === 0 || items.includes(''));
}

/** Whether two texts mean the same value of a setting: 4MB and 4096kB, on and true, `a, b` and `a,b`. */
export function sameValue(name: string, a: string, b: string, kind: SettingKind): boolean {
  const meaning = (text: string) => JSON.stringify(listItems(name, text) ?? canonical(text, kind));
  return meaning(a) === meaning(b);
}

/** Returns a value in one spelling for all settings: bytes, microseconds, on or off, items of a list. */
export function spelling(name: string, value: string): string {
  const items = listItems(name, value);
  if (items !== undefined) return JSON.stringify(items);
  const [, digits = '', suffix = ''] = /^\s*([+-]?[0-9.]+)\s*([a-zA-Z]+)\s*$/.exec(value) ?? [];
  const size = measures.map(sizes => sizes[suffix]).find(size => size !== undefined);
  if (size !== undefined) return `${Number(digits) * size} ${/B$/.test(suffix) ? 'B' : 'us'}`;
  return truth(value.trim()) ?? value.trim();
}

/** Whether no configuration file can change the setting. The server's tables do not show this for all settings. */
export const fixed = (name: string, { context }: SettingKind): boolean =>
  context === 'internal' || /^(config_file|data_directory|transaction_\w+)$/i.test(name);

/** Returns a description of the valid values if the server would refuse `value`, or undefined if no refusal is known. */
export function taken(value: string, kind: SettingKind): string | undefined {
  const { vartype, unit, enumvals, min_val, max_val } = kind;
  const found = canonical(value, kind);
  if (vartype === 'bool') return truth(String(found)) === undefined ? 'on or off' : undefined;
  if (vartype === 'enum') {
    const listed = (enumvals ?? []).map(one => one.toLowerCase());
    const known = listed.flatMap(one => [one, ...(unlisted[one] ?? [])]);
    return enumvals && !known.includes(String(found)) ? `one of ${enumvals.join(', ')}` : undefined;
  }
  if (vartype !== 'integer' && vartype !== 'real') return undefined;
  const fits =
    typeof found === 'number' && found >= Number(min_val ?? found) && found <= Number(max_val ?? found);
  return fits ? undefined : `a number from ${min_val} to ${max_val}${unit === null ? '' : `, in ${unit}`}`;
}

/** Names that the server accepts besides the listed one. */
const unlisted: Readonly<Record<string, readonly string[]>> = {
  debug1: ['debug', 'info', 'fatal', 'panic'],
  minimal: ['archive', 'hot_standby'],
};

function canonical(value: string, { vartype, unit }: SettingKind): string | number {
  if (vartype === 'string') return value;
  const bare = value.trim();
  if (vartype === 'bool') return truth(bare) ?? bare.toLowerCase();
  if (vartype === 'enum') return (wholeTruth.test(bare) && truth(bare)) || bare.toLowerCase();
  const amount = quantity(bare, unit);
  if (Number.isNaN(amount)) return bare;
  return vartype === 'integer' ? rounded(amount) : amount;
}

/** Rounds like C's rint(): a half goes to the even number. */
const rounded = (amount: number) =>
  Math.abs(amount % 1) === 0.5 ? 2 * Math.round(amount / 2) : Math.round(amount);

/** Returns the number in the setting's own unit, or NaN if the text is no number or has an unsuitable unit. */
function quantity(text: string, unit: string | null): number {
  const [, digits = 'none', suffix = ''] =
    /^([+-]?(?:0x[0-9a-f]+|[0-9.]+(?:e[+-]?[0-9]+)?))\s*([a-z]*)$/i.exec(text) ?? [];
  const amount = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  if (suffix === '') return amount;
  const [, times, base = ''] = /^(\d*)(\D*)$/.exec(unit ?? '') ?? [];
  const sizes = measures.find(one => base in one) ?? {};
  const factor = (sizes[suffix] ?? Number.NaN) / (Number(times || 1) * (sizes[base] ?? 1));
  return Number((amount * factor).toPrecision(12));
}

/** The complete truth values that a choice with on and off accepts besides its listed values. */
const wholeTruth = /^(on|off|true|false|yes|no|1|0)$/i;

/** PostgreSQL accepts any unambiguous beginning of a truth value. */
function truth(text: string): 'on' | 'off' | undefined {
  if (/^(on|t(r(ue?)?)?|y(es?)?|1)$/i.test(text)) return 'on';
  return /^(off?|f(a(l(se?)?)?)?|no?|0)$/i.test(text) ? 'off' : undefined;
}
