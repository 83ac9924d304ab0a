import { anyOf, defined, listOf, text } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Refusal, State } from '../engine/module.ts';
import { identifier } from '../engine/quote.ts';
import type { ObjectOf } from '../engine/schema-types.ts';
import { aclQuery, type ObjectRow, privilegesOf, reference, type Target } from './_pg-acl.ts';
import {
  dependentsOf,
  isPublic,
  type Needs,
  obstacle,
  pgName,
  refusal,
  roleNeed,
  schemaNeed,
  serverRuns,
  sqlNeeds,
  sqlRows,
  unmet,
} from './_postgres.ts';

const names = (of: string) => anyOf([{ const: 'all' }, { type: 'array', items: pgName, minItems: 1 }], of);

const args = {
  role: text('Role that gets them; `PUBLIC` for every role.', pgName),
  privileges: listOf(
    { enum: ['ALL', 'TEMP', ...new Set(Object.values(privilegesOf).flat())].sort() },
    'Privileges, or `ALL` for all that the kind of object has.',
    { minItems: 1, uniqueItems: true },
  ),
  database: text(
    'Database that the privileges are in, and that they are on when nothing below is given.',
    pgName,
  ),
  schema: text(
    'Schema that the privileges are on, or that the tables, sequences or functions are in (then `public` when left out).',
    pgName,
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

type Grant = ObjectOf<typeof args, 'role' | 'privileges' | 'database'>;

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
  needs: ({ role, database }) => [...(isPublic(role) ? [] : [`pg_role ${role}`]), `pg_database ${database}`],
  identity(args) {
    const { kind, schema, names, creator } = targetOf(args);
    const which = names?.join(', ') ?? `${creator === undefined ? 'all' : 'new'} ${kind}s`;
    const by = creatorOf(args) === undefined ? '' : ` by ${creator}`;
    const what = kind === 'schema' ? `schema ${schema}` : `${which}${by} in ${schema}`;
    const on = kind === 'database' ? args.database : `${what} of ${args.database}`;
    return `${wanted(args).join(', ')} on ${on} to ${args.role}`;
  },
  alternatives: { tables: ['tables'], sequences: ['sequences'], functions: ['functions'] },
  refine: refusals,
  probes: args => ({
    rows: privilegesIn(args, false),
    needs: sqlNeeds(needsOf(args), { database: args.database, about: [`database:${args.database}`] }),
  }),
  actual: ({ rows }, args) => granted(rowsOf(rows, args), args),
  fresh: args => granted(freshRows(args, []), args),
  desired: (args, read) =>
    Object.fromEntries(rowsOf(read?.rows ?? [], args).map(row => [label(args, row.name), wanted(args)])),
  removal: {
    refine: refusals,
    probes: args => ({ rows: privilegesIn(args, true) }),
    actual: ({ rows }: { rows: ObjectRow[] }, args) => revocable(rowsOf(rows, args), args),
    fresh: args => revocable(freshRows(args, ['CONNECT', 'TEMPORARY']), args),
  },
  obstacles(args, { rows, needs }, diff) {
    if (diff.kind === 'remove') return [];
    const { kind, schema, names } = targetOf(args);
    const unmetNeeds = unmet(needsOf(args, diff.kind), needs, diff);
    const lacking = names ? rowsOf(rows, args).filter(row => row.possible.includes('')) : [];
    const unknown = wanted(args).filter(
      name => name !== 'ALL' && rows.some(row => !row.possible.includes(name)),
    );
    const [several, parameters] =
      kind === 'function' ? [', or several of that name', ', or give its parameters'] : ['', ''];
    return [
      ...unmetNeeds,
      ...obstacle(
        lacking.length > 0 && kind !== 'schema' && unmetNeeds.length === 0,
        `${args.database} has no ${kind} ${lacking.map(row => `${schema}.${row.name}`).join(', ')}${several}.`,
        `Create it by a command in an earlier resource${parameters}.`,
      ),
      ...obstacle(unknown.length > 0, `This server has no privilege ${unknown.join(', ')} on a ${kind}.`),
    ];
  },
  steps(diff, args, { rows }) {
    const changed = rowsOf(rows, args).filter(row => diff.has(label(args, row.name)));
    return statements(args, changed, 'GRANT', 'TO');
  },
  claims: serverRuns,
  remove(args, { rows }) {
    const changed = rowsOf(rows, args).filter(row => held(row, args).length > 0);
    return statements(args, changed, 'REVOKE', 'FROM');
  },
});

function refusals(args: Grant): Refusal[] {
  const target = targetOf(args);
  const unfit = wanted(args).filter(name => name !== 'ALL' && !privilegesOf[target.kind].includes(name));
  const noneOf = `A ${target.kind} has no privilege ${unfit.join(', ')}.`;
  return [
    ...refusal(unfit.length > 0, 'privileges', noneOf),
    ...refusal(
      args.privileges.includes('ALL') && args.privileges.length > 1,
      'privileges',
      'ALL stands alone.',
    ),
    ...refusal(
      target.creator !== undefined && (!isInSchema(target) || target.names !== undefined),
      'default',
      'default goes with one of tables, sequences and functions, which is then `all`.',
    ),
  ];
}

const isInSchema = ({ kind }: Target) => kind !== 'database' && kind !== 'schema';

