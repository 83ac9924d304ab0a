# Prepares the note of an installation: a line with the requested names, a tab, and the names of all packages that it
# brings. apt-get adds it to the file of the notes when dpkg starts, so that `apt-prepare.sh` can complete it after a cut.
# Needs: {requested}, the requested names; {simulation}, the installation as `apt-get -s`; {without}, a package that apt
# knows only as a file; {file}, the file of the notes, and its {folder}.

mkdir -p -m 0700 {folder}
comes=$({simulation} 2>/dev/null | awk -v without={without} '$1 == "Inst" && $2 != without { print $2 }')
if [ -n "$comes" ]; then
  printf '%s\t%s\n' {requested} "$(echo $comes)" >{file}.new
else
  rm -f -- {file}.new
fi
