import { createHash } from 'node:crypto';
import { defineModule } from '../engine/define-module.ts';
import type { Diff } from '../engine/module.ts';
import { sql } from '../engine/probe.ts';
import { identifier, literal } from '../engine/quote.ts';
import { identifiers, pgName } from './_postgres.ts';
import { isVerifier, scramVerifier } from './_scram.ts';

interface Row {
  attributes: Readonly<Record<string, boolean | number>>;
  member_of: string[];
  valid_until: string | null;
  valid_until_same: boolean;
  password: { salt: string | null; iterations: number; sha256: string } | null;
}

/** A login or group role; what is not declared is not touched. */
export const pg_role = defineModule({
  name: 'pg_role',
  summary: 'A PostgreSQL role: its password, its attributes and the roles it is a member of.',
  args: {
    type: 'object',
    properties: {
      name: { ...pgName, description: 'Name of the role.' },
      password: {
        type: 'string',
        minLength: 1,
        description: 'Password, or its verifier (`SCRAM-SHA-256$…`). Only the verifier is sent to the host.',
      },
      login: { type: 'boolean', default: true, description: 'Whether the role can log in.' },
      superuser: { type: 'boolean', description: 'Whether the role passes all permission checks.' },
      createdb: { type: 'boolean', description: 'Whether the role can create databases.' },
      createrole: { type: 'boolean', description: 'Whether the role can create roles.' },
      replication: { type: 'boolean', description: 'Whether the role can start replication.' },
      inherit: {
        type: 'boolean',
        description: 'Whether the role has the privileges of the roles it is a member of.',
      },
      connection_limit: {
        type: 'integer',
        minimum: -1,
        description: 'How many connections the role may have at a time; -1 = no limit.',
      },
      valid_until: {
        type: 'string',
        pattern: '^(infinity|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+ *(Z|[+-][0-9:]+)?)?)$',
        description:
          'When the password expires: a date or a time, in the server’s time zone unless one is given, or `infinity`.',
      },
      member_of: {
        type: 'array',
        items: { ...pgName, description: 'Name of a role.' },
        uniqueItems: true,
        description: 'All roles that this one is a direct member of; other memberships are revoked.',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the role exists; one that owns something cannot be removed.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
  examples: [
    { title: 'A login for an application', args: { name: 'app', password: 's3cret' } },
    { title: 'A group of readers', args: { name: 'readers', login: false } },
    { title: 'A member of it', args: { name: 'report', member_of: ['readers'], connection_limit: 5 } },
  ],
  secrets: { in: ['password'] },
  identity: args => args.name,
  probes: args => ({ rows: sql(query(args.name, args.valid_until ?? 'infinity')) }),
  actual({ rows }, args) {
    const row = rows[0] as Row | undefined;
    if (row === undefined) return null;
    return {
      ...row.attributes,
      password: passwordState(row.password, args.password),
      valid_until: row.valid_until_same ? (args.valid_until ?? 'infinity') : (row.valid_until ?? 'infinity'),
      member_of: row.member_of,
    };
  },
  desired(args) {
    if (args.state === 'absent') return null;
    const { name: _name, state: _state, ...declared } = args;
    return {
      ...declared,
      ...(args.password === undefined ? {} : { password: 'set' }),
      ...(args.member_of === undefined ? {} : { member_of: args.member_of.toSorted() }),
    };
  },
  steps(diff, args, { rows }) {
    const role = identifier(args.name);
    if (diff.kind === 'remove') return [{ do: 'sql', statements: [`DROP ROLE ${role}`] }];
    const changed = attributes(diff, args);
    const before = (rows[0] as Row | undefined)?.member_of ?? [];
    const wanted = diff.has('member_of') ? (args.member_of ?? []) : before;
    const granted = wanted.filter(group => !before.includes(group));
    const revoked = before.filter(group => !wanted.includes(group));
    const statements = [
      ...(diff.kind === 'create' ? [`CREATE ROLE ${role} ${changed}`.trimEnd()] : []),
      ...(diff.kind === 'update' && changed !== '' ? [`ALTER ROLE ${role} ${changed}`] : []),
      ...(granted.length > 0 ? [`GRANT ${identifiers(granted)} TO ${role}`] : []),
      ...(revoked.length > 0 ? [`REVOKE ${identifiers(revoked)} FROM ${role}`] : []),
    ];
    return [{ do: 'sql', statements }];
  },
  brings: args => (args.state === 'absent' ? [] : [{ token: `role:${args.name}` }]),
});

/** The stored verifier is read as a digest only: what is enough to compare it is useless for anything else. */
function query(name: string, validUntil: string): string {
  return `SELECT json_build_object('login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb,
    'createrole', rolcreaterole, 'replication', rolreplication, 'inherit', rolinherit,
    'connection_limit', rolconnlimit) AS attributes,
  ARRAY(SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid
    ORDER BY g.rolname COLLATE "C") AS member_of,
  rolvaliduntil AS valid_until,
  coalesce(rolvaliduntil, 'infinity') = timestamptz ${literal(validUntil)} AS valid_until_same,
  CASE WHEN rolpassword IS NOT NULL THEN json_build_object(
    'iterations', substring(rolpassword FROM '[$]([0-9]+):')::int,
    'salt', substring(rolpassword FROM ':([^$]+)[$]'),
    'sha256', encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex')) END AS password
FROM pg_authid r WHERE rolname = ${literal(name)}`;
}

function passwordState(stored: Row['password'], declared: string | undefined): string {
  if (stored === null) return 'none';
  if (declared === undefined) return 'set';
  const verifier =
    isVerifier(declared) || stored.salt === null
      ? declared
      : scramVerifier(declared, stored.salt, stored.iterations);
  return createHash('sha256').update(verifier).digest('hex') === stored.sha256 ? 'set' : 'another';
}

/** The changed attributes as options of CREATE ROLE and ALTER ROLE. */
function attributes(diff: Diff, args: { readonly [name: string]: unknown }): string {
  return Object.entries(options)
    .filter(([name]) => diff.has(name) && args[name] !== undefined)
    .map(([name, option]) => option(args[name] as never))
    .join(' ');
}

const flag = (word: string) => (on: boolean) => (on ? word : `NO${word}`);
const options = {
  login: flag('LOGIN'),
  superuser: flag('SUPERUSER'),
  createdb: flag('CREATEDB'),
  createrole: flag('CREATEROLE'),
  replication: flag('REPLICATION'),
  inherit: flag('INHERIT'),
  connection_limit: (limit: number) => `CONNECTION LIMIT ${limit}`,
  valid_until: (time: string) => `VALID UNTIL ${literal(time)}`,
  password: (text: string) => `PASSWORD ${literal(isVerifier(text) ? text : scramVerifier(text))}`,
};
