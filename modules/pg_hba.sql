-- refused: the refused lines, with the server's reasons.
SELECT string_agg('line ' || line_number || ': ' || error, '; ') FROM pg_hba_file_rules

-- rows: the file, and {refused}. Bytes beyond ASCII are `\ooo`, because a comment may be in any encoding.
SELECT current_setting('hba_file') AS file,
  encode(pg_read_binary_file(current_setting('hba_file')), 'escape') AS content,
  ({refused}) AS errors, ({unloaded}) AS unloaded, ({rules}) AS rules

-- rules: the rules that the server reads, in their order. Included files came with PostgreSQL 16. `after` is the line of
-- pg_hba.conf with the last rule before.
SELECT coalesce(json_agg(rule), '[]') FROM (
  SELECT to_jsonb(r) || jsonb_build_object('file', file, 'after',
    coalesce(max(line_number) FILTER (WHERE file IS NULL) OVER (ORDER BY number), 0)) AS rule
  FROM pg_hba_file_rules AS r, nullif(to_jsonb(r) ->> 'file_name', current_setting('hba_file')) AS file,
    coalesce((to_jsonb(r) ->> 'rule_number')::int, line_number) AS number
  WHERE error IS NULL ORDER BY number) AS rules

-- validation: fails and names the lines if the server would refuse the file.
DO $$BEGIN ASSERT (SELECT count(error) = 0 FROM pg_hba_file_rules), ({refused}); END$$
