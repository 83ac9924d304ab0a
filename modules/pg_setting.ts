import { text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { command } from '../engine/probe.ts';
import { identifier, literal, shellQuote } from '../engine/quote.ts';
import { filled, queriesBeside, scriptBeside } from '../engine/util/text-beside.ts';
import * as values from './_pg-setting-value.ts';
import * as postgres from './_postgres.ts';

interface Row extends values.SettingKind {
  known: boolean;
  /** The value set by ALTER SYSTEM; null = none. */
  written: string | null;
  /** The value in a new session. */
  running: string;
  /** Whether the value in a session comes from ALTER SYSTEM. */
  applied: boolean;
  /** Whether the file existed at the last reload, to the second. */
  read: boolean;
  /** Whether a reload alone gives sessions the values of the files. */
  reloadable: boolean;
  /** The other settings that a reload puts into effect: those of the file, if it is newer than the last reload. */
  unloaded: string[];
}

const query = queriesBeside(import.meta.url, './pg_setting.sql');

/**
 * A setting that ALTER SYSTEM writes to `postgresql.auto.conf`, which overrides all other files. An equal value from
 * another file or the default does not count as declared: it would change with them.
 */
export const pg_setting = defineModule({
  name: 'pg_setting',
  summary: 'A setting of the PostgreSQL server.',
  args: {
    name: text('Name of the setting, e.g. `work_mem`.', {
      pattern: '^[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)*$',
    }),
    value: {
      type: ['string', 'number', 'boolean'],
      description: 'Value, compared by its meaning: `4MB` is `4096kB`. Commas separate the items of a list.',
    },
  },
  required: ['name'],
  absent: 'resets it, so that the other configuration files or the default apply again',
  examples: {
    'Memory for sorting': { name: 'work_mem', value: '16MB' },
    'A setting that needs a restart': { name: 'max_connections', value: 200 },
    'Back to the value of the files': { name: 'work_mem', state: 'absent' },
  },
  identity: args => args.name.toLowerCase(),
  refine: ({ name, value }) => [
    value === undefined && { says: 'The setting needs a value.' },
    /^(port|unix_socket_directories)$/i.test(name) && {
      at: 'name',
      says: `Debian’s psql would look for the server at the new place before its restart. Write ${name} into a \`file\` such as /etc/postgresql/15/main/conf.d/place.conf, and restart the server with a \`service\`.`,
    },
    value !== undefined &&
      values.lacksLibrary(name, String(value)) && {
        at: 'value',
        says: `PostgreSQL writes an empty list as a library without a name, and the server does not start with it. Set \`state: absent\`, which leaves the list to the other configuration files.`,
      },
  ],
  probes: ({ name, value }) => ({
    rows: rowOf(name),
    needs: name.includes('.') ? settable(name) : undefined,
    needsTaken: value === undefined ? undefined : trial(name, String(value)),
  }),
  actual({ rows: [row] }, { name, value }) {
    if (row.written === null) return null;
    const declared = value !== undefined && values.sameValue(name, row.written, String(value), row);
    const written = declared ? shown(name, value) : row.written;
    // The server rewrites some texts (`ISO` becomes `ISO, MDY`). For texts, the time of the last reload decides.
    const reread = row.vartype === 'string' && row.applied && row.read;
    const loaded = !row.reloadable || reread || values.sameValue(name, row.written, row.running, row);
    return { value: loaded ? written : `${written}, but not loaded` };
  },
  desired: ({ name, value }) => ({ value: shown(name, value!) }),
  removal: {
    actual({ rows: [row] }: { rows: [Row] }) {
      if (row.written !== null) return { value: row.written };
      return row.applied && row.reloadable ? { value: `${row.running}, until a reload` } : null;
    },
  },
  obstacles({ name, value }, { rows: [row], needs, needsTaken }, { kind }) {
    if (kind === 'remove') return [];
    const { known } = row;
    const checks = known && values.listItems(name, String(value)) === undefined;
    const takes = checks ? values.taken(String(value), row) : undefined;
    const [, refused] =
      /(?:ERROR|FATAL): +(invalid value .*|unrecognized .*)$/m.exec(needsTaken?.stderr ?? '') ?? [];
    const [, lacking] = /^no library (.*)$/m.exec(needsTaken?.stdout ?? '') ?? [];
    const [, start] = /^refused (.*)$/m.exec(needsTaken?.stdout ?? '') ?? [];
    return [
      !known &&
        !name.includes('.') && {
          says: `The server does not know the setting ${name}.`,
          fix: 'Find its name with `SELECT name FROM pg_settings`.',
        },
      !known &&
        needs?.[0].settable === false && {
          says: `The server accepts ${name} only with its library loaded, and the library is not loaded.`,
          fix: 'Declare shared_preload_libraries and a restart of the server in earlier resources.',
        },
      known && values.fixed(name, row) && { says: `PostgreSQL does not allow changes of ${name}.` },
      takes !== undefined
        ? { says: `The setting ${name} takes ${takes}, not ${value}.` }
        : refused !== undefined && { says: `PostgreSQL refuses ${name}: ${refused}.` },
      takes === undefined &&
        start !== undefined && {
          says: `With ${name} = ${value}, the server would not start again: ${start}.`,
          fix: 'Give another value, or declare the settings that go with it in earlier resources.',
        },
      lacking !== undefined && {
        says: `The host has no library ${lacking}, without which the server does not start again.`,
        fix: 'Install its package in an earlier resource.',
      },
    ];
  },
  steps(_diff, { name, value }, { rows: [row] }) {
    const items = values.listItems(name, String(value)) ?? [String(value)];
    return changed('SET', name, ` = ${items.map(literal).join(', ') || literal('')}`, row);
  },
  claims: postgres.serverRuns,
  spelled: ({ name, value }) => ({ value: values.spelling(name, String(value)) }),
  remove: ({ name }, { rows: [row] }) => changed('RESET', name, '', row),
});

/** Returns the step that sets or resets the setting. `row` is undefined while the server is only planned. */
function changed(verb: 'SET' | 'RESET', name: string, to: string, row: Row | undefined) {
  const setting = name.split('.').map(identifier).join('.');
  const statements = [`ALTER SYSTEM ${verb} ${setting}${to}`, postgres.reloadServer];
  return [postgres.change(statements, [name, ...(row?.unloaded ?? [])].map(postgres.settingObject))];
}

const rowOf = (name: string) =>
  postgres.sqlRow<Row>(query('rows', { name: name.toLowerCase(), unloaded: postgres.unloaded }), {
    about: [postgres.settingObject(name)],
  });

const preloads = ['shared', 'session', 'local'].map(when => `setting:${when}_preload_libraries`);

const settable = (name: string) =>
  postgres.sqlRow<{ settable: boolean }>(query('settable', { name }), {
    about: [...preloads, 'units', 'packages'],
  });

const startScript = scriptBeside(import.meta.url, './pg-setting-start.sh');
const trialScript = scriptBeside(import.meta.url, './pg-setting-trial.sh');

/**
 * Returns the probe that checks a value without changing the server. It looks for the files of preloaded libraries. It
 * tries a start with a setting that counts from the next restart. It sets any other text in a new session, or else passes
 * it to the server's program. pg_settings has the limits of numbers.
 */
function trial(name: string, value: string) {
  const libraries = /_preload_libraries$/i.test(name) ? (values.listItems(name, value) ?? []) : [];
  const named = libraries.filter(library => /^[\w-]+$/.test(library));
  if (named.length > 0)
    return command(
      `for l in ${named.map(shellQuote).join(' ')}; do
  ls /usr/lib/postgresql/*/lib/"$l".so >/dev/null 2>&1 || { ls -d /usr/lib/postgresql/*/lib >/dev/null 2>&1 && echo "no library $l"; }
done`,
      { about: ['packages', '/usr/lib/postgresql', ...named] },
    );
  if (values.needsRestart(name)) {
    const addresses = name.toLowerCase() === 'listen_addresses' ? value.split(/[\s,]+/) : [];
    const script = filled(startScript, {
      setting: shellQuote(`${name}=${value}`),
      addresses: addresses.includes('*') ? '' : addresses.filter(Boolean).map(shellQuote).join(' '),
    });
    const others = values.together(name).map(postgres.settingObject);
    return command(script, { as: 'postgres', about: ['packages', '/etc/postgresql', ...others] });
  }
  const isText = /[A-Za-z]/.test(value) && !/^[\d.]+\s*[A-Za-z]*$|^(on|off|true|false|yes|no)$/i.test(value);
  if (!isText || name.includes('.') || values.listItems(name, value) !== undefined) return undefined;
  const script = filled(trialScript, {
    statement: shellQuote(`SET ${identifier(name)} TO ${literal(value)}`),
    setting: shellQuote(`${name}=${value}`),
    name: shellQuote(name),
  });
  return command(script, { as: 'postgres', about: ['packages', value] });
}

/** A pending restart is no difference: a `service` with `restart_on` restarts the server, or a person does. */
const shown = (name: string, value: string | number | boolean) =>
  values.needsRestart(name) ? `${value} (from the next restart of the server)` : String(value);
