import { defineModule } from '../engine/define-module.ts';
import type { State } from '../engine/module.ts';
import { sql } from '../engine/probe.ts';
import { identifier } from '../engine/quote.ts';
import { aclQuery, isPublic, type ObjectRow, privilegesOf, reference, type Target } from './_pg-acl.ts';
import { pgName } from './_postgres.ts';

interface Grant {
  role: string;
  privileges: string[];
  database: string;
  schema?: string;
  tables?: 'all' | string[];
  sequences?: 'all' | string[];
  functions?: 'all' | string[];
  default?: boolean | string;
  state: 'present' | 'absent';
}

const names = (of: string) =>
  ({ anyOf: [{ const: 'all' }, { type: 'array', items: pgName, minItems: 1 }], description: of }) as const;

/**
 * Privileges that a role must hold, or must not. Others that it holds are not touched. What an owner may do without
 * a grant does not count as granted: a list of who may do what is easier to trust when it is written down.
 */
export const pg_grant = defineModule({
  name: 'pg_grant',
  summary: 'Privileges of a PostgreSQL role on a database, a schema, or what is in a schema.',
  args: {
    type: 'object',
    properties: {
      role: { ...pgName, description: 'Role that gets them; `PUBLIC` for every role.' },
      privileges: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { enum: ['ALL', 'TEMP', ...new Set(Object.values(privilegesOf).flat())].sort() },
        description: 'Privileges, or `ALL` for all that the kind of object has.',
      },
      database: {
        ...pgName,
        description: 'Database that the privileges are in, and that they are on when nothing below is given.',
      },
      schema: {
        ...pgName,
        description:
          'Schema that the privileges are on, or that the tables, sequences or functions are in (then `public` when left out).',
      },
      tables: names('Tables and views, or `all` that are there.'),
      sequences: names('Sequences, or `all` that are there.'),
      functions: names('Functions and procedures such as `add` or `add(int, int)`, or `all` that are there.'),
      default: {
        type: ['boolean', 'string'],
        description:
          'Gives the privileges on what a role creates later: its name, or true for the owner of the database. It goes with `tables: all` and the like.',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description:
          'Whether the role has the privileges; `absent` takes them back, also those that PUBLIC has without a grant.',
      },
    },
    required: ['role', 'privileges', 'database'],
    additionalProperties: false,
  },
  examples: [
    { title: 'A whole database', args: { role: 'app', privileges: ['ALL'], database: 'appdb' } },
    {
      title: 'Reading all tables',
      args: { role: 'report', privileges: ['SELECT'], database: 'appdb', tables: 'all' },
    },
    {
      title: 'And those that come later',
      args: { role: 'report', privileges: ['SELECT'], database: 'appdb', tables: 'all', default: true },
    },
    {
      title: 'Nobody else connects',
      args: { role: 'PUBLIC', privileges: ['CONNECT'], database: 'appdb', state: 'absent' },
    },
  ],
  identity: identityOf,
  refine(args: Grant) {
    const target = targetOf(args);
    const kinds = [args.tables, args.sequences, args.functions].filter(kind => kind !== undefined);
    const unfit = wanted(args).filter(name => name !== 'ALL' && !privilegesOf[target.kind].includes(name));
    return [
      ...(kinds.length > 1 ? ['Give one of tables, sequences and functions.'] : []),
      ...(unfit.length > 0 ? [`A ${target.kind} has no privilege ${unfit.join(', ')}.`] : []),
      ...(args.privileges.includes('ALL') && args.privileges.length > 1 ? ['ALL stands alone.'] : []),
      ...(target.creator !== undefined && (kinds.length === 0 || target.names !== undefined)
        ? ['default goes with one of tables, sequences and functions, which is then `all`.']
        : []),
    ];
  },
  probes: (args: Grant) => ({
    rows: sql(aclQuery(args.role, targetOf(args), args.state === 'absent'), { database: args.database }),
  }),
  actual: ({ rows }, args: Grant) => held(rowsOf(rows, args), args),
  desired(args: Grant, read) {
    if (args.state === 'absent') return null;
    const rows = rowsOf(read?.rows ?? [], args);
    return Object.fromEntries(rows.map(row => [label(args, row.name), wanted(args)]));
  },
  steps(diff, args: Grant, { rows }) {
    const statements = rowsOf(rows, args)
      .filter(row => diff.has(label(args, row.name)))
      .map(row => statement(row, args));
    return [{ do: 'sql', database: args.database, statements }];
  },
  predict(args: Grant) {
    // A new database has no list, so that PUBLIC may connect; its schema public lets PUBLIC use it.
    const { kind, schema } = targetOf(args);
    const implied = kind === 'database' && args.state === 'absent' ? ['CONNECT', 'TEMPORARY'] : [];
    const granted = kind === 'schema' && schema === 'public' ? ['USAGE'] : implied;
    const rows = rowsOf([], args);
    return held(isPublic(args.role) ? rows.map(row => ({ ...row, granted })) : rows, args);
  },
});

