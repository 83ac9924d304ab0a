# Ends the script if all of {names} are installed for the host's own architecture, which is the usual case.

own=
[ ! -s /var/lib/dpkg/arch ] || own=$(dpkg --print-architecture)
if there=$(dpkg-query -W -f='${db:Status-Status}/${Architecture} ' {names} 2>/dev/null); then
  for one in $there; do
    [ "${one%/*}" = installed ] && { [ -z "$own" ] || [ "${one#*/}" = all ] || [ "${one#*/}" = "$own" ]; } || { one=; break; }
  done
  [ -z "$one" ] || exit 0
fi
