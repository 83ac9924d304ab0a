# Simulates an apt-get of those of the packages that {choose} lets through; when there are none, it does {none}.
# The architectures that the host takes (`Arch amd64`) are printed where one is named, since apt also takes others and
# leaves the refusal to dpkg, and the versions that apt has (`Have nginx 1.22.1-9`) where it refuses.
# Needs: {packages} as written; {choose}, shell that continues the loop for those that are left out, by $n (name), $v
# (`=version`) and $status (`installed=VERSION`); {apt}, the words for apt-get; {readOnly}, which sets $only and $memory;
# $r_planned, words for the packages of earlier resources.
# Prints `Inst`, `Remv` and `Purg` lines, and of what apt says the lines that are read, with the indented ones after them.

set --
for p in {packages}; do
  n=${p%%=*}; v=${p#"$n"}; n=${n%:native}; n=${n%:any}
  status=$(dpkg-query -W -f='${db:Status-Status}=${Version}' "$n" 2>/dev/null)
  {choose}
  set -- "$@" "$p"
done
[ $# -gt 0 ] || {none}
{readOnly}
{
  errors=$($only apt-get -s -q $memory {apt} "$@" $r_planned 2>&1 >&3)
  case "$* $errors" in *:*) { dpkg --print-architecture; dpkg --print-foreign-architectures; } | sed 's/^/Arch /' ;; esac
  case $errors in *E:*)
    printf '%s\n' "$errors"
    for p; do echo "${p%%=*}"; done | xargs $only apt-cache $memory madison 2>/dev/null | awk '{ print "Have", $1, $3 }' ;;
  esac
} 3>&1 | awk '!/^ / { kept = /^(Inst|Remv|Purg|E:|Arch|Have) |provided by:$|DOWNGRADED:$|unmet dependencies:$|^This should NOT/ } kept'
