import { flag, oneOf, text, whole } from '../engine/module-kit/argument.ts';
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
  /** The locale of the builtin provider if the database has that, otherwise the locale of libc. */
  locale: string;
  locale_provider: 'libc' | 'icu' | 'builtin';
  icu_locale: string | null;
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
  locale_provider: oneOf(
    ['libc', 'icu', 'builtin'],
    'Provider of the collation: `icu` since PostgreSQL 15, `builtin` since 17; default: `icu` with `icu_locale`, otherwise `libc` with `locale`.',
  ),
  icu_locale: text('Collation of the provider `icu`, such as `en-US`.', {
    pattern: '^[A-Za-z0-9_.@=;-]+$',
  }),
  template: text(
    'Database to copy for a new one; default `template0` with an encoding or a locale, otherwise `template1`.',
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
    'Sorted by the rules of a language': { name: 'appdb', locale: 'C.UTF-8', icu_locale: 'de-DE' },
    'A removed database': { name: 'old', state: 'absent', force: true },
  },
  identity: args => args.name,
  needs: ({ owner, template }) =>
    compact([owner !== undefined && `pg_role ${owner}`, template !== undefined && `pg_database ${template}`]),
  refine: ({ locale, locale_provider, icu_locale }) => [
    icu_locale !== undefined &&
      (locale_provider ?? 'icu') !== 'icu' && {
        at: 'icu_locale',
        says: `The provider ${locale_provider} has no ICU locale.`,
      },
    locale_provider === 'icu' &&
      icu_locale === undefined && { says: 'Give the icu_locale for the provider icu.' },
    (locale_provider === 'libc' || locale_provider === 'builtin') &&
      locale === undefined && { says: `Give the locale for the provider ${locale_provider}.` },
  ],
  probes: args => ({
    rows: rowsOf(args),
    needs: postgres.sqlNeeds(needsOf(args), { about: [] }),
    needsLocale: args.locale === undefined ? undefined : localesOfTheHost,
    copied: rowsOf({ name: copiedBy(args), force: false }),
  }),
  actual: ({ rows: [row = null] }, { encoding, locale = '', icu_locale, locale_provider }) => {
    if (row === null) return null;
    const isDeclared = (locale_provider ?? icu_locale) !== undefined;
    // An undeclared provider is part of the locale.
    const found = isDeclared ? row.locale : localeOf(row);
    return {
      owner: row.owner,
      encoding: (row.encoding_same && encoding) || row.encoding,
      locale: bare(locale) === bare(found) ? locale : found,
      ...(isDeclared && { locale_provider: row.locale_provider }),
      ...(icu_locale && {
        icu_locale: tag(icu_locale) === tag(row.icu_locale ?? '') ? icu_locale : row.icu_locale,
      }),
      connection_limit: row.connection_limit,
    };
  },
  initial: (_args, read) => {
    const [copied] = read?.copied ?? [];
    const state = copied && { encoding: copied.encoding, locale: localeOf(copied) };
    return { owner: 'postgres', connection_limit: -1, ...state };
  },
  spelled: ({ encoding, locale, icu_locale }) =>
    defined({
      encoding: encoding && bare(encoding),
      locale: locale && bare(locale),
      icu_locale: icu_locale && tag(icu_locale),
    }),
  desired: ({ owner, encoding, locale, icu_locale, connection_limit, ...args }) => ({
    ...{ owner, encoding, locale, locale_provider: declaredProvider({ ...args, icu_locale }), icu_locale },
    connection_limit,
  }),
  removal: {
    probes: args => ({
      rows: rowsOf(args, postgres.holders('d.oid')),
      needs: postgres.sqlNeeds(removalNeeds(args), { about: [`database:${args.name}`, 'units', 'packages'] }),
    }),
  },
  obstacles(args, { needs, needsLocale }, diff) {
    if (diff.kind === 'remove') return postgres.unmet(removalNeeds(args), needs, diff);
    const fixed = diff.changes.filter(
      ({ key, before }) => diff.kind === 'update' && before !== null && /^encoding$|locale/.test(key),
    );
    const locales = needsLocale?.exit === 0 ? needsLocale.stdout.split('\n').map(bare) : undefined;
    return [
      ...postgres.unmet(needsOf(args), needs, diff),
      ...fixed.map(({ key, before }) => ({
        says: `The database ${args.name} exists with the ${key.replace('_', ' ')} ${before}, and PostgreSQL cannot change that.`,
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
  steps(diff, args, { rows: [row], copied: [copied] }) {
    const { name, owner, connection_limit } = args;
    const changed = diff.changes.map(({ key }) => `${key} of database ${name}`);
    const objects = [...changed, ...postgres.dependentsOf(diff.has('owner') ? [row?.owner, owner] : [])];
    if (diff.kind === 'create')
      return [postgres.change([creation(args, copied)], [`database:${name}`, ...objects])];
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

const localesOfTheHost = command('locale -a', {
  about: ['/usr/lib/locale', 'package:locales*', 'package:libc*'],
});

const [locale, provider, icu] = [query('locale'), query('provider'), query('icu')];

/** Returns a locale in one spelling: `en_US.utf8` and `en_US.UTF-8` are the same. */
const bare = (locale: string) => locale.toLowerCase().replace(/[^a-z0-9.@]/g, '');

/** Returns an ICU locale in one spelling: `en_US` and `en-US` are the same. */
const tag = (icuLocale: string) => icuLocale.toLowerCase().replaceAll('_', '-');

/** Returns the locale in words, with a provider other than libc. */
const localeOf = ({ locale, locale_provider, icu_locale }: Row) =>
  locale_provider === 'libc' ? locale : `${locale} (${compact([locale_provider, icu_locale]).join(' ')})`;

const declaredProvider = ({
  locale_provider,
  icu_locale,
}: Partial<Record<'locale_provider' | 'icu_locale', string | undefined>>) =>
  locale_provider ?? (icu_locale === undefined ? undefined : 'icu');

/** Returns the probe of the database. `holders` is SQL for the roles with objects in it, which only a removal needs. */
const rowsOf = ({ name, encoding }: Database, holders = "'{}'::text[]") =>
  postgres.sqlRows<Row>(query('rows', { name, encoding, locale, provider, icu, holders }), {
    about: [`database:${name}`, `owner of database ${name}`, `connection_limit of database ${name}`],
  });

const needsOf = (declared: Database): postgres.Needs => {
  const { name, owner, encoding, locale: wanted, template, ...args } = declared;
  const copied = copiedBy(declared);
  return [
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
      trouble: query('copied', {
        ...{ locale, provider, icu, template, encoding, wanted: wanted && bare(wanted) },
        declared: declaredProvider(args) ?? (wanted && 'libc'),
        wanted_icu: args.icu_locale && tag(args.icu_locale),
      }),
      says: `A copy of ${template} has its encoding and locale, %s.`,
      fix: 'Leave out either the template, or the encoding, the locale and its provider.',
    },
    {
      of: 'create',
      trouble: query('outdated', { template: copied }),
      says: `PostgreSQL makes no copy of ${copied}, because its collation and that of the operating system have different versions: %s.`,
      fix: `Rebuild the indexes of ${copied} that sort text, then run in psql\n    ALTER DATABASE ${identifier(copied)} REFRESH COLLATION VERSION`,
      about: [`database:${copied}`],
    },
    {
      of: 'create',
      trouble: query('mismatch', { locale: wanted, encoding, template: template ?? 'template0' }),
      says: `The locale %s does not fit the encoding${encoding === undefined ? '' : ` ${encoding}`} of ${name}.`,
      fix: 'Give a locale of that encoding, such as `C`, or the encoding of the locale.',
    },
    declaredProvider(args) !== undefined && {
      of: 'create',
      trouble: query('no_provider', { provider: declaredProvider(args), locale: wanted }),
      says: 'This server has no locale %s.',
      fix: 'The provider icu came with PostgreSQL 15, and builtin with 17.',
    },
  ];
};

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
const copiedBy = ({ template, encoding, locale, locale_provider, icu_locale }: Omit<Database, 'name'>) =>
  template ??
  ((encoding ?? locale ?? locale_provider ?? icu_locale) === undefined ? 'template1' : 'template0');

function creation(args: Database, copied: Row | undefined): string {
  const { name, owner, encoding, locale, icu_locale, connection_limit } = args;
  const template = copiedBy(args);
  // A copy has the provider of its template. Servers before PostgreSQL 15 do not know the clause.
  const isLibc = locale !== undefined && (copied?.locale_provider ?? 'libc') !== 'libc';
  const provider = declaredProvider(args) ?? (isLibc ? 'libc' : undefined);
  const clauses = defined({
    OWNER: owner && identifier(owner),
    TEMPLATE: template === 'template1' ? undefined : identifier(template),
    ENCODING: encoding && literal(encoding),
    LOCALE_PROVIDER: provider,
    ICU_LOCALE: icu_locale && literal(icu_locale),
    LOCALE: locale && literal(locale),
    'CONNECTION LIMIT': connection_limit,
  });
  return ['CREATE DATABASE', identifier(name), ...Object.entries(clauses).flat()].join(' ');
}
