# Tries whether the server would start with a setting, without changing it. The server's program compares the settings
# before it looks for a running server. A start for a folder without data takes the memory.
# Needs: {setting}, `name=value`; {addresses}, the words of listen_addresses.
# Prints `refused` and the reason if the server would not start.

ask() { psql -XAtq -d postgres -c "SHOW $1" 2>/dev/null; }
version=$(ask server_version_num) config=$(ask config_file) data=$(ask data_directory)
[ -n "$data" ] && trial=$(mktemp -d) || exit 0
trap 'rm -rf -- "$trial"' EXIT
program=/usr/lib/postgresql/$((version / 10000))/bin/postgres
start() { "$program" "$@" -c config_file="$config" -c lc_messages=C -c log_destination=stderr -c {setting} 2>&1 </dev/null; }
said() { sed -n 's/^postgres: /refused /p; s/^.*FATAL: */refused /p'; }
{
  [ "$version" -lt 150000 ] || start -D "$data" -C shared_memory_size | said | grep -v 'lock file'
  cp -- "$data/PG_VERSION" "$data/postgresql.auto.conf" "$trial"
  # Without overcommitment, the memory of the running server would count twice.
  [ "$(cat /proc/sys/vm/overcommit_memory)" = 2 ] || start --check -D "$trial" -c data_directory="$trial" -c huge_pages=off |
    said | grep -i 'memory\|semaphore'
  set -- {addresses}
  [ $# -eq 0 ] || ! perl -MIO::Socket::IP -e 1 2>/dev/null ||
    perl -MIO::Socket::IP -e 'exit !grep { IO::Socket::IP->new(LocalHost => $_, LocalPort => 0, Listen => 1) } @ARGV' -- "$@" ||
    echo "refused the host has no address $*"
} | head -n 1
