# Writes the names of the packages that an installation brings, so that `apt-prepare.sh` can complete it after a cut.
# Needs: {simulation}, the installation as `apt-get -s`; {file}, the file of the names, and its {folder}.

mkdir -p -m 0700 {folder}
{simulation} 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p' >{file}.new
if [ -s {file}.new ]; then
  sync -- {file}.new && mv -fT -- {file}.new {file}
else
  rm -f -- {file}.new
fi
