import { defined, text } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import { Missing } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { dependentsOf, holders, obstacle, pgName, serverPackages, sqlRow } from './_postgres.ts';

interface Row {
  available: boolean;
  version: string | null;
  schema: string | null;
  holders: string[];
}

interface Needs {
  /** Whether the declared schema exists, and the one that the extension asks for instead; null = any will do. */
  schema_known?: boolean;
  fixed_schema?: string | null;
  /** Whether an extension that is there can move to another schema. */
  relocatable?: boolean | null;
  /** Versions that it can have, from the one that it has. */
  versions?: string[];
  /** Extensions that it builds on and that are not there. */
  lacks?: string[] | null;
  /** What keeps it from being dropped, in PostgreSQL's words; a few of it. */
  dependents?: string[];
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
  probes: args => ({ rows: rowsOf(args), needs: prerequisites(args) }),
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
    probes: args => ({ rows: rowsOf(args), needs: removable(args) }),
    actual: ({ rows: [row] }: { rows: [Row] }) => stateOf(row.version, row.schema),
  },
  obstacles({ name, database, version, schema }, { rows: [row], needs: [needs = {}] }, diff) {
    const { schema_known, fixed_schema, relocatable, versions, lacks, dependents = [] } = needs;
    const creates = diff.kind === 'create';
    return [
      ...obstacle(
        diff.has('version') && versions?.includes(version!) === false,
        `The extension ${name} cannot have the version ${version}${row.version === null ? '' : `, coming from ${row.version}`}.`,
        `Declare one that its files on the host lead to: ${versions?.join(', ') || 'none'}.`,
      ),
      ...obstacle(
        diff.has('schema') && schema_known === false,
        `${database} has no schema ${schema}.`,
        'Create it by a command in an earlier resource.',
      ),
      ...obstacle(
        diff.has('schema') &&
          (creates ? fixed_schema != null && fixed_schema !== schema : relocatable === false),
        `The extension ${name} cannot be in the schema ${schema}: it stays in ${fixed_schema ?? row.schema}.`,
      ),
      ...obstacle(
        creates && (lacks ?? []).length > 0,
        `The extension ${name} builds on ${lacks?.join(', ')}, which ${database} does not have.`,
        `Declare ${lacks?.join(', ')} in an earlier resource.`,
      ),
      ...obstacle(
        dependents.length > 0,
        `The extension ${name} cannot be dropped while this needs it: ${dependents.join(', ')}.`,
        'Drop what needs it by a command in an earlier resource.',
      ),
    ];
  },
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

function prerequisites({ name, database, version, schema }: Extension) {
  const there = `FROM pg_extension WHERE extname = ${literal(name)}`;
  const query = `SELECT EXISTS(SELECT FROM pg_namespace WHERE nspname = ${literal(schema ?? '')}) AS schema_known,
  its.schema AS fixed_schema, (SELECT extrelocatable ${there}) AS relocatable,
  CASE WHEN EXISTS(SELECT ${there})
    THEN ARRAY(SELECT target FROM pg_extension_update_paths(${literal(name)})
      WHERE path IS NOT NULL AND source = (SELECT extversion ${there}))
    ELSE ARRAY(SELECT version FROM pg_available_extension_versions WHERE name = ${literal(name)}) END AS versions,
  ARRAY(SELECT unnest(requires) EXCEPT SELECT extname FROM pg_extension) AS lacks
FROM (SELECT 1) AS one LEFT JOIN pg_available_extension_versions AS its ON name = ${literal(name)}
  AND version = coalesce(${version === undefined ? 'NULL' : literal(version)},
    (SELECT default_version FROM pg_available_extensions AS a WHERE a.name = its.name))`;
  return sqlRow<Needs>(query, {
    database,
    about: [`database:${database}`, `extensions in ${database}`, 'packages'],
  });
}

/** What depends on the extension, or on what goes with it, and does not go with it. */
function removable({ name, database }: Extension) {
  const query = `WITH RECURSIVE gone(classid, objid) AS (
  SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = ${literal(name)}
  UNION SELECT d.classid, d.objid FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
    WHERE deptype <> 'n')
SELECT ARRAY(SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
  FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
  WHERE deptype = 'n' AND (d.classid, d.objid) NOT IN (SELECT * FROM gone) ORDER BY 1 LIMIT 5) AS dependents`;
  return sqlRow<Needs>(query, { database, about: [`database:${database}`, `extensions in ${database}`] });
}
