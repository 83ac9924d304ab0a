# Removes the notes of complete installations from the file of the notes.
# Needs: {file}; {requested}, the requested names of each installation, as in its note.

if [ -f {file} ]; then
  printf '%s\n' {requested} | awk -F '\t' 'NR == FNR { complete[$0]; next } !($1 in complete)' - {file} >{file}.new
  if [ -s {file}.new ]; then sync -- {file}.new && mv -fT -- {file}.new {file}; else rm -f -- {file} {file}.new; fi
fi
