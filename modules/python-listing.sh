# Prints the packages of a virtual environment (`package NAME-VERSION.dist-info`) and those of the host's own Python if it
# uses them, `usable` if it is complete, `ensurepip` if the host can create one, and an owner of a file other than $owner,
# or without $owner the current account. It starts no Python. pip writes RECORD with its line for INSTALLER last: a
# package without this line was cut off.
# Needs: $venv, its folder; $unfinished, a file that exists during its creation; $system, set if it uses the host's
# packages; $owner, or nothing.

grep -ls /INSTALLER, "$venv"/lib/python3*/site-packages/*.dist-info/RECORD | while read -r f; do f=${f%/*}; echo "package ${f##*/}"; done
[ -x "$venv/bin/python" ] && [ -x "$venv/bin/pip" ] && [ ! -e "$venv/$unfinished" ] && echo usable
for f in /usr/lib/python3*/ensurepip; do [ -d "$f" ] && echo ensurepip; done
if [ -n "$system" ]; then
  for f in /usr/lib/python3*/dist-packages/*-info /usr/local/lib/python3*/dist-packages/*-info; do echo "package ${f##*/}"; done
fi
if [ -n "$owner" ]; then find "$venv" ! -user "$owner" -printf 'owner %u\n' -quit 2>/dev/null; else echo "account $(id -un)"; fi
:
