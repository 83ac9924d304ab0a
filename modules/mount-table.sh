# Prints the lines of /proc/self/mountinfo for $r_path, as the kernel writes it, and for the mounts below it; and then "same" if
# the source $r_source is what is mounted at $r_at. Needs awk, findmnt. Exits 0.

r_path=$r_path awk 'BEGIN { p = ENVIRON["r_path"] } $5 == p || index($5, p "/") == 1' /proc/self/mountinfo
if [ "$r_source" -ef "$r_at" ] || findmnt -n -M "$r_at" -S "$r_source" >/dev/null 2>&1; then
  echo same
fi
