import { identifier, literal } from '../engine/quote.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import { isPublic } from './_postgres.ts';

const query = queriesBeside(import.meta.url, './pg-acl.sql');

/** The letters of acldefault() for the kinds of objects. pg_default_acl has a capital S for a sequence. */
const letters = { database: 'd', schema: 'n', table: 'r', sequence: 's', function: 'f' };

type ObjectKind = keyof typeof letters;

/** The privileges of each kind of object, including those that only some versions of PostgreSQL have. */
export const privilegesOf: Readonly<Record<ObjectKind, readonly string[]>> = {
  database: ['CONNECT', 'CREATE', 'TEMPORARY'],
  schema: ['CREATE', 'USAGE'],
  table: ['DELETE', 'INSERT', 'MAINTAIN', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE'],
  sequence: ['SELECT', 'UPDATE', 'USAGE'],
  function: ['EXECUTE'],
};

/** The objects of the privileges: the declared ones, or all objects of the schema if `names` is undefined. */
export interface Target {
  kind: ObjectKind;
  schema: string | undefined;
  names: readonly string[] | undefined;
  /** The role whose later objects get the privileges, or true for the owner of the database. */
  creator: string | true | undefined;
}

/** An object of the server, with the privileges that the role itself holds and those that the object can have. */
export interface ObjectRow {
  /** The declared name, or the server's. `reference` is the name in a statement. */
  name: string;
  reference: string;
  granted: string[];
  possible: string[];
}

/** Returns the reference to a declared object in a statement, whether the object exists or not. */
export function reference({ kind, schema }: Target, name: string): string {
  if (schema === undefined || kind === 'schema') return identifier(name);
  if (kind !== 'function') return `${identifier(schema)}.${identifier(name)}`;
  const [bare = '', parameters = ''] = name.split(/(\(.*)/s);
  return `${identifier(schema)}.${identifier(bare.trim())}${parameters}`;
}

/**
 * Returns a query for the `ObjectRow`s of the existing objects of `target`. For an object without an access control
 * list, the default privileges count, such as CONNECT for PUBLIC: its first list will contain them.
 */
export function aclQuery(role: string, target: Target): string {
  const all = `acldefault('${letters[target.kind]}', owner)`;
  return query('rows', {
    acl: target.creator === undefined ? `coalesce(acl, ${all})` : 'acl',
    all,
    grantee: isPublic(role) ? '0' : query('role', { role }),
    objects: objects(target),
  });
}

function objects(target: Target): string {
  const { kind, schema = '', names, creator } = target;
  if (creator !== undefined) {
    const by = creator === true ? query('owner') : `rolname = ${literal(creator)}`;
    return query('creators', { schema, creator: by, letter: kind === 'sequence' ? 'S' : letters[kind] });
  }
  if (kind === 'database' || kind === 'schema') return query(kind, { schema });
  if (kind !== 'function') {
    const only = names === undefined ? '' : ` AND relname IN (${names.map(literal).join(', ')})`;
    return query('relations', {
      schema,
      only,
      kinds: kind === 'sequence' ? "'S'" : "'r', 'p', 'v', 'm', 'f'",
    });
  }
  if (names === undefined) return query('functions', { schema });
  const named = names.map(name => {
    const find = name.includes('(') ? 'to_regprocedure' : 'to_regproc';
    return query('function', { name, find, reference: reference(target, name) });
  });
  return named.join('\n  UNION ALL ');
}
