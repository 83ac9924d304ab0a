import { createHash } from 'node:crypto';
import { flag, listOf, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { type CommandResult, command } from '../engine/probe.ts';
import { identifier, literal, shellQuote } from '../engine/quote.ts';
import { compact } from '../engine/util/defined.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import * as postgres from './_postgres.ts';
import { scramVerifier } from './_scram.ts';

interface Row {
  attributes: Readonly<Record<string, boolean | number>>;
  memberships: Membership[];
  members: string[];
  valid_until: string | null;
  valid_until_same: boolean;
  password: { salt: string | null; iterations: number; sha256: string } | null;
}

/** A membership as one role granted it. */
interface Membership {
  group: string;
  /** The role that granted it; null where a plain REVOKE takes it back. */
  by: string | null;
  /** Whether the member has the privileges of the group by itself; null = as its attribute `inherit` says. */
  inherit: boolean | null;
  /** Whether the member can become the group. */
  set: boolean;
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
  actual: ({ rows: [row = null] }, { password, valid_until = 'infinity', inherit, member_of }) =>
    row && {
      ...row.attributes,
      inherit: inheritance(row, inherit, member_of),
      password: passwordState(row.password, password),
      valid_until: row.valid_until_same ? valid_until : (row.valid_until ?? 'infinity'),
      member_of: groupsOf(row, inherit, member_of).map(({ said }) => said),
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
    const groups = row ? groupsOf(row, args.inherit, member_of) : [];
    const wanted = diff.has('member_of') ? member_of! : groups.map(({ group }) => group);
    const granted = wanted.filter(one => !groups.some(({ group }) => group === one)).map(identifier);
    const isAltered = diff.has('member_of') || diff.has('inherit');
    const plain = `INHERIT ${args.inherit ?? row?.attributes['inherit']}${member_of ? ', SET true' : ''}`;
    const statements = [
      options.length > 0 &&
        `${diff.kind === 'create' ? 'CREATE' : 'ALTER'} ROLE ${role} ${options.join(' ')}`,
      granted.length > 0 && `GRANT ${granted.join(', ')} TO ${role}`,
      ...groups.flatMap(({ group, grants, said }) =>
        grants.map(({ by }) => {
          const grantor = by === null ? '' : ` GRANTED BY ${identifier(by)}`;
          if (!wanted.includes(group)) return `REVOKE ${identifier(group)} FROM ${role}${grantor}`;
          return (
            isAltered && said !== group && `GRANT ${identifier(group)} TO ${role} WITH ${plain}${grantor}`
          );
        }),
      ),
    ];
    const objects = [`role:${name}`, `memberships of ${name}`, ...postgres.dependentsOf(grantorsOf(row))];
    return [postgres.change(statements, objects)];
  },
  claims: postgres.serverRuns,
  remove({ name }, { rows: [row] }) {
    const memberships = row?.members?.map(member => `memberships of ${member}`) ?? [];
    const objects = [`role:${name}`, ...memberships, ...postgres.dependentsOf(grantorsOf(row))];
    return [postgres.change([`DROP ROLE ${identifier(name)}`], objects)];
  },
});

/** The attributes whose names, plain or with NO before them, are keywords of CREATE ROLE and ALTER ROLE. */
const switches = ['login', 'superuser', 'createdb', 'createrole', 'replication', 'inherit'] as const;

const rowsOf = (name: string, about: readonly string[] = [], valid_until = 'infinity') =>
  postgres.sqlRows<Row>(query('rows', { name, valid_until }), {
    about: [`role:${name}`, ...about],
  });

/** Returns the groups of a role. `said` is a group in the state: with its options if a plain GRANT gives others. */
function groupsOf(
  { memberships, attributes }: Row,
  inherit = attributes['inherit'],
  member_of?: readonly string[],
) {
  return [...new Set(memberships.map(one => one.group))].map(group => {
    const grants = memberships.filter(one => one.group === group);
    const inherits = grants.some(one => one.inherit ?? inherit);
    const odd = compact([
      inherits !== inherit && `INHERIT ${inherits}`,
      member_of && !grants.some(one => one.set) && 'SET false',
    ]);
    return { group, grants, said: odd.length > 0 ? `${group} (${odd.join(', ')})` : group };
  });
}

/** Returns the attribute, which counts for later memberships only, and undeclared memberships that differ from it. */
function inheritance(row: Row, declared: boolean | undefined, member_of: readonly string[] | undefined) {
  const inherits = row.attributes['inherit']!;
  const odd = groupsOf(row, declared).filter(({ group, said }) => said !== group);
  return member_of || odd.length === 0 || inherits !== declared
    ? inherits
    : `${inherits}, but not for ${odd.map(({ group }) => group).join(', ')}`;
}

const grantorsOf = (row: Row | undefined) => [...new Set(row?.memberships.map(({ by }) => by ?? undefined))];

function groupNeeds(name: string, member_of: readonly string[] | undefined): postgres.Needs {
  const wanted = member_of ?? [];
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
    member_of !== undefined && {
      of: 'member_of',
      about: [`dependents of ${name}`],
      trouble: query('passed_on', { groups, name }),
      says: `${name} cannot leave a group in which it granted memberships: %s.`,
      fix: 'Take these memberships back in an earlier resource, by `member_of` of the members.',
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
