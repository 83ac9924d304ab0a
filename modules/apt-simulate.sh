# Simulates an apt-get of the packages that {choose} lets through; without any, it runs {none}.
# If a package names an architecture, it prints those of the host (`Arch amd64`): apt accepts others too and leaves the
# refusal to dpkg. If apt refuses a package, it prints the available versions (`Have nginx 1.22.1-9`).
# Needs: {packages} as written; {choose}, shell that continues the loop for packages to leave out, by $n (name), $v
# (`=version`) and $status (`installed=VERSION`); {apt}, the words for apt-get; {readOnly}, which sets $only and $memory;
# $r_planned, words for the packages of earlier resources.
# Prints `Inst`, `Remv` and `Purg` lines, and the messages of apt that a plan uses, with the indented lines after them.

own=${own:-}
[ -n "$own" ] || [ ! -s /var/lib/dpkg/arch ] || own=$(dpkg --print-architecture)
set --
for p in {packages}; do
  n=${p%%=*}; v=${p#"$n"}; n=${n%:native}; n=${n%:any}
  a=$own
  case $n in *:*) a=${n#*:}; own=${own:-$(dpkg --print-architecture)} ;; esac
  status=
  for row in $(dpkg-query -W -f='${Architecture}/${db:Status-Status}=${Version} ' "${n%:*}" 2>/dev/null); do
    case $a/$row in
      /* | "$a/$a/"* | "$own/all/"*) status=${row#*/} ;;
    esac
  done
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
