-- rows: the {objects} that exist, each with the privileges that {grantee} (an oid) holds by itself and those that there
-- are. {acl} and {all} are SQL for an object's access control list, and for the one that it has by default.
SELECT name, reference,
  ARRAY(SELECT DISTINCT privilege_type COLLATE "C" FROM aclexplode({acl}) WHERE grantee = {grantee} ORDER BY 1) AS granted,
  ARRAY(SELECT DISTINCT privilege_type COLLATE "C" FROM aclexplode({all}) WHERE grantee = owner ORDER BY 1) AS possible
FROM ({objects}) AS objects ORDER BY name COLLATE "C"

-- role: the oid of `role`.
(SELECT oid FROM pg_roles WHERE rolname = :'role')

-- creators: the roles for which {creator} holds, as objects: what they create in `schema` later gets the privileges.
-- {letter} is the kind of those objects, as pg_default_acl has it.
SELECT rolname AS name, quote_ident(rolname) AS reference, defaclacl AS acl, creator.oid AS owner
  FROM pg_roles AS creator LEFT JOIN pg_default_acl
    ON defaclrole = creator.oid AND defaclobjtype = '{letter}'
    AND defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :'schema')
  WHERE {creator}

-- owner: whether a creator is the owner of the database.
creator.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())

-- database: the database that is asked, as an object.
SELECT datname AS name, quote_ident(datname) AS reference, datacl AS acl, datdba AS owner
  FROM pg_database WHERE datname = current_database()

-- schema: `schema` as an object.
SELECT nspname AS name, quote_ident(nspname) AS reference, nspacl AS acl, nspowner AS owner
  FROM pg_namespace WHERE nspname = :'schema'

-- relations: the relations of some {kinds} in `schema`, perhaps {only} some of them.
SELECT relname AS name, format('%I.%I', nspname, relname) AS reference, relacl AS acl, relowner AS owner
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = :'schema' AND relkind IN ({kinds}){only}

-- functions: all functions in `schema`.
SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name,
  oid::regprocedure::text AS reference, proacl AS acl, proowner AS owner FROM pg_proc
  WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = :'schema')

-- function: the function declared as `name`. Its parameters are types in any spelling, so the server {find}s the one that
-- `reference` means.
SELECT :'name' AS name, oid::regprocedure::text AS reference, proacl AS acl, proowner AS owner FROM pg_proc
  WHERE oid = {find}(:'reference')
