# Defines `chosen`, which quickly tells whether each installed package has the version that apt would choose.
# Needs: $only and $memory.

chosen() {
  dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' |
    xargs $only apt-cache $memory policy 2>/dev/null |
    awk '$1 == "Installed:" { there = $2 } $1 == "Candidate:" { asked = 1; if ($2 != there) { other = 1; exit } } END { exit other || !asked }'
}
