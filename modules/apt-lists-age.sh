# Prints the age of the package lists in seconds, `none` without lists, or `changed` if the sources, their keys or the host's
# architectures are newer.

d=/var/lib/apt/lists
set -- $d/*_*
[ -e "$1" ] || { echo none; exit; }
[ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/keyrings /var/lib/dpkg/arch -newer $d 2>/dev/null)" ] || { echo changed; exit; }
stamp=/var/lib/apt/periodic/update-success-stamp
[ $stamp -nt $d ] || stamp=$d
echo $(($(date +%s) - $(stat -c %Y $stamp)))
