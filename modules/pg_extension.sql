-- rows: one row for the extension `name`, whether it exists or not. {holders} lists the roles that own objects or have
-- privileges in the database.
SELECT EXISTS(SELECT FROM pg_available_extensions WHERE name = :'name') AS available,
  extversion AS version, nspname AS schema, {holders} AS holders
FROM (SELECT) AS one LEFT JOIN pg_extension ON extname = :'name'
  LEFT JOIN pg_namespace AS n ON n.oid = extnamespace

-- preferred: the version of `v` that is installed if none is declared.
(SELECT default_version FROM pg_available_extensions AS a WHERE a.name = v.name)

-- versions: the versions to which the extension `name` can change, unless {version} is one of them.
(SELECT coalesce(string_agg(version, ', '), 'no other version') FROM (
    SELECT version FROM pg_available_extension_versions AS v WHERE name = :'name' AND NOT EXISTS(SELECT FROM pg_extension WHERE extname = :'name')
    UNION SELECT target FROM pg_available_extensions AS a, pg_extension_update_paths(a.name)
      WHERE a.name = :'name' AND path IS NOT NULL AND source = (SELECT extversion FROM pg_extension WHERE extname = :'name')) AS possible
  HAVING bool_or(version = {version}) IS NOT TRUE)

-- stays: the present schema of the extension `name`, or the one of its {version}, if it cannot be `schema`.
coalesce((SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = :'name' AND NOT extrelocatable),
    (SELECT schema FROM pg_available_extension_versions AS v WHERE name = :'name' AND version = {version} AND schema <> :'schema' AND NOT EXISTS(SELECT FROM pg_extension WHERE extname = :'name')))

-- lacks: the extensions that {version} of the extension `name` requires and the database does not have.
(SELECT string_agg(lacks, ', ') FROM (SELECT unnest(requires) FROM pg_available_extension_versions AS v WHERE name = :'name' AND version = {version}
    EXCEPT SELECT extname FROM pg_extension) AS needed(lacks))

-- dependents: the objects that depend on the extension `name` or on its members, and are not dropped with it.
(WITH RECURSIVE gone(classid, objid) AS (
    SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = :'name'
    UNION SELECT d.classid, d.objid FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
      WHERE deptype <> 'n')
  SELECT string_agg(what, ', ') FROM (SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
    FROM pg_depend AS d JOIN gone ON refclassid = gone.classid AND refobjid = gone.objid
    WHERE deptype = 'n' AND (d.classid, d.objid) NOT IN (SELECT * FROM gone) ORDER BY 1 LIMIT 5) AS dependents(what))
