-- rows: one row for the setting `name`, whether the server knows it or not.
SELECT s.name IS NOT NULL AS known, s.vartype, s.unit, s.enumvals, s.min_val, s.max_val, s.context,
  s.setting AS running, f.setting AS written,
  coalesce(s.sourcefile LIKE '%/postgresql.auto.conf', false) AS applied,
  pg_conf_load_time() >= (pg_stat_file('postgresql.auto.conf')).modification AS read,
  coalesce(s.context <> 'postmaster' AND s.source IN ('default', 'configuration file'), false) AS reloadable,
  ({unloaded}) AS unloaded
FROM (SELECT :'name' AS name) AS wanted
  LEFT JOIN pg_settings AS s ON lower(s.name) = wanted.name
  LEFT JOIN pg_file_settings AS f ON lower(f.name) = wanted.name AND f.sourcefile LIKE '%/postgresql.auto.conf'

-- settable: whether ALTER SYSTEM takes the setting `name` of a library; until PostgreSQL 17, the library must be loaded.
SELECT current_setting('server_version_num')::int >= 170000
  OR current_setting(:'name', true) IS NOT NULL AS settable
