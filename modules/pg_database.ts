import { flag, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import * as postgres from './_postgres.ts';

interface Row {
  owner: string;
  encoding: string;
  /** Whether `encoding` is the declared encoding, in any spelling. */
  encoding_same: boolean;
  locale: string;
  connection_limit: number;
  holders: string[];
}

const query = queriesBeside(import.meta.url, './pg_database.sql');

const args = {
  name: text('Name of the database.', postgres.pgName),
  owner: text('Role that owns the database; default for a new database: `postgres`.', postgres.pgName),
  encoding: text('Character encoding such as `UTF8`. An existing database cannot change it.', {
    pattern: '^[A-Za-z0-9_-]+$',
  }),
  locale: text('Collation and character classes, such as `C.UTF-8`. An existing database cannot change it.', {
    pattern: '^[A-Za-z0-9_.@-]+$',
  }),
  template: text(
    'Database to copy for a new one; default `template0` with encoding or locale, otherwise `template1`.',
    postgres.pgName,
  ),
  connection_limit: whole('Maximum number of simultaneous connections; -1 = no limit.', { minimum: -1 }),
  force: flag('Whether a removal ends open connections to the database, which would prevent it.', {
    default: false,
  }),
} as const;

type Database = Given<typeof args, 'name'>;

/** A database without its contents. */
export const pg_database = defineModule({
  name: 'pg_database',
  summary: 'A PostgreSQL database and its owner.',
  args,
  required: ['name'],
  absent: 'drops it with all its contents',
  examples: {
    'A database for an application': { name: 'appdb', owner: 'app' },
    'Sorted by code point': { name: 'appdb', encoding: 'UTF8', locale: 'C.UTF-8' },
    'A removed database': { name: 'old', state: 'absent', force: true },
  },
  identity: args => args.name,
  needs: ({ owner, template }) =>
    compact([owner !== undefined && `pg_role ${owner}`, template !== undefined && `pg_database ${template}`]),
  probes: args => ({
    rows: rowsOf(args),
    needs: postgres.sqlNeeds(needsOf(args), { about: [] }),
    needsLocale: args.locale === undefined ? undefined : localesOfTheHost,
    copied: rowsOf({ name: copiedBy(args), force: false }),
  }),
  actual: ({ rows: [row = null] }, { encoding, locale = '' }) =>
    row && {
      owner: row.owner,
      encoding: (row.encoding_same && encoding) || row.encoding,
      locale: bare(locale) === bare(row.locale) ? locale : row.locale,
      connection_limit: row.connection_limit,
    },
  initial: (_args, read) => {
    const { encoding, locale } = read?.copied[0] ?? {};
    return defined({ owner: 'postgres', connection_limit: -1, encoding, locale });
  },
  spelled: ({ encoding, locale }) =>
    defined({ encoding: encoding && bare(encoding), locale: locale && bare(locale) }),
  desired: ({ owner, encoding, locale, connection_limit }) => ({ owner, encoding, locale, connection_limit }),
  removal: {
    probes: args => ({
      rows: rowsOf(args, postgres.holders('d.oid')),
      needs: postgres.sqlNeeds(removalNeeds(args), { about: [`database:${args.name}`, 'units', 'packages'] }),
    }),
  },
  obstacles(args, { needs, needsLocale }, diff) {
    if (diff.kind === 'remove') return postgres.unmet(removalNeeds(args), needs, diff);
    const fixed = diff.changes.filter(
      ({ key }) => diff.kind === 'update' && (key === 'encoding' || key === 'locale'),
    );
    const locales = needsLocale?.exit === 0 ? needsLocale.stdout.split('\n').map(bare) : undefined;
    return [
      ...postgres.unmet(needsOf(args), needs, diff),
      ...fixed.map(({ key, before }) => ({
        says: `The database ${args.name} exists with the ${key} ${before}, and PostgreSQL cannot change that.`,
        fix: `Dump the database, remove it, and apply again before you load the dump; or declare its ${key}.`,
        code: 'invalid-value' as const,
      })),
      diff.kind === 'create' &&
        locales?.includes(bare(args.locale!)) === false && {
          says: `The host has no locale ${args.locale}.`,
          fix: 'Generate it in an earlier resource; `locale -a` lists the existing locales.',
        },
    ];
  },
  steps(diff, args, { rows: [row] }) {
    const { name, owner, connection_limit } = args;
    const changed = diff.changes.map(({ key }) => `${key} of database ${name}`);
    const objects = [...changed, ...postgres.dependentsOf(diff.has('owner') ? [row?.owner, owner] : [])];
    if (diff.kind === 'create') return [postgres.change([creation(args)], [`database:${name}`, ...objects])];
    const alter = `ALTER DATABASE ${identifier(name)}`;
    const statements = [
      diff.has('owner') && `${alter} OWNER TO ${identifier(owner!)}`,
      diff.has('connection_limit') && `${alter} CONNECTION LIMIT ${connection_limit}`,
    ];
    return [postgres.change(statements, objects)];
  },
  claims: postgres.serverRuns,
  remove({ name, force }, { rows: [row] }) {
    const drop = `DROP DATABASE ${identifier(name)}${force ? ' WITH (FORCE)' : ''}`;
    return [postgres.change([drop], [`database:${name}`, ...postgres.dependentsOf(row?.holders ?? [])])];
  },
});

const localesOfTheHost = command('locale -a', { about: ['/usr/lib/locale', 'packages'] });

const locale = query('locale');

/** Returns a locale in one spelling: `en_US.utf8` and `en_US.UTF-8` are the same. */
const bare = (locale: string) => locale.toLowerCase().replace(/[^a-z0-9.@]/g, '');

/** Returns the probe of the database. `holders` is SQL for the roles with objects in it, which only a removal needs. */
const rowsOf = ({ name, encoding }: Database, holders = "'{}'::text[]") =>
  postgres.sqlRows<Row>(query('rows', { name, encoding, locale, holders }), {
    about: [`database:${name}`, `owner of database ${name}`, `connection_limit of database ${name}`],
  });

const needsOf = ({ name, owner, encoding, locale: wanted, template }: Database): postgres.Needs => [
  postgres.roleNeed('owner', owner, `The owner ${owner} of ${name} does not exist.`),
  {
    of: 'create',
    trouble: query('no_encoding', { encoding: encoding ?? 'UTF8' }),
    says: `PostgreSQL has no encoding ${encoding} for databases.`,
  },
  template !== undefined && {
    of: 'create',
    trouble: query('no_database', { name: template }),
    says: `The template ${template} of ${name} does not exist.`,
    about: [`database:${template}`],
  },
  template !== undefined && {
    of: 'create',
    trouble: query('copied', { locale, template, encoding, wanted: wanted && bare(wanted) }),
    says: `A copy of ${template} has its encoding and locale, %s.`,
    fix: 'Leave out either the template, or the encoding and the locale.',
  },
  {
    of: 'create',
    trouble: query('mismatch', { locale: wanted, encoding, template: template ?? 'template0' }),
    says: `The locale %s does not fit the encoding${encoding === undefined ? '' : ` ${encoding}`} of ${name}.`,
    fix: 'Give a locale of that encoding, such as `C`, or the encoding of the locale.',
  },
];

const removalNeeds = ({ name, force }: Database): postgres.Needs => [
  {
    of: 'remove',
    trouble: query('kept', { name }),
    says: `The database ${name} cannot be dropped: %s.`,
  },
  !force && {
    of: 'remove',
    trouble: query('connections', { name }),
    says: `The database ${name} cannot be dropped while it has connections: %s.`,
    fix: 'Stop its clients in an earlier resource, or end the connections with `force: true`.',
  },
];

/** Returns the template. template1 has its own encoding and locale, and only template0 can be copied with others. */
const copiedBy = ({ template, encoding, locale }: Omit<Database, 'name'>) =>
  template ?? (encoding === undefined && locale === undefined ? 'template1' : 'template0');

function creation(args: Database): string {
  const { name, owner, encoding, locale, connection_limit } = args;
  const template = copiedBy(args);
  const clauses = defined({
    OWNER: owner && identifier(owner),
    TEMPLATE: template === 'template1' ? undefined : identifier(template),
    ENCODING: encoding && literal(encoding),
    LOCALE: locale && literal(locale),
    'CONNECTION LIMIT': connection_limit,
  });
  return ['CREATE DATABASE', identifier(name), ...Object.entries(clauses).flat()].join(' ');
}