function targetOf(args: Grant): Target {
  const creator = args.default === false ? undefined : args.default;
  for (const kind of ['table', 'sequence', 'function'] as const) {
    const chosen = args[`${kind}s`];
    if (chosen === undefined) continue;
    return {
      kind,
      schema: args.schema ?? 'public',
      ...(chosen === 'all' ? {} : { names: chosen }),
      ...(creator === undefined ? {} : { creator }),
    };
  }
  return args.schema === undefined
    ? { kind: 'database', names: [args.database], ...(creator === undefined ? {} : { creator }) }
    : { kind: 'schema', schema: args.schema, names: [args.schema] };
}

/** The privileges in one spelling and order. */
function wanted(args: Grant): string[] {
  return args.privileges.map(name => (name === 'TEMP' ? 'TEMPORARY' : name)).sort();
}

/** The rows of what is there, and of declared objects that are not there yet. */
function rowsOf(read: readonly Record<string, unknown>[], args: Grant): ObjectRow[] {
  const target = targetOf(args);
  const rows = read as unknown as readonly ObjectRow[];
  const none = { granted: [], possible: [''] };
  if (target.creator !== undefined)
    return rows.length > 0 ? [...rows] : [{ name: '', reference: '', ...none }];
  if (target.names === undefined) return [...rows];
  return target.names.map(
    name => rows.find(row => row.name === name) ?? { name, reference: reference(target, name), ...none },
  );
}

/** What of the wanted privileges is held, by object; null when nothing of something is. */
function held(rows: readonly ObjectRow[], args: Grant): State | null {
  const all = args.privileges.includes('ALL');
  const entries = rows.map(row => {
    const complete = all && row.possible.every(name => row.granted.includes(name));
    const some = row.granted.filter(name => all || wanted(args).includes(name));
    return [label(args, row.name), complete && args.state === 'present' ? ['ALL'] : some] as const;
  });
  const found = args.state === 'absent' ? entries.filter(([, some]) => some.length > 0) : entries;
  const nothing = found.every(([, some]) => some.length === 0);
  return nothing && (rows.length > 0 || args.state === 'absent') ? null : Object.fromEntries(found);
}

/** What a person calls the object: `on table public.orders`, `on new tables in public`. */
function label(args: Grant, name: string): string {
  const { kind, schema, creator } = targetOf(args);
  if (creator !== undefined) return `on new ${kind}s in ${schema}`;
  return `on ${kind} ${schema === undefined || kind === 'schema' ? name : `${schema}.${name}`}`;
}

function identityOf(args: Grant): string {
  const { kind, schema, names: declared, creator } = targetOf(args);
  const every = `${creator === undefined ? 'all' : 'new'} ${kind}s`;
  const by = typeof creator === 'string' ? ` by ${creator}` : '';
  const objects =
    schema === undefined
      ? ''
      : kind === 'schema'
        ? `schema ${schema} of `
        : `${declared?.join(', ') ?? every}${by} in ${schema} of `;
  return `${wanted(args).join(', ')} on ${objects}${args.database} to ${args.role}`;
}

function statement(row: ObjectRow, args: Grant): string {
  const { kind, schema, creator } = targetOf(args);
  const verb = args.state === 'absent' ? 'REVOKE' : 'GRANT';
  const role = `${args.state === 'absent' ? 'FROM' : 'TO'} ${isPublic(args.role) ? 'PUBLIC' : identifier(args.role)}`;
  const change = `${verb} ${wanted(args).join(', ')} ON`;
  const noun = kind === 'function' ? 'ROUTINE' : kind.toUpperCase();
  if (creator === undefined) return `${change} ${noun} ${row.reference} ${role}`;
  return `ALTER DEFAULT PRIVILEGES FOR ROLE ${row.reference} IN SCHEMA ${identifier(schema!)} ${change} ${noun}S ${role}`;
}
