# Finds the psql to run. Debian's psql is a wrapper in Perl that chooses a cluster and a version (pg_wrapper(1)); its start
# takes longer than the queries. Where there is one version, and one cluster with the socket and the port of Debian, the
# wrapper has no choice: then this is the version's own psql, with the environment that the wrapper would give it.
# Defines: r_psql, the program; PGHOST, PGPORT, PGCLUSTER and PGSYSCONFDIR for it.
# Needs: nothing.
# Exit codes: none; r_psql is `psql` if there is none, or the wrapper has a choice.
#
# The wrapper refuses a configuration with lines that it cannot parse, so such a configuration is left to the wrapper.

r_psql=psql
r_only_psql() {
  [ /usr/bin/psql -ef /usr/share/postgresql-common/pg_wrapper ] && [ "$(command -v psql)" = /usr/bin/psql ] || return
  [ -z "${PGHOST-}${PGPORT-}${PGCLUSTER-}${PGSYSCONFDIR-}${PG_CLUSTER_CONF_ROOT-}" ] || return
  [ -n "${HOME-}" ] && [ ! -e "$HOME/.postgresqlrc" ] || return
  set -- /usr/lib/postgresql/*/bin/psql /etc/postgresql/*/*/postgresql.conf
  [ $# = 2 ] && [ -x "$1" ] || return
  r_v=${2#/etc/postgresql/}
  r_v=${r_v%/postgresql.conf}
  [ "$1" = "/usr/lib/postgresql/${r_v%/*}/bin/psql" ] || return
  r_u=$1
  set -- /etc/postgresql-common/user_clusters "$2" "${2%/*}"/conf.d/*.conf "/var/lib/postgresql/$r_v/postgresql.auto.conf"
  [ $# != 4 ] || [ -e "$3" ] || set -- "$1" "$2" "$4"
  awk -v data="/var/lib/postgresql/$r_v" '
    /^[ \t]*(#|$)/ { next }
    FILENAME ~ /user_clusters$/ { odd = 1 }
    !/^[ \t]*[A-Za-z0-9_.-]+[ \t]*(=|[ \t])[ \t]*(\047([^\047\\]|\047\047)*\047|-?[A-Za-z0-9][A-Za-z0-9._:\/+-]*)[ \t]*(#.*)?$/ { odd = 1 }
    { name = tolower($0); sub(/^[ \t]*/, "", name); sub(/[ \t=].*/, "", name)
      value = $0; sub(/^[ \t]*[^ \t=]+[ \t]*=?[ \t]*\047?/, "", value); sub(/\047?[ \t]*(#.*)?$/, "", value) }
    name ~ /^(port|unix_socket_directory|unix_socket_directories|data_directory|include.*)$/ { set[name] = set[name] " " value }
    END { exit odd || set["port"] != " 5432" || set["unix_socket_directories"] != " /var/run/postgresql" ||
      set["data_directory"] != " " data || set["include_dir"] !~ /^( conf[.]d)?$/ ||
      set["include"] set["include_if_exists"] set["unix_socket_directory"] != "" }' "$@" 2>/dev/null || return
  export PGHOST=/var/run/postgresql PGPORT=5432 PGCLUSTER="$r_v" PGSYSCONFDIR=/etc/postgresql-common
  r_psql=$r_u
}
r_only_psql
