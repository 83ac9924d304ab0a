/**
 * Shell that sets `$only` and `$memory` for `$only apt-get -s $memory …`: apt's binary cache saves a reading half a
 * second, but apt writes it when it is stale and may be written. So root gives up every right but that to read
 * everything; where it cannot (a container may lack that right), apt does without its cache.
 */
export const readOnlyApt = `export LC_ALL=C
only='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search'
memory=
if [ "$(id -u)" != 0 ]; then only=
elif ! $only true 2>/dev/null; then
  only=
  memory='-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
fi
`;
