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
  role: text('Role that gets them; `PUBLIC` for every role.', postgres.pgName),
  privileges: listOf(
    { enum: ['ALL', 'TEMP', ...new Set(Object.values(privilegesOf).flat())].sort() },
    'Privileges, or `ALL` for all that the kind of object has.',
    { minItems: 1, uniqueItems: true },
  ),
  database: text(
    'Database that the privileges are in, and that they are on when nothing below is given.',
    postgres.pgName,
  ),
  schema: text(
    'Schema that the privileges are on, or that the tables, sequences or functions are in (then `public` when left out).',
    postgres.pgName,
  ),
  tables: names('Tables and views, or `all` that are there.'),
  sequences: names('Sequences, or `all` that are there.'),
  functions: names('Functions and procedures such as `add` or `add(int, int)`, or `all` that are there.'),
  default: {
    type: ['boolean', 'string'],
    description:
      'Gives the privileges on what a role creates later: its name, or true for the owner of the database. It goes with `tables: all` and the like.',
  },
} as const;

type Grant = Given<typeof args, 'role' | 'privileges' | 'database'>;
type Rows = readonly ObjectRow[];

/**
 * Privileges that a role must hold, or must not. Others that it holds are not touched. What an owner may do without
 * a grant does not count as granted: a list of who may do what is easier to trust when it is written down.
 */
export const pg_grant = defineModule({
  name: 'pg_grant',
  summary: 'Privileges of a PostgreSQL role on a database, a schema, or what is in a schema.',
  args,
  required: ['role', 'privileges', 'database'],
  absent: 'takes the privileges back, also those that PUBLIC has without a grant',
  examples: {
    'A whole database': { role: 'app', privileges: ['ALL'], database: 'appdb' },
    'Reading all tables': { role: 'report', privileges: ['SELECT'], database: 'appdb', tables: 'all' },
    'And those that come later': {
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
      kind === 'function' ? [', or several of that name', ', or give its parameters'] : ['', ''];
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
      args.privileges.length > 1 && { at: 'privileges', says: 'ALL stands alone.' },
    // A database and a schema are named by themselves.
    creator !== undefined &&
      names !== undefined && {
        at: 'default',
        says: 'default goes with one of tables, sequences and functions, which is then `all`.',
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

/** The privileges in one spelling and order. */
const wanted = (args: Grant) => args.privileges.map(name => (name === 'TEMP' ? 'TEMPORARY' : name)).sort();

/** The privileges one by one, also where they are declared as `ALL`. */
const each = (args: Grant) =>
  args.privileges.includes('ALL') ? privilegesOf[targetOf(args).kind] : wanted(args);

/** What a person calls the object: `on table public.orders`, `on new tables in public`. */
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

/** Each privilege on each object is one for itself; `*` = all there are. Functions have too many spellings for that. */
function aboutOf(args: Grant, names: readonly string[]) {
  const { kind } = targetOf(args);
  const on = names.map(name => label(args, kind === 'function' ? '*' : name));
  return each(args).flatMap(one => on.map(what => `${one} ${what} of ${args.database} for ${args.role}`));
}

/** Each privilege on each object is held, or not. */
function claimsOf(args: Grant, isHeld: 'yes' | 'no') {
  const { kind, names = ['*'], creator } = targetOf(args);
  const by = typeof creator === 'string' ? ` by ${creator}` : '';
  const where = kind === 'database' ? '' : ` of ${args.database}`;
  const things = each(args).flatMap(one =>
    names.map(name => `whether ${args.role} has ${one} ${label(args, name)}${by}${where}`),
  );
  return { ...postgres.serverRuns(), ...Object.fromEntries(things.map(thing => [thing, isHeld])) };
}

/** Whatever is to be changed needs them. */
function needsOf(args: Grant, kind = ''): postgres.Needs {
  const { schema, creator } = targetOf(args);
  const by = creator === true ? undefined : creator;
  return [
    postgres.roleNeed(kind, args.role, `There is no role ${args.role} that could get privileges.`),
    postgres.schemaNeed(kind, schema, args.database),
    postgres.roleNeed(kind, by, `There is no role ${by} that could create anything.`),
  ];
}

/** What is there, and declared objects that are not there yet; on those, the role may do what is `fresh`. */
function rowsOf(args: Grant, rows: Rows = [], fresh: string[] = []): Rows {
  const target = targetOf(args);
  const none = { name: '', reference: '', granted: fresh, possible: [''] };
  if (target.creator !== undefined) return rows.length > 0 ? rows : [none];
  const declared = target.names?.map(name => ({ ...none, name, reference: reference(target, name) }));
  return declared?.map(one => rows.find(({ name }) => name === one.name) ?? one) ?? rows;
}

/** What PUBLIC may do in a new database by itself. */
function freshOf(args: Grant): string[] {
  const { kind, schema } = targetOf(args);
  if (!postgres.isPublic(args.role)) return [];
  if (kind === 'database') return ['CONNECT', 'TEMPORARY'];
  return kind === 'schema' && schema === 'public' ? ['USAGE'] : [];
}

/** What of the wanted privileges the role holds on an object. */
const held = (args: Grant, { granted }: ObjectRow) =>
  granted.filter(name => args.privileges.includes('ALL') || wanted(args).includes(name));

/** The wanted privileges that are held, by object; null when none is. Of what is to go only what is there is told. */
function stateOf(args: Grant, rows: Rows, goes = false): State | null {
  const found = rows.filter(row => held(args, row).length > 0);
  if (found.length === 0 && (goes || rows.length > 0)) return null;
  const isAll = ({ possible, granted }: ObjectRow) =>
    !goes && args.privileges.includes('ALL') && possible.every(name => granted.includes(name));
  const told = goes ? found : rows;
  return Object.fromEntries(told.map(row => [label(args, row.name), isAll(row) ? ['ALL'] : held(args, row)]));
}

/** Gives the privileges on those of the objects that `isMeant` picks, or takes them back. */
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
