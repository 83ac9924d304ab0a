import { defineModule } from '../engine/define-module.ts';
import { Missing, sql } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { listItems, needsRestart, type SettingKind, sameValue } from './_pg-setting-value.ts';

interface Row extends SettingKind {
  known: boolean;
  /** What ALTER SYSTEM has set; null = nothing. */
  written: string | null;
  /** What a new session has. */
  running: string;
  /** Whether what a session has is from ALTER SYSTEM. */
  applied: boolean;
  /** Whether the file was there at the last reload, to the second. */
  read: boolean;
  /** Whether a reload, and nothing else, gives sessions what the files say. */
  reloadable: boolean;
}

/**
 * A setting of the server as ALTER SYSTEM writes it, in `postgresql.auto.conf`, which is stronger than all other files.
 * A value that only another file or the default gives is not the declared one: it would change with them.
 */
export const pg_setting = defineModule({
  name: 'pg_setting',
  summary: 'A setting of the PostgreSQL server.',
  args: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)*$',
        description: 'Name of the setting, e.g. `work_mem`.',
      },
      value: {
        type: ['string', 'number', 'boolean'],
        description:
          'Its value, compared by what it means: `4MB` is `4096kB`. Items of a list have commas between them.',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description:
          'Whether the setting is made; `absent` takes it back, so that the other configuration files or the default count again.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
  examples: [
    { title: 'Memory for sorting', args: { name: 'work_mem', value: '16MB' } },
    { title: 'A setting that needs a restart', args: { name: 'max_connections', value: 200 } },
    { title: 'Back to what the files say', args: { name: 'work_mem', state: 'absent' } },
  ],
  identity: args => args.name.toLowerCase(),
  refine: args => (args.state === 'present' && args.value === undefined ? ['Give the value.'] : []),
  probes: args => ({ rows: sql(query(args.name)) }),
  actual({ rows }, args) {
    const row = rows[0] as unknown as Row;
    const { name, state } = args;
    if (row.written === null) {
      if (!row.known && !name.includes('.') && state === 'present')
        return new Missing(`the setting "${name}"`, []);
      const lingers = state === 'absent' && row.applied && row.reloadable;
      return lingers ? { value: `${row.running}, until a reload` } : null;
    }
    const declared = args.value !== undefined && sameValue(name, row.written, String(args.value), row);
    const written = declared ? shown(name, args.value!) : row.written;
    return { value: loaded(name, row.written, row) ? written : `${written}, but not loaded` };
  },
  desired: ({ name, value, state }) => (state === 'absent' ? null : { value: shown(name, value!) }),
  steps(_diff, { name, value, state }) {
    const setting = name.split('.').map(identifier).join('.');
    const items = listItems(name, String(value)) ?? [String(value)];
    const change =
      state === 'absent'
        ? `RESET ${setting}`
        : `SET ${setting} = ${items.map(literal).join(', ') || literal('')}`;
    return [{ do: 'sql', statements: [`ALTER SYSTEM ${change}`, 'SELECT pg_reload_conf()'] }];
  },
});

function query(name: string): string {
  return `SELECT s.name IS NOT NULL AS known, s.vartype, s.unit, s.setting AS running, f.setting AS written,
  coalesce(s.sourcefile LIKE '%/postgresql.auto.conf', false) AS applied,
  pg_conf_load_time() >= (pg_stat_file('postgresql.auto.conf')).modification AS read,
  coalesce(s.context <> 'postmaster' AND s.source IN ('default', 'configuration file'), false) AS reloadable
FROM (SELECT ${literal(name.toLowerCase())} AS name) AS wanted
  LEFT JOIN pg_settings AS s ON lower(s.name) = wanted.name
  LEFT JOIN pg_file_settings AS f ON lower(f.name) = wanted.name AND f.sourcefile LIKE '%/postgresql.auto.conf'`;
}

/** The server rewrites some texts (`ISO` is `ISO, MDY`), so for those the time of the last reload has to do. */
function loaded(name: string, written: string, row: Row): boolean {
  if (!row.reloadable || sameValue(name, written, row.running, row)) return true;
  return row.vartype === 'string' && row.applied && row.read;
}

/** A pending restart is no difference: restarting is for a `service` with `restart_on` to do, or for a person. */
function shown(name: string, value: string | number | boolean): string {
  return needsRestart(name) ? `${value} (from the next restart of the server)` : String(value);
}
