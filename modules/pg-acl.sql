-- rows: the existing {objects}, each with the privileges that {grantee} (an oid) itself holds and those that the object
-- can have. {acl} and {all} are SQL for an object's access control list, and for its default one.
SELECT name, reference,
  ARRAY(SELECT DISTINCT privilege_type COLLATE "C" FROM aclexplode({acl}) WHERE grantee = {grantee} ORDER BY 1) AS granted,
  ARRAY(SELECT DISTINCT privilege_type COLLATE "C" FROM aclexplode({all}) WHERE grantee = owner ORDER BY 1) AS possible
FROM ({objects}) AS objects ORDER BY name COLLATE "C"

-- role: the oid of `role`.
(SELECT oid FROM pg_roles WHERE rolname = :'role')

-- creators: the roles for which {creator} holds, as objects: their later objects in `schema` get the privileges.
-- {letter} is the kind of those objects in pg_default_acl.
SELECT rolname AS name, quote_ident(rolname) AS reference, defaclacl AS acl, creator.oid AS owner
  FROM pg_roles AS creator LEFT JOIN pg_default_acl
    ON defaclrole = creator.oid AND defaclobjtype = '{letter}'
    AND defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :'schema')
  WHERE {creator}

-- owner: whether a creator is the owner of the database.
creator.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())

-- database: the current database, as an object.
SELECT datname AS name, quote_ident(datname) AS reference, datacl AS acl, datdba AS owner
  FROM pg_database WHERE datname = current_database()

-- schema: `schema` as an object.
SELECT nspname AS name, quote_ident(nspname) AS reference, nspacl AS acl, nspowner AS owner
  FROM pg_namespace WHERE nspname = :'schema'

-- relations: the relations of these {kinds} in `schema`, limited by {only}.
SELECT relname AS name, format('%I.%I', nspname, relname) AS reference, relacl AS acl, relowner AS owner
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = :'schema' AND relkind IN ({kinds}){only}

-- functions: all functions in `schema`.
SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name,
  oid::regprocedure::text AS reference, proacl AS acl, proowner AS owner FROM pg_proc
  WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = :'schema')

-- function: the function declared as `name`. The types of its parameters have many spellings, so the server {find}s the
-- function of `reference`.
SELECT :'name' AS name, oid::regprocedure::text AS reference, proacl AS acl, proowner AS owner FROM pg_proc
  WHERE oid = {find}(:'reference')
