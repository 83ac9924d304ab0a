# Prints "users N" with the number of open files at $r_path if something other than $r_source is mounted there, and "entries N"
# with the number of entries of the folder if nothing is. Needs findmnt, ls, awk. Exits 0.

if [ "$r_source" -ef "$r_path" ] || findmnt -n -M "$r_path" -S "$r_source" >/dev/null 2>&1; then
  :
elif mountpoint -q "$r_path"; then
  ls -l /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/fd 2>/dev/null |
    r_path=$r_path awk 'BEGIN { p = " -> " ENVIRON["r_path"] } index($0, p "/") || substr($0, length($0) - length(p) + 1) == p { n++ } END { print "users " n + 0 }'
else
  printf 'entries %s\n' "$(ls -A "$r_path" 2>/dev/null | wc -l)"
fi
