import { identifier, literal } from '../engine/quote.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import { isPublic } from './_postgres.ts';

const query = queriesBeside(import.meta.url, './pg-acl.sql');

/** acldefault() knows kinds of objects by these letters; pg_default_acl has a capital S. */
const letters = { database: 'd', schema: 'n', table: 'r', sequence: 's', function: 'f' };

type ObjectKind = keyof typeof letters;

/** The privileges of each kind of object, also those that only some versions know. */
export const privilegesOf: Readonly<Record<ObjectKind, readonly string[]>> = {
  database: ['CONNECT', 'CREATE', 'TEMPORARY'],
  schema: ['CREATE', 'USAGE'],
  table: ['DELETE', 'INSERT', 'MAINTAIN', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE'],
  sequence: ['SELECT', 'UPDATE', 'USAGE'],
  function: ['EXECUTE'],
};

/** What privileges are on: objects as declared, or all there are in the schema when `names` is undefined. */
export interface Target {
  kind: ObjectKind;
  schema: string | undefined;
  names: readonly string[] | undefined;
  /** The role on whose later objects they are, or true for the owner of the database. */
  creator: string | true | undefined;
}

/** An object as read, with the privileges that the role holds by itself and those that there are. */
export interface ObjectRow {
  /** As declared, or as the server calls it; `reference` is how a statement does. */
  name: string;
  reference: string;
  granted: string[];
  possible: string[];
}

/** How a statement refers to a declared object, whether it exists or not. */
export function reference({ kind, schema }: Target, name: string): string {
  if (schema === undefined || kind === 'schema') return identifier(name);
  if (kind !== 'function') return `${identifier(schema)}.${identifier(name)}`;
  const [bare = '', parameters = ''] = name.split(/(\(.*)/s);
  return `${identifier(schema)}.${identifier(bare.trim())}${parameters}`;
}

/**
 * Rows of `ObjectRow` for the objects of `target` that exist. Where an object has no access control list, what holds by
 * itself counts, such as CONNECT for PUBLIC: the first list that it gets says the same.
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
