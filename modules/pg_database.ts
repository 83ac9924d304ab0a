import { defined, flag, text, whole } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Diff } from '../engine/module.ts';
import { command } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { dependentsOf, holders, obstacle, pgName, sqlRow, sqlRows } from './_postgres.ts';

interface Row {
  owner: string;
  encoding: string;
  /** Whether that is the declared encoding in another spelling. */
  encoding_same: boolean;
  locale: string;
  connection_limit: number;
}

interface Needs {
  /** Whether the declared owner is a role, and the declared encoding one of PostgreSQL's. */
  owner_known?: boolean;
  encoding_known?: boolean;
  /** Undefined where no template is declared; null = there is none. */
  template?: Row | null;
  /** Why the database cannot be dropped; null = nothing. */
  kept?: string | null;
  connections?: number;
  /** Roles that own something in it, or have privileges there. */
  holders?: string[];
}

/** A database, without what is in it. */
export const pg_database = defineModule({
  name: 'pg_database',
  summary: 'A PostgreSQL database and its owner.',
  args: {
    name: text('Name of the database.', pgName),
    owner: text('Role that owns it; `postgres` for a new one when left out.', pgName),
    encoding: text('Character encoding such as `UTF8`. A database that exists cannot change it.', {
      pattern: '^[A-Za-z0-9_-]+$',
    }),
    locale: text(
      'Collation and character classes, such as `C.UTF-8`. A database that exists cannot change it.',
      { pattern: '^[A-Za-z0-9_.@-]+$' },
    ),
    template: text(
      'Database that a new one is copied from; `template0` when left out and encoding or locale is given.',
      pgName,
    ),
    connection_limit: whole('How many connections there may be at a time; -1 = no limit.', { minimum: -1 }),
    force: flag('Whether connections to a database that is to be removed are ended; they would prevent it.', {
      default: false,
    }),
  },
  required: ['name'],
  absent: 'drops it with all that is in it',
  examples: [
    { title: 'A database for an application', args: { name: 'appdb', owner: 'app' } },
    { title: 'Sorted by code point', args: { name: 'appdb', encoding: 'UTF8', locale: 'C.UTF-8' } },
    { title: 'A database that must go', args: { name: 'old', state: 'absent', force: true } },
  ],
  identity: args => args.name,
  probes: args => ({
    rows: rowsOf(args),
    ...defined({
      needs: (args.owner ?? args.encoding ?? args.template) === undefined ? undefined : prerequisites(args),
      needsLocale:
        args.locale === undefined
          ? undefined
          : command('locale -a', { about: ['/usr/lib/locale', 'packages'] }),
    }),
  }),
  actual: ({ rows: [row] }, args) =>
    row === undefined
      ? null
      : {
          owner: row.owner,
          encoding: (same('encoding', args, row) && args.encoding) || row.encoding,
          locale: (same('locale', args, row) && args.locale) || row.locale,
          connection_limit: row.connection_limit,
        },
  desired: ({ owner, encoding, locale, connection_limit }) =>
    defined({ owner, encoding, locale, connection_limit }),
  removal: {
    probes: ({ name }) => ({ rows: rowsOf({ name }), needs: removable(name) }),
  },
  obstacles(args, { rows: [row], needs, needsLocale }, diff) {
    const { name, owner, encoding, locale, template } = args;
    const { owner_known, encoding_known, template: from, kept, connections = 0 } = needs?.[0] ?? {};
    const creates = diff.kind === 'create';
    const other = (key: 'encoding' | 'locale') =>
      creates && from != null && template !== undefined && template !== 'template0' && diff.has(key) && !same(key, args, from);
    const locales = needsLocale?.exit === 0 ? needsLocale.stdout.split('\n').map(bare) : undefined;
    return [
      ...obstacle(kept != null, `The database ${name} cannot be dropped: ${kept}.`),
      ...obstacle(
        connections > 0 && !args.force,
        `The database ${name} cannot be dropped: it has ${connections} connection${connections === 1 ? '' : 's'}.`,
        'Stop what uses it in an earlier resource, or end the connections by `force: true`.',
      ),
      ...obstacle(
        diff.has('owner') && owner_known === false,
        `The owner ${owner} of ${name} does not exist.`,
        `Declare the role ${owner} in an earlier resource.`,
      ),
      ...obstacle(
        creates && encoding_known === false,
        `PostgreSQL has no encoding ${encoding} for databases.`,
      ),
      ...obstacle(creates && from === null, `The template ${template} of ${name} does not exist.`),
      ...(['encoding', 'locale'] as const).flatMap(key => [
        ...obstacle(
          other(key),
          `A copy of ${template} has its ${key}, ${from?.[key]}.`,
          `Leave out template or ${key}: only template0 can be copied with another ${key}.`,
        ),
        ...obstacle(
          row !== undefined && diff.kind === 'update' && diff.has(key),
          `The database ${name} exists with the ${key} ${row?.[key]}, and PostgreSQL cannot change that.`,
          `Dump it, remove it, and apply again before you load the dump; or declare the ${key} that it has.`,
        ).map(one => ({ ...one, code: 'invalid-value' as const })),
      ]),
      ...obstacle(
        creates &&
          locale !== undefined &&
          locales !== undefined &&
          !['c', 'posix', ...locales].includes(bare(locale)),
        `The host has no locale ${locale}.`,
        'Generate it in an earlier resource; `locale -a` lists those that there are.',
      ),
    ];
  },
  steps: (diff, args, { rows: [row] }) => [
    {
      do: 'sql',
      statements: diff.kind === 'create' ? [creation(args)] : alterations(diff, args),
      objects: [
        ...(diff.kind === 'create' ? [`database:${args.name}`] : []),
        ...diff.changes.map(({ key }) => `${key} of database ${args.name}`),
        ...(diff.has('owner') ? dependentsOf([row?.owner, args.owner]) : []),
      ],
    },
  ],
  remove: ({ name, force }, { needs }) => [
    {
      do: 'sql',
      statements: [`DROP DATABASE ${identifier(name)}${force ? ' WITH (FORCE)' : ''}`],
      objects: [`database:${name}`, ...dependentsOf(needs?.[0].holders ?? [])],
    },
  ],
});

