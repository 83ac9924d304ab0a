-- rows: the database `name`, if it exists. `encoding` is the declared one in any spelling. {holders} lists
-- the roles that own objects or have privileges in it.
SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding,
  coalesce(encoding = pg_char_to_encoding(:'encoding'), false) AS encoding_same, {locale} AS locale, {provider} AS locale_provider,
  {icu} AS icu_locale, datconnlimit AS connection_limit, {holders} AS holders
FROM pg_database AS d WHERE datname = :'name'

-- locale: the locale of a database, as one text.
CASE WHEN to_jsonb(d) ->> 'datlocprovider' = 'b' THEN to_jsonb(d) ->> 'datlocale'
  WHEN datcollate = datctype THEN datcollate ELSE datcollate || ' and ' || datctype END

-- provider: the provider of a database's collation, as declared.
CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END

-- icu: the collation of a database whose provider is ICU.
CASE WHEN to_jsonb(d) ->> 'datlocprovider' = 'i' THEN coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') END

-- no_provider: a trouble unless databases can have the `provider`, and the builtin provider has `locale`.
CASE WHEN :'provider' = 'icu' AND current_setting('server_version_num')::int < 150000 THEN 'provider icu'
  WHEN :'provider' = 'builtin' AND NOT EXISTS (SELECT FROM pg_collation AS c
    WHERE to_jsonb(c) ->> 'collprovider' = 'b' AND replace(to_jsonb(c) ->> 'colllocale', 'UTF8', 'UTF-8') = replace(:'locale', 'UTF8', 'UTF-8'))
  THEN :'locale' || ' of the provider builtin' END

-- no_database: a trouble unless the database `name` exists.
CASE WHEN NOT (EXISTS(SELECT FROM pg_database WHERE datname = :'name')) THEN '' END

-- no_encoding: a trouble unless databases can have `encoding`; encodings from 35 on are only for clients.
CASE WHEN NOT (pg_char_to_encoding(:'encoding') BETWEEN 0 AND 34) THEN '' END

-- copied: the encoding and locale of `template`, if a copy cannot have the declared ones: only template0 can be copied
-- with another encoding, locale or provider. `wanted` and `wanted_icu` are the declared locales in a normalized spelling,
-- and `declared` is their provider.
(SELECT pg_encoding_to_char(encoding) || ' and ' || {locale}
      || CASE {provider} WHEN 'libc' THEN '' ELSE format(' (%s)', concat_ws(' ', {provider}, {icu})) END FROM pg_database AS d
    WHERE datname = :'template' AND datname <> 'template0'
      AND NOT (coalesce(encoding = pg_char_to_encoding(:'encoding'), true)
        AND coalesce(regexp_replace(lower({locale}), '[^a-z0-9.@]', '', 'g') = :'wanted', true)
        AND coalesce({provider} = :'declared', true)
        AND coalesce(replace(lower({icu}), '_', '-') = :'wanted_icu', true)))

-- outdated: the collation version with which `template` was made, and the one of the operating system, if they differ. An
-- upgrade of Debian changes it. PostgreSQL 14 has no such function, so the query stands in a text.
(SELECT datcollversion || ' and ' || coalesce(actual, 'none') FROM (
    SELECT to_jsonb(d) ->> 'datcollversion' AS datcollversion, (xpath('//v/text()', query_to_xml(format(
      'SELECT pg_database_collation_actual_version(%s) AS v', oid), false, true, '')))[1]::text AS actual
    FROM pg_database AS d WHERE datname = :'template' AND to_jsonb(d) ->> 'datcollversion' IS NOT NULL) AS versions
  WHERE datcollversion IS DISTINCT FROM actual)

-- mismatch: the locale of a copy of `template`, if it is for another encoding. `locale` and `encoding` are the declared
-- ones, or NULL.
(SELECT l FROM (SELECT coalesce(:'locale', datcollate) AS l,
        coalesce(pg_char_to_encoding(:'encoding'), encoding) AS e
      FROM (SELECT) AS one LEFT JOIN pg_database ON datname = :'template') AS s
      WHERE pg_char_to_encoding(substring(l FROM '[.]([^@]+)')) NOT IN (-1, e) AND e <> 0)

-- kept: the reason why the database `name` can never be dropped.
(SELECT CASE WHEN datistemplate THEN 'it is a template'
    WHEN datname = current_database() THEN 'it is the one that reconcile connects to' END
  FROM pg_database WHERE datname = :'name')

-- connections: the number of connections to the database `name`.
(SELECT nullif(count(*), 0) FROM pg_stat_activity
  WHERE datname = :'name' AND backend_type = 'client backend' AND pid <> pg_backend_pid())::text
