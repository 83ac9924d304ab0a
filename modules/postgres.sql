-- no_role: a trouble unless the role `role` exists, or {isPublic}.
CASE WHEN NOT ({isPublic} OR EXISTS(SELECT FROM pg_roles WHERE rolname = :'role')) THEN '' END

-- no_schema: a trouble unless the schema `schema` exists.
CASE WHEN NOT (EXISTS(SELECT FROM pg_namespace WHERE nspname = :'schema')) THEN '' END

-- holders: the roles that own objects or have privileges in a {database} (its oid).
ARRAY(SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid WHERE
    refclassid = 'pg_authid'::regclass AND (dbid = {database} OR classid = 'pg_database'::regclass AND objid = {database}))

-- unloaded: the names of the settings in postgresql.auto.conf, if the file is newer than the last reload.
SELECT coalesce(array_agg(DISTINCT lower(name)), '{}') FROM
  (SELECT name, sourcefile FROM pg_file_settings UNION ALL SELECT name, sourcefile FROM pg_settings) AS s
  WHERE sourcefile LIKE '%/postgresql.auto.conf'
    AND pg_conf_load_time() < (pg_stat_file('postgresql.auto.conf')).modification
