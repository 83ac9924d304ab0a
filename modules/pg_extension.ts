import { defineModule } from '../engine/define-module.ts';
import { Missing, sql } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { pgName } from './_postgres.ts';

interface Row {
  available: boolean;
  version: string | null;
  schema: string | null;
}

/** An extension in one database. */
export const pg_extension = defineModule({
  name: 'pg_extension',
  summary: 'A PostgreSQL extension in a database.',
  args: {
    type: 'object',
    properties: {
      name: { ...pgName, description: 'Name of the extension, e.g. `pg_trgm`.' },
      database: { ...pgName, description: 'Database that has it.' },
      version: {
        type: 'string',
        minLength: 1,
        description: 'Exact version; any version will do when left out.',
      },
      schema: { ...pgName, description: 'Schema that holds its objects; it must exist.' },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the extension is there; one that something depends on cannot be removed.',
      },
    },
    required: ['name', 'database'],
    additionalProperties: false,
  },
  examples: [
    { title: 'Search by similarity', args: { name: 'pg_trgm', database: 'appdb' } },
    { title: 'In a schema', args: { name: 'hstore', database: 'appdb', schema: 'public' } },
  ],
  identity: args => `${args.name} in ${args.database}`,
  probes: args => ({ rows: sql(query(args.name), { database: args.database }) }),
  actual({ rows }, args) {
    const { available, version, schema } = rows[0] as unknown as Row;
    if (version !== null) return { version, schema };
    if (!available && args.state === 'present')
      return new Missing(`the extension ${args.name}`, ['*package:postgresql*']);
    return null;
  },
  desired(args) {
    if (args.state === 'absent') return null;
    return {
      ...(args.version === undefined ? {} : { version: args.version }),
      ...(args.schema === undefined ? {} : { schema: args.schema }),
    };
  },
  steps(diff, args) {
    const extension = `EXTENSION ${identifier(args.name)}`;
    const schema = args.schema === undefined ? '' : ` SCHEMA ${identifier(args.schema)}`;
    const version = args.version === undefined ? '' : literal(args.version);
    const statements = {
      create: [`CREATE ${extension}${schema}${version && ` VERSION ${version}`}`],
      remove: [`DROP ${extension}`],
      update: [
        ...(diff.has('version') ? [`ALTER ${extension} UPDATE TO ${version}`] : []),
        ...(diff.has('schema') ? [`ALTER ${extension} SET${schema}`] : []),
      ],
    }[diff.kind];
    return [{ do: 'sql', database: args.database, statements }];
  },
});

function query(name: string): string {
  return `SELECT (SELECT count(*) > 0 FROM pg_available_extensions WHERE name = ${literal(name)}) AS available,
  e.version, e.schema
FROM (SELECT 1) AS one LEFT JOIN (
  SELECT extversion AS version, nspname AS schema
  FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
  WHERE extname = ${literal(name)}) AS e ON true`;
}
