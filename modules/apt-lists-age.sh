# Prints the age of the package lists in seconds, `none` without lists, or `changed` if the sources are newer.

d=/var/lib/apt/lists
case "$(echo $d/*_*)" in "$d/*_*") echo none; exit ;; esac
[ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $d 2>/dev/null)" ] || { echo changed; exit; }
fetched=$(stat -c %Y $d /var/lib/apt/periodic/update-success-stamp 2>/dev/null | sort -n | tail -n 1)
echo $(($(date +%s) - fetched))
