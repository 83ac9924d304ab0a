# Prints the SHA-256 of the stored hash of an account's password, without the `!` of a locked one. If $u_salt is not empty, a
# second line holds the part of the hash before its last `$`: the scheme and the salt. The hash itself stays on the host.
# Needs: $u_name, $u_salt; the rights of root.

while IFS=: read -r u_one u_hash u_rest; do
  [ "$u_one" = "$u_name" ] || continue
  u_hash=${u_hash#"${u_hash%%[!!]*}"}
  printf %s "$u_hash" | sha256sum
  case $u_salt$u_hash in wanted\$*) printf '%s\n' "${u_hash%\$*}" ;; esac
done </etc/shadow
:
