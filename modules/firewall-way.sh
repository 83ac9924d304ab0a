# Finds the SSH connection through which this run reached the host.
# Prints: `CLIENT_ADDRESS CLIENT_PORT SERVER_ADDRESS SERVER_PORT INTERFACE`, or nothing for a run that did not come by SSH.
# Needs: the right to read the environment of the ancestors, since sudo takes SSH_CONNECTION away.
# Exit codes: 0.

way=${SSH_CONNECTION-}
pid=$$
while [ -z "$way" ] && [ "${pid:-0}" -gt 1 ]; do
  way=$(grep -zs '^SSH_CONNECTION=' "/proc/$pid/environ" | tr -d '\0')
  way=${way#SSH_CONNECTION=}
  parent=
  while read -r key value; do
    [ "$key" != PPid: ] || parent=$value
  done <"/proc/$pid/status"
  pid=$parent
done 2>/dev/null
[ -n "$way" ] || exit 0
server=${way#* * }
server=${server% *}
on=$(ip -o addr show to "${server%%%*}" 2>/dev/null | { read -r _ on _ && echo "$on"; })
echo "$way ${on:--}"
