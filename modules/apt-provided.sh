# Prints those of {names} that an installed package provides, one a line.
# Needs: {names}, with a space before and after each; {any}, an extended regular expression that fits each name alone.
# dpkg-query reads all packages for that. Most often no package provides any of them, which dpkg's file tells sooner,
# unless dpkg has left newer states beside it.

for newer in /var/lib/dpkg/updates/[0-9]*; do :; done
grep -qsE '^Provides:(.*,)? *({any})( |,|$)' /var/lib/dpkg/status || [ -e "$newer" ] || exit 0
dpkg-query -W -f='${db:Status-Status}\t${Provides}\n' | awk -F '\t' -v names={names} '
$1 == "installed" { n = split($2, all, /, */); for (i = 1; i <= n; i++) { sub(/ .*/, "", all[i]); if (index(names, " " all[i] " ")) print all[i] } }'
