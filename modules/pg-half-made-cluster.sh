# Removes what a cut has left of the cluster that the first configuration of a server package makes. The next
# configuration would take it for a cluster of the administrator's and adopt it (pg_createcluster(1)), without a word,
# and no server could ever start on it. It deletes a data directory, and does so only when four things together say
# that nothing but that configuration has written there: the package was never configured, no server has ever run on
# the data, it is no backup, and all of it is newer than the unpacking of the package.
# Prints a line for each such cluster.

dpkg-query -W -f='${db:Status-Status}:${Config-Version} ${Package}\n' 2>/dev/null |
  sed -nE 's/^(unpacked|half-configured): postgresql-([0-9]+)$/\2/p' |
  while read -r version; do
    data=/var/lib/postgresql/$version/main unpacked=/var/lib/dpkg/info/postgresql-$version.list
    [ -d "$data" ] && [ -f "$unpacked" ] || continue
    [ ! -e "$data/postmaster.opts" ] && [ ! -e "$data/backup_label" ] || continue
    [ -z "$(find "$data" ! -newer "$unpacked" -print -quit)" ] || continue
    echo "making the cluster $version main was cut off before a server ran on it: it is made anew"
    # In this order, since the configuration says that there is a cluster.
    rm -rf -- "/etc/postgresql/$version/main"
    rm -rf -- "$data"
  done
