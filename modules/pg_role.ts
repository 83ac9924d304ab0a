import { createHash } from 'node:crypto';
import { flag, listOf, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { type CommandResult, command } from '../engine/probe.ts';
import { identifier, literal, shellQuote } from '../engine/quote.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import * as postgres from './_postgres.ts';
import { scramVerifier } from './_scram.ts';

interface Row {
  attributes: Readonly<Record<string, boolean | number>>;
  member_of: string[];
  members: string[];
  valid_until: string | null;
  valid_until_same: boolean;
  password: { salt: string | null; iterations: number; sha256: string } | null;
}

const query = queriesBeside(import.meta.url, './pg_role.sql');

/** A login or group role. Attributes that are not declared stay unchanged. */
export const pg_role = defineModule({
  name: 'pg_role',
  summary: 'A PostgreSQL role: its password, its attributes and the roles it is a member of.',
  args: {
    name: text('Name of the role.', postgres.pgName),
    password: text('Password, or its verifier (`SCRAM-SHA-256$…`). The host receives only the verifier.', {
      minLength: 1,
    }),
    login: flag('Whether the role can log in.', { default: true }),
    superuser: flag('Whether the role passes all permission checks.'),
    createdb: flag('Whether the role can create databases.'),
    createrole: flag('Whether the role can create roles.'),
    replication: flag('Whether the role can start replication.'),
    inherit: flag('Whether the role has the privileges of the roles it is a member of.'),
    connection_limit: whole('Maximum number of simultaneous connections of the role; -1 = no limit.', {
      minimum: -1,
    }),
    valid_until: text(
      'Expiry of the password: a date or a time, by default in the server’s time zone, or `infinity`.',
      { pattern: '^(infinity|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+ *(Z|[+-][0-9:]+)?)?)$' },
    ),
    member_of: listOf(
      { ...postgres.pgName, description: 'Name of a role.' },
      'All roles of which this one is a direct member; other memberships are revoked.',
      { uniqueItems: true },
    ),
  },
  required: ['name'],
  absent: 'drops it, which PostgreSQL refuses while it owns objects or has privileges',
  examples: {
    'A login for an application': { name: 'app', password: 's3cret' },
    'A group of readers': { name: 'readers', login: false },
    'A member of it': { name: 'report', member_of: ['readers'], connection_limit: 5 },
  },
  secrets: { in: ['password'] },
  identity: args => args.name,
  needs: ({ member_of = [] }) => member_of.map(group => `pg_role ${group}`),
  refine: ({ name }) =>
    /^(pg_.*|public|none)$/.test(name) ? [{ at: 'name', says: `PostgreSQL reserves the name ${name}.` }] : [],
  probes: ({ name, valid_until, member_of }) => ({
    rows: rowsOf(name, member_of ? [`memberships of ${name}`] : [], valid_until),
    needs: postgres.sqlNeeds(groupNeeds(name, member_of), { about: [`role:${name}`] }),
  }),
  actual: ({ rows: [row = null] }, { password, valid_until = 'infinity' }) =>
    row && {
      ...row.attributes,
      password: passwordState(row.password, password),
      valid_until: row.valid_until_same ? valid_until : (row.valid_until ?? 'infinity'),
      member_of: row.member_of,
    },
  initial: () => ({
    ...{ superuser: false, createdb: false, createrole: false, replication: false, inherit: true },
    ...{ connection_limit: -1, valid_until: 'infinity', password: 'none', member_of: [] },
  }),
  desired: ({ superuser, createdb, createrole, replication, inherit, connection_limit, ...args }) => ({
    ...{ password: args.password && 'set', superuser, createdb, createrole, replication, inherit },
    ...{ connection_limit, valid_until: args.valid_until, member_of: args.member_of?.toSorted() },
    login: args.login,
  }),
  removal: {
    probes: ({ name }) => ({
      rows: rowsOf(name),
      needs: postgres.sqlNeeds([droppable(name)], { about: [`role:${name}`, `dependents of ${name}`] }),
      needsElsewhere: command(elsewhere(name), { as: 'postgres', about: [] }),
    }),
  },
  obstacles({ name, member_of }, { needs, needsElsewhere }, diff) {
    const objects = (needsElsewhere as CommandResult | undefined)?.stdout.trim().replaceAll('\n', ', ');
    const asked = diff.kind === 'remove' ? [droppable(name, objects)] : groupNeeds(name, member_of);
    return postgres.unmet(asked, needs, diff);
  },
  steps(diff, { name, password, connection_limit, valid_until, member_of, ...args }, { rows: [row] }) {
    const role = identifier(name);
    const options = [
      ...switches.filter(key => diff.has(key)).map(key => `${args[key] ? '' : 'NO'}${key.toUpperCase()}`),
      ...(diff.has('connection_limit') ? [`CONNECTION LIMIT ${connection_limit}`] : []),
      ...(diff.has('valid_until') ? [`VALID UNTIL ${literal(valid_until!)}`] : []),
      ...(diff.has('password') ? [`PASSWORD ${literal(scramVerifier(password!))}`] : []),
    ];
    const before = row?.member_of ?? [];
    const wanted = diff.has('member_of') ? member_of! : before;
    const granted = wanted.filter(group => !before.includes(group)).map(identifier);
    const revoked = before.filter(group => !wanted.includes(group)).map(identifier);
    const statements = [
      options.length > 0 &&
        `${diff.kind === 'create' ? 'CREATE' : 'ALTER'} ROLE ${role} ${options.join(' ')}`,
      granted.length > 0 && `GRANT ${granted.join(', ')} TO ${role}`,
      revoked.length > 0 && `REVOKE ${revoked.join(', ')} FROM ${role}`,
    ];
    return [postgres.change(statements, [`role:${name}`, `memberships of ${name}`])];
  },
  claims: postgres.serverRuns,
  remove({ name }, { rows: [row] }) {
    const memberships = row?.members?.map(member => `memberships of ${member}`) ?? [];
    return [postgres.change([`DROP ROLE ${identifier(name)}`], [`role:${name}`, ...memberships])];
  },
});

/** The attributes whose names, plain or with NO before them, are keywords of CREATE ROLE and ALTER ROLE. */
const switches = ['login', 'superuser', 'createdb', 'createrole', 'replication', 'inherit'] as const;

const rowsOf = (name: string, about: readonly string[] = [], valid_until = 'infinity') =>
  postgres.sqlRows<Row>(query('rows', { name, valid_until }), {
    about: [`role:${name}`, ...about],
  });

function groupNeeds(name: string, wanted: readonly string[] = []): postgres.Needs {
  const groups = wanted.map(literal).join(', ');
  return [
    {
      of: 'member_of',
      about: wanted.map(group => `role:${group}`),
      trouble: query('unknown', { groups }),
      says: `${name} cannot be a member of %s, which does not exist.`,
      fix: 'Declare the role in an earlier resource.',
    },
    {
      of: 'member_of',
      about: [name, ...wanted].map(role => `memberships of ${role}`),
      trouble: query('below', { groups, name }),
      says: `${name} cannot be a member of %s, which is a member of ${name}.`,
    },
  ];
}

const droppable = (name: string, objects?: string) => ({
  of: 'remove',
  trouble: query('dependents', { name }),
  says: `The role ${name} cannot be dropped: %s${objects ? ` (${objects})` : ''}.`,
  fix: 'Reassign or drop its objects, and revoke its privileges, in an earlier resource.',
});

/** Returns a script that prints the objects and privileges of a role in other databases, which only these can name. */
function elsewhere(name: string): string {
  const ask = (which: string) => `-c ${shellQuote(query(which, { name }))} 2>/dev/null`;
  const each = `while IFS= read -r d; do psql -XAtq -d "$d" ${ask('objects')}; done`;
  return `psql -XAtq -d postgres ${ask('elsewhere')} | ${each}`;
}

function passwordState(stored: Row['password'], declared: string | undefined): string {
  if (stored === null) return 'none';
  if (declared === undefined) return 'set';
  const { salt, iterations, sha256 } = stored;
  const verifier = salt === null ? declared : scramVerifier(declared, salt, iterations);
  return createHash('sha256').update(verifier).digest('hex') === sha256 ? 'set' : 'another';
}
