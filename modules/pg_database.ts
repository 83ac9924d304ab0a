import { defineModule } from '../engine/define-module.ts';
import { sql } from '../engine/probe.ts';
import { ProblemError } from '../engine/problem.ts';
import { identifier, literal } from '../engine/quote.ts';
import { pgName } from './_postgres.ts';

interface Row {
  owner: string;
  encoding: string;
  locale: string;
  connection_limit: number;
}

/** A database, without what is in it. */
export const pg_database = defineModule({
  name: 'pg_database',
  summary: 'A PostgreSQL database and its owner.',
  args: {
    type: 'object',
    properties: {
      name: { ...pgName, description: 'Name of the database.' },
      owner: { ...pgName, description: 'Role that owns it; `postgres` for a new one when left out.' },
      encoding: {
        type: 'string',
        pattern: '^[A-Za-z0-9_-]+$',
        description: 'Character encoding such as `UTF8`. A database that exists cannot change it.',
      },
      locale: {
        type: 'string',
        pattern: '^[A-Za-z0-9_.@-]+$',
        description:
          'Collation and character classes, such as `C.UTF-8`. A database that exists cannot change it.',
      },
      template: {
        ...pgName,
        description:
          'Database that a new one is copied from; `template0` when left out and encoding or locale is given.',
      },
      connection_limit: {
        type: 'integer',
        minimum: -1,
        description: 'How many connections there may be at a time; -1 = no limit.',
      },
      state: { enum: ['present', 'absent'], default: 'present', description: 'Whether the database exists.' },
      force: {
        type: 'boolean',
        default: false,
        description:
          'Whether connections to a database that is to be removed are ended; they would prevent it.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
  examples: [
    { title: 'A database for an application', args: { name: 'appdb', owner: 'app' } },
    { title: 'Sorted by code point', args: { name: 'appdb', encoding: 'UTF8', locale: 'C.UTF-8' } },
    { title: 'A database that must go', args: { name: 'old', state: 'absent', force: true } },
  ],
  identity: args => args.name,
  probes: args => ({ rows: sql(query(args.name)) }),
  actual({ rows }, args) {
    const row = rows[0] as Row | undefined;
    if (row === undefined) return null;
    return {
      owner: row.owner,
      encoding: inWordsOf(args.encoding, row.encoding),
      locale: inWordsOf(args.locale, row.locale),
      connection_limit: row.connection_limit,
    };
  },
  desired(args) {
    if (args.state === 'absent') return null;
    const { name: _name, template: _template, state: _state, force: _force, ...declared } = args;
    return declared;
  },
  steps(diff, args, { rows }) {
    const database = identifier(args.name);
    if (diff.kind === 'remove') {
      return [{ do: 'sql', statements: [`DROP DATABASE ${database}${args.force ? ' WITH (FORCE)' : ''}`] }];
    }
    if (diff.kind === 'create') return [{ do: 'sql', statements: [creation(args)] }];
    const fixed = diff.changes.filter(({ key }) => key === 'encoding' || key === 'locale');
    if (fixed.length > 0) throw unchangeable(args.name, fixed[0]!.key, rows[0] as unknown as Row);
    return [
      {
        do: 'sql',
        statements: [
          ...(diff.has('owner') ? [`ALTER DATABASE ${database} OWNER TO ${identifier(args.owner!)}`] : []),
          ...(diff.has('connection_limit')
            ? [`ALTER DATABASE ${database} CONNECTION LIMIT ${args.connection_limit}`]
            : []),
        ],
      },
    ];
  },
  brings: args => (args.state === 'absent' ? [] : [{ token: `database:${args.name}` }]),
});

function query(name: string): string {
  return `SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding,
  CASE WHEN datcollate = datctype THEN datcollate ELSE datcollate || ' and ' || datctype END AS locale,
  datconnlimit AS connection_limit
FROM pg_database WHERE datname = ${literal(name)}`;
}

interface Creation {
  name: string;
  owner?: string;
  encoding?: string;
  locale?: string;
  template?: string;
  connection_limit?: number;
}

/** template1 has an encoding and a locale of its own, and only template0 can be copied with another one. */
function creation({ name, owner, encoding, locale, template, connection_limit }: Creation): string {
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

/** `en_US.utf8` is what `en_US.UTF-8` is, so the person's spelling stands for both. */
function inWordsOf(declared: string | undefined, found: string): string {
  const bare = (text: string) => text.toLowerCase().replace(/[^a-z0-9.@]/g, '');
  return declared !== undefined && bare(declared) === bare(found) ? declared : found;
}

function unchangeable(name: string, key: string, row: Row): ProblemError {
  return new ProblemError({
    code: 'invalid-value',
    message: `The database ${name} exists with the ${key} ${row[key as keyof Row]}, and PostgreSQL cannot change that.`,
    hint: `Dump it, remove it, and apply again before you load the dump; or declare the ${key} that it has.`,
  });
}
