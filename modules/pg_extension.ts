import { defined, text } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import { Missing } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import {
  dependentsOf,
  holders,
  type Need,
  type Needs,
  pgName,
  schemaNeed,
  serverPackages,
  serverRuns,
  sqlNeeds,
  sqlRow,
  unmet,
} from './_postgres.ts';

interface Row {
  available: boolean;
  version: string | null;
  schema: string | null;
  holders: string[];
}

/** An extension in one database. */
export const pg_extension = defineModule({
  name: 'pg_extension',
  summary: 'A PostgreSQL extension in a database.',
  args: {
    name: text('Name of the extension, e.g. `pg_trgm`.', pgName),
    database: text('Database that has it.', pgName),
    version: text('Exact version; any version will do when left out.', { minLength: 1 }),
    schema: text('Schema that holds its objects; it must exist.', pgName),
  },
  required: ['name', 'database'],
  absent: 'drops it, which PostgreSQL refuses while something depends on it',
  examples: [
    { title: 'Search by similarity', args: { name: 'pg_trgm', database: 'appdb' } },
    { title: 'In a schema', args: { name: 'hstore', database: 'appdb', schema: 'public' } },
  ],
  identity: args => `${args.name} in ${args.database}`,
  needs: ({ database }) => [`pg_database ${database}`],
  probes: args => ({ rows: rowsOf(args), needs: asked(needsOf(args), args) }),
  actual: ({ rows: [{ available, version, schema }] }, { name }) =>
    version === null && !available
      ? new Missing(`the extension ${name}`, [
          ...serverPackages,
          'package:postgresql-pl*',
          'package:*-postgresql-*',
        ])
      : stateOf(version, schema),
  desired: ({ version, schema }) => defined({ version, schema }),
  removal: {
    probes: args => ({ rows: rowsOf(args), needs: asked([droppable(args)], args) }),
    actual: ({ rows: [row] }: { rows: [Row] }) => stateOf(row.version, row.schema),
  },
  obstacles: (args, { needs }, diff) =>
    unmet(diff.kind === 'remove' ? [droppable(args)] : needsOf(args), needs, diff),
  steps(diff, args) {
    const extension = `EXTENSION ${identifier(args.name)}`;
    const schema = args.schema === undefined ? '' : ` SCHEMA ${identifier(args.schema)}`;
    const version = args.version === undefined ? '' : literal(args.version);
    const statements =
      diff.kind === 'create'
        ? [`CREATE ${extension}${schema}${version && ` VERSION ${version}`}`]
        : [
            ...(diff.has('version') ? [`ALTER ${extension} UPDATE TO ${version}`] : []),
            ...(diff.has('schema') ? [`ALTER ${extension} SET${schema}`] : []),
          ];
    return [{ do: 'sql', database: args.database, statements, objects: objectsOf(args) }];
  },
  claims: serverRuns,
  remove: (args, { rows: [row] }) => [
    {
      do: 'sql',
      database: args.database,
      statements: [`DROP EXTENSION ${identifier(args.name)}`],
      objects: [...objectsOf(args), ...dependentsOf(row.holders)],
    },
  ],
});

interface Extension {
  name: string;
  database: string;
  version?: string;
  schema?: string;
}

const stateOf = (version: string | null, schema: string | null) =>
  version === null ? null : { version, schema };

/** Extensions build on one another, and bring tables and functions that privileges are on. */
const objectsOf = ({ name, database }: Extension) => [
  `extension:${name} in ${database}`,
  `extensions in ${database}`,
];

function rowsOf({ name, database }: Extension) {
  const query = `SELECT EXISTS(SELECT FROM pg_available_extensions WHERE name = ${literal(name)}) AS available,
  e.version, e.schema, ${holders('(SELECT oid FROM pg_database WHERE datname = current_database())')} AS holders
FROM (SELECT 1) AS one LEFT JOIN (
  SELECT extversion AS version, nspname AS schema
  FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
  WHERE extname = ${literal(name)}) AS e ON true`;
  return sqlRow<Row>(query, {
    database,
    about: [`database:${database}`, `extension:${name} in ${database}`],
  });
}

const asked = (needs: Needs, { database }: Extension) =>
  sqlNeeds(needs, { database, about: [`database:${database}`, `extensions in ${database}`, 'packages'] });

function needsOf({ name, database, version, schema }: Extension): Needs {
  const its = `FROM pg_extension WHERE extname = ${literal(name)}`;
  const versions = `FROM pg_available_extension_versions AS v WHERE name = ${literal(name)}`;
  const chosen = `${versions} AND version = ${
    version === undefined
      ? '(SELECT default_version FROM pg_available_extensions AS a WHERE a.name = v.name)'
      : literal(version)
  }`;
  return [
    version !== undefined && {
      of: 'version',
      trouble: `(SELECT coalesce(string_agg(version, ', '), 'none') FROM (
    SELECT version ${versions} AND NOT EXISTS(SELECT ${its})
    UNION SELECT target FROM pg_extension_update_paths(${literal(name)})
      WHERE path IS NOT NULL AND source = (SELECT extversion ${its})) AS possible
  HAVING bool_or(version = ${literal(version)}) IS NOT TRUE)`,
      says: `The extension ${name} cannot have the version ${version}; its files on the host lead to: %s.`,
      fix: 'Declare one of these versions, or bring the package that has it in an earlier resource.',
    },
    schemaNeed('schema', schema, database),
    schema !== undefined && {
      of: 'schema',
      trouble: `coalesce((SELECT extnamespace::regnamespace::text ${its} AND NOT extrelocatable),
    (SELECT schema ${chosen} AND schema <> ${literal(schema)} AND NOT EXISTS(SELECT ${its})))`,
      says: `The extension ${name} cannot be in the schema ${schema}: it stays in %s.`,
    },
    {
      of: 'create',
      trouble: `(SELECT string_agg(lacks, ', ') FROM (SELECT unnest(requires) ${chosen}
    EXCEPT SELECT extname FROM pg_extension) AS needed(lacks))`,
      says: `The extension ${name} builds on %s, which ${database} does not have.`,
      fix: 'Declare these extensions in earlier resources.',
    },
  ];
}

/** What depends on the extension, or on what goes with it, and does not go with it. */
const droppable = ({ name }: Extension): Need => ({
  of: 'remove',
  trouble: `(WITH RECURSIVE gone(classid, objid) AS (
    SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = ${literal(name)}
    UNION SELECT d.classid, d.objid FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
      WHERE deptype <> 'n')
  SELECT string_agg(what, ', ') FROM (SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
    FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
    WHERE deptype = 'n' AND (d.classid, d.objid) NOT IN (SELECT * FROM gone) ORDER BY 1 LIMIT 5) AS dependents(what))`,
  says: `The extension ${name} cannot be dropped while this needs it: %s.`,
  fix: 'Drop what needs it by a command in an earlier resource.',
});
