# Prints those of {names} that an installed package provides, one a line.
# Needs: {names}, with a space before and after each.

dpkg-query -W -f='${db:Status-Status}\t${Provides}\n' | awk -F '\t' -v names={names} '
$1 == "installed" { n = split($2, all, /, */); for (i = 1; i <= n; i++) { sub(/ .*/, "", all[i]); if (index(names, " " all[i] " ")) print all[i] } }'
