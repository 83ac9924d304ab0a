-- refused: the refused lines, with the server's reasons.
SELECT string_agg('line ' || line_number || ': ' || error, '; ') FROM pg_hba_file_rules

-- rows: the file, and {refused}. Bytes beyond ASCII are `\ooo`, because a comment may be in any encoding.
SELECT current_setting('hba_file') AS file,
  encode(pg_read_binary_file(current_setting('hba_file')), 'escape') AS content,
  ({refused}) AS errors, ({unloaded}) AS unloaded

-- validation: fails and names the lines if the server would refuse the file.
DO $$BEGIN ASSERT (SELECT count(error) = 0 FROM pg_hba_file_rules), ({refused}); END$$
