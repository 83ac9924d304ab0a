# Prints the packages of a virtual environment (`package NAME-VERSION.dist-info`), those of the host's own Python where it
# uses them, `usable` when it is whole, `ensurepip` when the host can make one, and a file's owner that is not $owner, or
# without an owner who runs this. What pip writes last of a package is its RECORD with the line of INSTALLER: one without it
# was cut off. No Python is started.
# Needs: $venv, its folder; $unfinished, a file that is there while it is made; $system, set when it uses the host's
# packages; $owner, or nothing.

grep -ls /INSTALLER, "$venv"/lib/python3*/site-packages/*.dist-info/RECORD | while read -r f; do f=${f%/*}; echo "package ${f##*/}"; done
[ -x "$venv/bin/python" ] && [ -x "$venv/bin/pip" ] && [ ! -e "$venv/$unfinished" ] && echo usable
for f in /usr/lib/python3*/ensurepip; do [ -d "$f" ] && echo ensurepip; done
if [ -n "$system" ]; then
  for f in /usr/lib/python3*/dist-packages/*-info /usr/local/lib/python3*/dist-packages/*-info; do echo "package ${f##*/}"; done
fi
if [ -n "$owner" ]; then find "$venv" ! -user "$owner" -printf 'owner %u\n' -quit 2>/dev/null; else echo "account $(id -un)"; fi
:
