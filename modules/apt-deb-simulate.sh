# Simulates the installation of the dependencies of a .deb, unless its package is there with the same version.
# Needs: `name` and `version` of the package; `readOnly`, which sets $only and $memory; `dependencies`, the words for
# apt-get satisfy.
# Prints the architectures of the host (`Arch amd64`), and what apt-simulate.sh prints.

[ "$(dpkg-query -W -f='${db:Status-Status}=${Version}' "$name" 2>/dev/null)" != "installed=$version" ] || exit 0
{ dpkg --print-architecture; dpkg --print-foreign-architectures; } | sed 's/^/Arch /'
[ -n "$dependencies" ] || exit 0
eval "$readOnly"
eval "$only apt-get -s -q $memory satisfy $dependencies" 2>&1 |
  awk '!/^ / { kept = /^(Inst|Remv|Purg|E:) |unmet dependencies:$/ } kept'