function targetOf(args: Grant): Target {
  const creator = args.default === false ? {} : defined({ creator: args.default });
  for (const kind of ['table', 'sequence', 'function'] as const) {
    const chosen = args[`${kind}s`];
    if (chosen === undefined) continue;
    const names = defined({ names: chosen === 'all' ? undefined : chosen });
    return { kind, schema: args.schema ?? 'public', ...names, ...creator };
  }
  return args.schema === undefined
    ? { kind: 'database', names: [args.database], ...creator }
    : { kind: 'schema', schema: args.schema, names: [args.schema], ...creator };
}

/** The privileges in one spelling and order. */
const wanted = (args: Grant) => args.privileges.map(name => (name === 'TEMP' ? 'TEMPORARY' : name)).sort();

const privilegesIn = (args: Grant, implied: boolean) => {
  const target = targetOf(args);
  const { kind, creator } = target;
  return sqlRows<ObjectRow>(aclQuery(args.role, target, implied), {
    database: args.database,
    about: [
      `database:${args.database}`,
      ...(kind === 'database' || creator === true ? [`owner of database ${args.database}`] : []),
      ...(isInSchema(target) && creator === undefined ? [`extensions in ${args.database}`] : []),
      ...objectsOf(args, target.names ?? ['*']),
    ],
  });
};

/** Each privilege on each object is one for itself; `*` = all there are. Functions have too many spellings for that. */
const objectsOf = (args: Grant, names: readonly string[]) => {
  const { kind } = targetOf(args);
  const privileges = args.privileges.includes('ALL') ? privilegesOf[kind] : wanted(args);
  const on = names.map(name => label(args, kind === 'function' ? '*' : name));
  return privileges.flatMap(one => on.map(what => `${one} ${what} of ${args.database} for ${args.role}`));
};

const creatorOf = (args: Grant) => (typeof args.default === 'string' ? args.default : undefined);

/** Whatever is to be changed needs them. */
const needsOf = (args: Grant, kind = ''): Needs => [
  roleNeed(kind, args.role, `There is no role ${args.role} that could get privileges.`),
  schemaNeed(kind, targetOf(args).schema, args.database),
  roleNeed(kind, creatorOf(args), `There is no role ${creatorOf(args)} that could create anything.`),
];

/** The rows of what is there, and of declared objects that are not there yet. */
function rowsOf(rows: readonly ObjectRow[], args: Grant): readonly ObjectRow[] {
  const target = targetOf(args);
  const none = { granted: [], possible: [''] };
  if (target.creator !== undefined) return rows.length > 0 ? rows : [{ name: '', reference: '', ...none }];
  return (
    target.names?.map(
      name => rows.find(row => row.name === name) ?? { name, reference: reference(target, name), ...none },
    ) ?? rows
  );
}

/** A new database has no list, so that PUBLIC may do what is `implied`; its schema public lets PUBLIC use it. */
function freshRows(args: Grant, implied: string[]): readonly ObjectRow[] {
  const { kind, schema } = targetOf(args);
  const usage = kind === 'schema' && schema === 'public' ? ['USAGE'] : [];
  const granted = !isPublic(args.role) ? [] : kind === 'database' ? implied : usage;
  return rowsOf([], args).map(row => ({ ...row, granted }));
}

/** What of the wanted privileges the role holds on an object. */
const held = ({ granted }: ObjectRow, args: Grant) =>
  granted.filter(name => args.privileges.includes('ALL') || wanted(args).includes(name));

/** The wanted privileges that are held, by object; null when nothing of something is. */
function granted(rows: readonly ObjectRow[], args: Grant): State | null {
  const all = args.privileges.includes('ALL');
  const entries = rows.map(row => {
    const complete = all && row.possible.every(name => row.granted.includes(name));
    return [label(args, row.name), complete ? ['ALL'] : held(row, args)] as const;
  });
  return rows.length > 0 && entries.every(([, some]) => some.length === 0)
    ? null
    : Object.fromEntries(entries);
}

/** The unwanted privileges that are held, by object; null when none is. */
function revocable(rows: readonly ObjectRow[], args: Grant): State | null {
  const found = rows.filter(row => held(row, args).length > 0);
  return found.length === 0
    ? null
    : Object.fromEntries(found.map(row => [label(args, row.name), held(row, args)]));
}

/** What a person calls the object: `on table public.orders`, `on new tables in public`. */
function label(args: Grant, name: string): string {
  const { kind, schema, creator } = targetOf(args);
  if (creator !== undefined) return `on new ${kind}s in ${schema}`;
  return `on ${kind} ${schema === undefined || kind === 'schema' ? name : `${schema}.${name}`}`;
}

function statements(args: Grant, rows: readonly ObjectRow[], verb: 'GRANT' | 'REVOKE', to: 'TO' | 'FROM') {
  const { kind, schema, creator } = targetOf(args);
  const role = `${to} ${isPublic(args.role) ? 'PUBLIC' : identifier(args.role)}`;
  const change = `${verb} ${wanted(args).join(', ')} ON ${kind === 'function' ? 'ROUTINE' : kind.toUpperCase()}`;
  return [
    {
      do: 'sql' as const,
      database: args.database,
      statements: rows.map(row =>
        creator === undefined
          ? `${change} ${row.reference} ${role}`
          : `ALTER DEFAULT PRIVILEGES FOR ROLE ${row.reference} IN SCHEMA ${identifier(schema!)} ${change}S ${role}`,
      ),
      objects: [...objectsOf(args, [...rows.map(row => row.name), '*']), ...dependentsOf([args.role])],
    },
  ];
}
