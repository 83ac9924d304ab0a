-- rows: the role `name`, if it exists. The stored verifier is read as a digest only, which is enough to compare it and
-- useless for anything else. `valid_until` is the declared time. Since PostgreSQL 16, a membership has options, and a row
-- for each role that granted it; 10 is the oid of the role that superusers grant as.
SELECT json_build_object('login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb,
    'createrole', rolcreaterole, 'replication', rolreplication, 'inherit', rolinherit,
    'connection_limit', rolconnlimit) AS attributes,
  (SELECT coalesce(json_agg(json_build_object('group', g.rolname,
      'by', CASE WHEN to_jsonb(m) ? 'set_option' AND m.grantor <> 10 THEN pg_get_userbyid(m.grantor) END,
      'inherit', (to_jsonb(m) ->> 'inherit_option')::bool, 'set', coalesce((to_jsonb(m) ->> 'set_option')::bool, true))
      ORDER BY g.rolname COLLATE "C"), '[]')
    FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS memberships,
  ARRAY(SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member WHERE m.roleid = r.oid) AS members,
  rolvaliduntil AS valid_until,
  coalesce(rolvaliduntil, 'infinity') = timestamptz :'valid_until' AS valid_until_same,
  CASE WHEN rolpassword IS NOT NULL THEN json_build_object(
    'iterations', substring(rolpassword FROM '[$]([0-9]+):')::int,
    'salt', substring(rolpassword FROM ':([^$]+)[$]'),
    'sha256', encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex')) END AS password
FROM pg_authid r WHERE rolname = :'name'

-- unknown: those of {groups}, a list of literals, that are no existing roles.
(SELECT string_agg(name, ', ') FROM unnest(ARRAY[{groups}]::text[]) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles))

-- below: those of {groups} that are members of the role `name`, directly or through other roles.
(WITH RECURSIVE below(oid) AS (SELECT oid FROM pg_roles WHERE rolname = :'name'
    UNION SELECT member FROM pg_auth_members JOIN below ON roleid = below.oid)
  SELECT string_agg(name, ', ') FROM unnest(ARRAY[{groups}]::text[]) AS name JOIN pg_roles ON rolname = name JOIN below USING (oid))

-- passed_on: the memberships that the role `name` granted to others, in groups other than {groups}. Until PostgreSQL 15,
-- they do not depend on its own.
(SELECT string_agg(pg_get_userbyid(member) || ' in ' || pg_get_userbyid(roleid), ', ') FROM pg_auth_members AS m
  WHERE grantor = (SELECT oid FROM pg_roles WHERE rolname = :'name') AND grantor <> 10
    AND pg_get_userbyid(roleid) <> ALL (ARRAY[{groups}]::text[]) AND to_jsonb(m) ? 'set_option')

-- dependents: the reasons why the role `name` cannot be dropped, in PostgreSQL's words; objects of other databases can
-- only be counted from here.
(SELECT string_agg(what, ', ') FROM (
    SELECT coalesce(what, count(*) || CASE count(*) WHEN 1 THEN ' object' ELSE ' objects' END || ' in database ' || datname)
    FROM (SELECT datname, CASE WHEN dbid = 0 OR datname = current_database() THEN
        CASE deptype WHEN 'o' THEN 'owner of ' ELSE 'privileges for ' END || pg_describe_object(classid, objid, objsubid)
        END AS what
      FROM pg_shdepend LEFT JOIN pg_database d ON d.oid = dbid
      WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name')
    ) AS found GROUP BY what, datname
    UNION SELECT 'needed by the server' FROM pg_roles
      WHERE rolname = :'name' AND (rolname = current_user OR oid < 16384)
    ORDER BY 1) AS dependents(what))

-- elsewhere: the other databases in which the role `name` owns objects or has privileges.
SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'postgres' AND oid IN (SELECT dbid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name') AND dbid <> 0)

-- objects: the first of these objects in the current database.
SELECT pg_describe_object(classid, objid, objsubid) || ' in database ' || current_database() FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name') AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 5
