import type { Refusal, State } from '../engine/module.ts';
import { anyOf, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { identifier } from '../engine/quote.ts';
import type { Conditional } from '../engine/util/defined.ts';
import { aclQuery, type ObjectRow, privilegesOf, reference, type Target } from './_pg-acl.ts';
import * as postgres from './_postgres.ts';

const names = (of: string) =>
  anyOf([{ const: 'all' }, { type: 'array', items: postgres.pgName, minItems: 1 }], of);

const args = {
  role: text('Role that receives the privileges; `PUBLIC` for every role.', postgres.pgName),
  privileges: listOf(
    { enum: ['ALL', 'TEMP', ...new Set(Object.values(privilegesOf).flat())].sort() },
    'Privileges, or `ALL` for all privileges of the kind of object.',
    { minItems: 1, uniqueItems: true },
  ),
  database: text(
    'Database of the objects; without any of the arguments below, the database is the object itself.',
    postgres.pgName,
  ),
  schema: text(
    'Schema that is the object, or that contains the tables, sequences or functions (then default `public`).',
    postgres.pgName,
  ),
  tables: names('Tables and views, or `all` existing ones.'),
  sequences: names('Sequences, or `all` existing ones.'),
  functions: names('Functions and procedures such as `add` or `add(int, int)`, or `all` existing ones.'),
  default: {
    type: ['boolean', 'string'],
    description:
      'Role whose later objects get the privileges, or true for the owner of the database. It requires `tables: all`, `sequences: all` or `functions: all`.',
  },
} as const;

type Grant = Given<typeof args, 'role' | 'privileges' | 'database'>;
type Rows = readonly ObjectRow[];

/**
 * Privileges that a role must hold, or must not hold. Its other privileges stay unchanged. The implicit rights of an
 * owner do not count as granted: a list of privileges is easier to trust if it is complete.
 */
export const pg_grant = defineModule({
  name: 'pg_grant',
  summary: 'Privileges of a PostgreSQL role on a database, a schema, or objects in a schema.',
  args,
  required: ['role', 'privileges', 'database'],
  absent: 'revokes the privileges, even those that PUBLIC has without a grant',
  examples: {
    'A whole database': { role: 'app', privileges: ['ALL'], database: 'appdb' },
    'Reading all tables': { role: 'report', privileges: ['SELECT'], database: 'appdb', tables: 'all' },
    'Reading all later tables': {
      role: 'report',
      privileges: ['SELECT'],
      database: 'appdb',
      tables: 'all',
      default: true,
    },
    'Nobody else connects': { role: 'PUBLIC', privileges: ['CONNECT'], database: 'appdb', state: 'absent' },
  },
  needs: ({ role, database }) => [
    ...(postgres.isPublic(role) ? [] : [`pg_role ${role}`]),
    `pg_database ${database}`,
  ],
  identity(args) {
    const { kind, schema, names, creator } = targetOf(args);
    const which = names?.join(', ') ?? `${creator === undefined ? 'all' : 'new'} ${kind}s`;
    const by = typeof creator === 'string' ? ` by ${creator}` : '';
    const what = kind === 'schema' ? `schema ${schema}` : `${which}${by} in ${schema}`;
    const on = kind === 'database' ? args.database : `${what} of ${args.database}`;
    return `${wanted(args).join(', ')} on ${on} to ${args.role}`;
  },
  alternatives: { tables: ['tables'], sequences: ['sequences'], functions: ['functions'] },
  refine: refusals,
  probes(args) {
    const { database } = args;
    const needs = postgres.sqlNeeds(needsOf(args), { database, about: [`database:${database}`] });
    return { rows: privilegesIn(args), needs };
  },
  actual: ({ rows }, args) => stateOf(args, rowsOf(args, rows)),
  fresh: args => stateOf(args, rowsOf(args, [], freshOf(args))),
  desired: (args, read) =>
    Object.fromEntries(rowsOf(args, read?.rows).map(row => [label(args, row.name), wanted(args)])),
  removal: {
    refine: refusals,
    probes: args => ({ rows: privilegesIn(args) }),
    actual: ({ rows }: { rows: ObjectRow[] }, args) => stateOf(args, rowsOf(args, rows), true),
    fresh: args => stateOf(args, rowsOf(args, [], freshOf(args)), true),
    claims: args => claimsOf(args, 'no'),
  },
  obstacles(args, { rows, needs }, diff) {
    if (diff.kind === 'remove') return [];
    const { kind, schema, names } = targetOf(args);
    const unmet = postgres.unmet(needsOf(args, diff.kind), needs, diff);
    const lacking = rowsOf(args, rows).filter(row => names && row.possible.includes(''));
    const [several, parameters] =
      kind === 'function' ? [', or has several with that name', ', or give its parameters'] : ['', ''];
    const isKnown = (name: string) => name === 'ALL' || rows.every(row => row.possible.includes(name));
    const unknown = wanted(args).filter(name => !isKnown(name));
    return [
      unmet,
      lacking.length > 0 &&
        kind !== 'schema' &&
        unmet.length === 0 && {
          says: `${args.database} has no ${kind} ${lacking.map(row => `${schema}.${row.name}`).join(', ')}${several}.`,
          fix: `Create it by a command in an earlier resource${parameters}.`,
        },
      unknown.length > 0 && { says: `This server has no privilege ${unknown.join(', ')} on a ${kind}.` },
    ];
  },
  steps: (diff, args, { rows }) => [change('GRANT', args, rows, row => diff.has(label(args, row.name)))],
  claims: args => claimsOf(args, 'yes'),
  remove: (args, { rows }) => [change('REVOKE', args, rows, row => held(args, row).length > 0)],
});

function refusals(args: Grant): Conditional<Refusal> {
  const { kind, names, creator } = targetOf(args);
  const unfit = wanted(args).filter(name => name !== 'ALL' && !privilegesOf[kind].includes(name));
  return [
    unfit.length > 0 && { at: 'privileges', says: `A ${kind} has no privilege ${unfit.join(', ')}.` },
    args.privileges.includes('ALL') &&
      args.privileges.length > 1 && {
        at: 'privileges',
        says: 'ALL cannot be combined with other privileges.',
      },
    // Databases and schemas are always named, never `all`.
    creator !== undefined &&
      names !== undefined && {
        at: 'default',
        says: 'default requires `all` for one of tables, sequences and functions.',
      },
  ];
}

function targetOf({ database, schema, default: later, ...args }: Grant): Target {
  const creator = later === false ? undefined : later;
  for (const kind of ['table', 'sequence', 'function'] as const) {
    const chosen = args[`${kind}s`];
    const names = chosen === 'all' ? undefined : chosen;
    if (chosen !== undefined) return { kind, schema: schema ?? 'public', names, creator };
  }
  return { kind: schema === undefined ? 'database' : 'schema', schema, names: [schema ?? database], creator };
}

/** Returns the declared privileges in one spelling and order. */
const wanted = (args: Grant) => args.privileges.map(name => (name === 'TEMP' ? 'TEMPORARY' : name)).sort();

/** Returns the single privileges, even if they are declared as `ALL`. */
const each = (args: Grant) =>
  args.privileges.includes('ALL') ? privilegesOf[targetOf(args).kind] : wanted(args);

/** Returns the words for the object: `on table public.orders`, `on new tables in public`. */
function label(args: Grant, name: string): string {
  const { kind, schema, creator } = targetOf(args);
  if (creator !== undefined) return `on new ${kind}s in ${schema}`;
  return `on ${kind} ${schema === undefined || kind === 'schema' ? name : `${schema}.${name}`}`;
}

function privilegesIn(args: Grant) {
  const target = targetOf(args);
  const { role, database } = args;
  const { kind, names = ['*'], creator } = target;
  const isInSchema = kind !== 'database' && kind !== 'schema';
  const about = [
    `database:${database}`,
    ...(kind === 'database' || creator === true ? [`owner of database ${database}`] : []),
    ...(isInSchema && creator === undefined ? [`extensions in ${database}`] : []),
    ...aboutOf(args, names),
  ];
  return postgres.sqlRows<ObjectRow>(aclQuery(role, target), { database, about });
}

/** Returns a text for each privilege on each object; `*` = all objects, and any function, since its spellings vary. */
function aboutOf(args: Grant, names: readonly string[]) {
  const { kind } = targetOf(args);
  const on = names.map(name => label(args, kind === 'function' ? '*' : name));
  return each(args).flatMap(one => on.map(what => `${one} ${what} of ${args.database} for ${args.role}`));
}

/** Returns a claim for each privilege on each object: the role holds it, or does not. */
function claimsOf(args: Grant, isHeld: 'yes' | 'no') {
  const { kind, names = ['*'], creator } = targetOf(args);
  const by = typeof creator === 'string' ? ` by ${creator}` : '';
  const where = kind === 'database' ? '' : ` of ${args.database}`;
  const things = each(args).flatMap(one =>
    names.map(name => `whether ${args.role} has ${one} ${label(args, name)}${by}${where}`),
  );
  return { ...postgres.serverRuns(), ...Object.fromEntries(things.map(thing => [thing, isHeld])) };
}

/** Returns the needs of every change. */
function needsOf(args: Grant, kind = ''): postgres.Needs {
  const { schema, creator } = targetOf(args);
  const by = creator === true ? undefined : creator;
  return [
    postgres.roleNeed(
      kind,
      args.role,
      `The role ${args.role}, which receives the privileges, does not exist.`,
    ),
    postgres.schemaNeed(kind, schema, args.database),
    postgres.roleNeed(kind, by, `The role ${by}, which creates the objects, does not exist.`),
  ];
}

/** Returns the existing objects, and the declared ones that do not exist yet, on which the role gets `fresh`. */
function rowsOf(args: Grant, rows: Rows = [], fresh: string[] = []): Rows {
  const target = targetOf(args);
  const none = { name: '', reference: '', granted: fresh, possible: [''] };
  if (target.creator !== undefined) return rows.length > 0 ? rows : [none];
  const declared = target.names?.map(name => ({ ...none, name, reference: reference(target, name) }));
  return declared?.map(one => rows.find(({ name }) => name === one.name) ?? one) ?? rows;
}

/** Returns the privileges that PUBLIC has in a new database. */
function freshOf(args: Grant): string[] {
  const { kind, schema } = targetOf(args);
  if (!postgres.isPublic(args.role)) return [];
  if (kind === 'database') return ['CONNECT', 'TEMPORARY'];
  return kind === 'schema' && schema === 'public' ? ['USAGE'] : [];
}

/** Returns those of the declared privileges that the role holds on an object. */
const held = (args: Grant, { granted }: ObjectRow) =>
  granted.filter(name => args.privileges.includes('ALL') || wanted(args).includes(name));

/** Returns the declared privileges that the role holds, by object, or null without any. A removal lists only those held. */
function stateOf(args: Grant, rows: Rows, goes = false): State | null {
  const found = rows.filter(row => held(args, row).length > 0);
  if (found.length === 0 && (goes || rows.length > 0)) return null;
  const isAll = ({ possible, granted }: ObjectRow) =>
    !goes && args.privileges.includes('ALL') && possible.every(name => granted.includes(name));
  const told = goes ? found : rows;
  return Object.fromEntries(told.map(row => [label(args, row.name), isAll(row) ? ['ALL'] : held(args, row)]));
}

/** Returns the step that grants or revokes the privileges on the objects that `isMeant` selects. */
function change(verb: 'GRANT' | 'REVOKE', args: Grant, rows: Rows, isMeant: (row: ObjectRow) => boolean) {
  const { kind, schema = '', creator } = targetOf(args);
  const meant = rowsOf(args, rows).filter(isMeant);
  const what = `${verb} ${wanted(args).join(', ')} ON ${kind === 'function' ? 'ROUTINE' : kind.toUpperCase()}`;
  const role = postgres.isPublic(args.role) ? 'PUBLIC' : identifier(args.role);
  const whom = `${verb === 'GRANT' ? 'TO' : 'FROM'} ${role}`;
  const statements = meant.map(({ reference }) =>
    creator === undefined
      ? `${what} ${reference} ${whom}`
      : `ALTER DEFAULT PRIVILEGES FOR ROLE ${reference} IN SCHEMA ${identifier(schema)} ${what}S ${whom}`,
  );
  const objects = [
    ...aboutOf(args, [...meant.map(row => row.name), '*']),
    ...postgres.dependentsOf([args.role]),
  ];
  return postgres.change(statements, objects, args.database);
}