interface Database {
  name: string;
  owner?: string;
  encoding?: string;
  locale?: string;
  template?: string;
  connection_limit?: number;
}

const columns = (encoding: string | undefined) => `pg_get_userbyid(datdba) AS owner,
  pg_encoding_to_char(encoding) AS encoding, encoding = pg_char_to_encoding(${literal(encoding ?? '')}) AS encoding_same,
  CASE WHEN datcollate = datctype THEN datcollate ELSE datcollate || ' and ' || datctype END AS locale,
  datconnlimit AS connection_limit`;

const rowsOf = ({ name, encoding }: Database) =>
  sqlRows<Row>(`SELECT ${columns(encoding)} FROM pg_database WHERE datname = ${literal(name)}`, {
    about: [`database:${name}`, ...['owner', 'connection_limit'].map(key => `${key} of database ${name}`)],
  });

/** Encodings from 35 on are only for clients. */
const prerequisites = ({ owner = '', encoding, template }: Database) =>
  sqlRow<Needs>(
    `SELECT EXISTS(SELECT FROM pg_roles WHERE rolname = ${literal(owner)}) AS owner_known,
  pg_char_to_encoding(${literal(encoding ?? 'UTF8')}) BETWEEN 0 AND 34 AS encoding_known,
  (SELECT row_to_json(its) FROM (SELECT ${columns(encoding)}
    FROM pg_database WHERE datname = ${literal(template ?? 'template0')}) AS its) AS template`,
    { about: [`role:${owner}`, `database:${template}`] },
  );

const removable = (name: string) =>
  sqlRow<Needs>(
    `SELECT CASE WHEN datistemplate THEN 'it is a template' WHEN datname = current_database()
    THEN 'it is the one that reconcile connects to' END AS kept,
  (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND backend_type = 'client backend') AS connections,
  ${holders('d.oid')} AS holders
FROM pg_database AS d WHERE datname = ${literal(name)}`,
    { about: [`database:${name}`, 'units', 'packages'] },
  );

/** template1 has an encoding and a locale of its own, and only template0 can be copied with another one. */
function creation({ name, owner, encoding, locale, template, connection_limit }: Database): string {
  const source = template ?? (encoding === undefined && locale === undefined ? undefined : 'template0');
  return [
    `CREATE DATABASE ${identifier(name)}`,
    ...(owner === undefined ? [] : [`OWNER ${identifier(owner)}`]),
    ...(source === undefined ? [] : [`TEMPLATE ${identifier(source)}`]),
    ...(encoding === undefined ? [] : [`ENCODING ${literal(encoding)}`]),
    ...(locale === undefined ? [] : [`LOCALE ${literal(locale)}`]),
    ...(connection_limit === undefined ? [] : [`CONNECTION LIMIT ${connection_limit}`]),
  ].join(' ');
}

function alterations(diff: Diff, { name, owner, connection_limit }: Database): string[] {
  const change = `ALTER DATABASE ${identifier(name)}`;
  return [
    ...(diff.has('owner') ? [`${change} OWNER TO ${identifier(owner!)}`] : []),
    ...(diff.has('connection_limit') ? [`${change} CONNECTION LIMIT ${connection_limit}`] : []),
  ];
}

/** `en_US.utf8` is what `en_US.UTF-8` is, so the person's spelling stands for both. */
const bare = (locale: string) => locale.toLowerCase().replace(/[^a-z0-9.@]/g, '');

/** Whether a database has the declared encoding or locale, whatever its spelling. */
const same = (key: 'encoding' | 'locale', { locale }: Database, found: Row) =>
  key === 'encoding' ? found.encoding_same : locale !== undefined && bare(locale) === bare(found.locale);
