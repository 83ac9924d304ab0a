# Notes the names of the packages that an installation brings, so that `apt-prepare.sh` can complete one that is cut off.
# Needs: {simulation}, the installation as `apt-get -s`; {folder} and {file}, where the note stands.

mkdir -p -m 0700 {folder}
{simulation} 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p' >{file}.new
if [ -s {file}.new ]; then
  sync -- {file}.new && mv -fT -- {file}.new {file}
else
  rm -f -- {file}.new
fi
