# Ends the script if all of {names} are installed, which is the usual case.

if there=$(dpkg-query -W -f='${db:Status-Status} ' {names} 2>/dev/null); then
  for status in $there; do [ "$status" = installed ] || break; done
  [ "$status" != installed ] || exit 0
fi
