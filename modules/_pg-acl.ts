import { identifier, literal } from '../engine/quote.ts';
import { isPublic } from './_postgres.ts';

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
  const grantee = isPublic(role) ? '0' : `(SELECT oid FROM pg_roles WHERE rolname = ${literal(role)})`;
  const all = `acldefault('${letters[target.kind]}', owner)`;
  const list = target.creator === undefined ? `coalesce(acl, ${all})` : 'acl';
  const privileges = (acl: string, of: string) =>
    `ARRAY(SELECT DISTINCT privilege_type COLLATE "C" FROM aclexplode(${acl}) WHERE grantee = ${of} ORDER BY 1)`;
  return `SELECT name, reference, ${privileges(list, grantee)} AS granted, ${privileges(all, 'owner')} AS possible
FROM (${objects(target)}) AS objects ORDER BY name COLLATE "C"`;
}

function objects(target: Target): string {
  const { kind, schema = '', names, creator } = target;
  const schemaOid = `(SELECT oid FROM pg_namespace WHERE nspname = ${literal(schema)})`;
  if (creator !== undefined) {
    const owner = 'creator.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())';
    return `SELECT rolname AS name, quote_ident(rolname) AS reference, defaclacl AS acl, creator.oid AS owner
  FROM pg_roles AS creator LEFT JOIN pg_default_acl
    ON defaclrole = creator.oid AND defaclobjtype = '${kind === 'sequence' ? 'S' : letters[kind]}'
    AND defaclnamespace = ${schemaOid}
  WHERE ${creator === true ? owner : `rolname = ${literal(creator)}`}`;
  }
  if (kind === 'database')
    return `SELECT datname AS name, quote_ident(datname) AS reference, datacl AS acl, datdba AS owner
  FROM pg_database WHERE datname = current_database()`;
  if (kind === 'schema')
    return `SELECT nspname AS name, quote_ident(nspname) AS reference, nspacl AS acl, nspowner AS owner
  FROM pg_namespace WHERE nspname = ${literal(schema)}`;
  if (kind !== 'function') {
    const kinds = kind === 'sequence' ? "'S'" : "'r', 'p', 'v', 'm', 'f'";
    const only = names === undefined ? '' : ` AND relname IN (${names.map(literal).join(', ')})`;
    return `SELECT relname AS name, format('%I.%I', nspname, relname) AS reference, relacl AS acl, relowner AS owner
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = ${literal(schema)} AND relkind IN (${kinds})${only}`;
  }
  const columns = 'oid::regprocedure::text AS reference, proacl AS acl, proowner AS owner FROM pg_proc';
  if (names === undefined)
    return `SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name, ${columns}
  WHERE pronamespace = ${schemaOid}`;
  // Declared parameters are types in any spelling, so the server finds the function that they mean.
  const named = names.map(name => {
    const find = name.includes('(') ? 'to_regprocedure' : 'to_regproc';
    return `SELECT ${literal(name)} AS name, ${columns} WHERE oid = ${find}(${literal(reference(target, name))})`;
  });
  return named.join('\n  UNION ALL ');
}
