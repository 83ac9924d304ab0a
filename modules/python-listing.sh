# Prints the packages of a virtual environment (`package NAME-VERSION.dist-info`), the first missing file of each (`lost
# NAME-VERSION.dist-info FILE`) and their requirements (`needs NAME-VERSION.dist-info REQUIREMENT`), the packages of the
# host's own Python if it uses them, `machine` for markers, `usable` if it is complete, `ensurepip` if the host can create
# one, and an owner of a file other than $owner, or without $owner the current account. It starts no Python. pip writes
# RECORD with its line for INSTALLER last: a package without this line was cut off.
# Needs: $venv, its folder; $unfinished, a file that exists during its creation; $system, set if it uses the host's
# packages; $owner, or nothing. Files without a hash, such as compiled ones, do not belong to the package itself.

awk '/\/INSTALLER,/ && !(FILENAME in whole) {
  whole[FILENAME]
  n = split(FILENAME, at, "/")
  print "package " at[n - 1]
}
/,sha256=/ && !/^"?\// {
  sub(/,[^,]*,[^,]*$/, "")
  if (gsub(/^"|"$/, "")) gsub(/""/, "\"")
  print substr(FILENAME, 1, length(FILENAME) - length("RECORD")) "../" $0
}' "$venv"/lib/python3*/site-packages/*.dist-info/RECORD 2>/dev/null | xargs -r -d '\n' sh -c '
  for f do
    case $f in "package "*) echo "$f"; continue ;; esac
    [ -e "$f" ] && continue
    d=${f%%.dist-info/../*}
    [ "$d" = "$of" ] || echo "lost ${d##*/}.dist-info ${f#*.dist-info/../}"
    of=$d
  done' sh
echo "machine $(uname -m)"
[ -x "$venv/bin/python" ] && [ -x "$venv/bin/pip" ] && [ ! -e "$venv/$unfinished" ] && echo usable
for f in /usr/lib/python3*/ensurepip; do [ -d "$f" ] && echo ensurepip; done
if [ -n "$system" ]; then
  for f in /usr/lib/python3*/dist-packages/*-info /usr/local/lib/python3*/dist-packages/*-info; do echo "package ${f##*/}"; done
fi
if [ -n "$owner" ]; then find "$venv" ! -user "$owner" -printf 'owner %u\n' -quit 2>/dev/null; else echo "account $(id -un)"; fi
# The requirements come last, and those of extras after the others, because the engine cuts off long output.
awk '/^\r?$/ { nextfile } sub(/^Requires-Dist: */, "") {
  n = split(FILENAME, at, "/")
  line = "needs " at[n - 1] " " $0
  if (/extra/) extras = extras line "\n"; else print line
} END { printf "%s", extras }' "$venv"/lib/python3*/site-packages/*.dist-info/METADATA 2>/dev/null
:
