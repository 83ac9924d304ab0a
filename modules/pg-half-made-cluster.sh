# Removes the half-made cluster of a server package whose first configuration was cut off. The next configuration would
# silently adopt it as a cluster of the administrator (pg_createcluster(1)), and no server could ever start on it. It
# deletes a data directory only if four conditions together prove that only that configuration has written there: the
# package was never configured, no server has ever run on the data, it is no backup, and all of it is newer than the
# unpacking of the package.
# Prints a line for each such cluster.

dpkg-query -W -f='${db:Status-Status}:${Config-Version} ${Package}\n' 2>/dev/null |
  sed -nE 's/^(unpacked|half-configured): postgresql-([0-9]+)$/\2/p' |
  while read -r version; do
    data=/var/lib/postgresql/$version/main unpacked=/var/lib/dpkg/info/postgresql-$version.list
    [ -d "$data" ] && [ -f "$unpacked" ] || continue
    [ ! -e "$data/postmaster.opts" ] && [ ! -e "$data/backup_label" ] || continue
    [ -z "$(find "$data" ! -newer "$unpacked" -print -quit)" ] || continue
    echo "making the cluster $version main was cut off before a server ran on it: it is made anew"
    # The configuration goes first: while it exists, the cluster counts as existing.
    rm -rf -- "/etc/postgresql/$version/main"
    rm -rf -- "$data"
  done
