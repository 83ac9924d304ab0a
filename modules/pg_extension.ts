import { text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { Missing } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import * as postgres from './_postgres.ts';

type Row = { available: boolean; version: string | null; schema: string | null; holders: string[] };

const query = queriesBeside(import.meta.url, './pg_extension.sql');

const args = {
  name: text('Name of the extension, e.g. `pg_trgm`.', postgres.pgName),
  database: text('Database in which the extension is installed.', postgres.pgName),
  version: text('Exact version; default: any version.', { minLength: 1 }),
  schema: text('Existing schema for the objects of the extension.', postgres.pgName),
} as const;

type Extension = Given<typeof args, 'name' | 'database'>;

export const pg_extension = defineModule({
  name: 'pg_extension',
  summary: 'A PostgreSQL extension in a database.',
  args,
  required: ['name', 'database'],
  absent: 'drops it, which PostgreSQL refuses while another object depends on it',
  examples: {
    'Search by similarity': { name: 'pg_trgm', database: 'appdb' },
    'In a schema': { name: 'hstore', database: 'appdb', schema: 'public' },
  },
  identity: args => `${args.name} in ${args.database}`,
  needs: ({ database }) => [`pg_database ${database}`],
  probes: args => probesOf(args, needsOf(args)),
  actual: ({ rows: [row] }, { name }) =>
    row.version === null && !row.available
      ? new Missing(
          `the extension ${name}`,
          packages,
          `Check its name, or install its package, such as postgresql-15-${name}.`,
        )
      : stateOf(row),
  desired: ({ version, schema }) => ({ version, schema }),
  removal: {
    probes: args => probesOf(args, [droppable(args)], postgres.holders()),
    actual: ({ rows: [row] }: { rows: [Row] }) => stateOf(row),
  },
  obstacles: (args, { needs }, diff) =>
    postgres.unmet(diff.kind === 'remove' ? [droppable(args)] : needsOf(args), needs, diff),
  steps(diff, args) {
    const creates = diff.kind === 'create';
    const extension = `EXTENSION ${identifier(args.name)}`;
    const schema = args.schema === undefined ? '' : ` SCHEMA ${identifier(args.schema)}`;
    const version = args.version === undefined ? '' : literal(args.version);
    const statements = [
      creates && `CREATE ${extension}${schema}${version && ` VERSION ${version}`}`,
      !creates && diff.has('version') && `ALTER ${extension} UPDATE TO ${version}`,
      !creates && diff.has('schema') && `ALTER ${extension} SET${schema}`,
    ];
    return [postgres.change(statements, objectsOf(args), args.database)];
  },
  claims: postgres.serverRuns,
  remove(args, { rows: [row] }) {
    const objects = [...objectsOf(args), ...postgres.dependentsOf(row.holders)];
    return [postgres.change([`DROP EXTENSION ${identifier(args.name)}`], objects, args.database)];
  },
});

/** The packages that bring the files of an extension. */
const packages = [...postgres.serverPackages, 'package:postgresql-pl*', 'package:*-postgresql-*'];

const stateOf = ({ version, schema }: Row) => (version === null ? null : { version, schema });

/** Returns the objects of an extension: others build on it, and its tables and functions have privileges. */
const objectsOf = ({ name, database }: Extension) => [
  `extension:${name} in ${database}`,
  `extensions in ${database}`,
];

/** Returns the probes. `holders` is SQL for the roles with objects in the database, which only a removal needs. */
const probesOf = ({ name, database }: Extension, needs: postgres.Needs, holders = "'{}'::text[]") => ({
  rows: postgres.sqlRow<Row>(query('rows', { name, holders }), {
    database,
    about: [`database:${database}`, `extension:${name} in ${database}`],
  }),
  needs: postgres.sqlNeeds(needs, {
    database,
    about: [`database:${database}`, `extensions in ${database}`, 'packages'],
  }),
});

function needsOf({ name, database, version, schema }: Extension): postgres.Needs {
  const chosen = version === undefined ? query('preferred') : literal(version);
  const names = { name, version: chosen };
  return [
    version !== undefined && {
      of: 'version',
      trouble: query('versions', names),
      says: `The extension ${name} cannot have the version ${version}; its files on the host lead to: %s.`,
      fix: 'Declare one of these versions, or install the package of the version in an earlier resource.',
    },
    postgres.schemaNeed('schema', schema, database),
    schema !== undefined && {
      of: 'schema',
      trouble: query('stays', { ...names, schema }),
      says: `The extension ${name} cannot be in the schema ${schema}: it stays in %s.`,
    },
    {
      of: 'create',
      trouble: query('lacks', names),
      says: `The extension ${name} builds on %s, which ${database} does not have.`,
      fix: 'Declare these extensions in earlier resources.',
    },
  ];
}

const droppable = ({ name }: Extension) => ({
  of: 'remove',
  trouble: query('dependents', { name }),
  says: `The extension ${name} cannot be dropped while other objects need it: %s.`,
  fix: 'Drop these objects by a command in an earlier resource.',
});
