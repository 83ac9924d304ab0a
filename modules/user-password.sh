# Prints the SHA-256 of the stored hash of an account's password, without the `!` of a locked one. The hash itself stays on
# the host.
# Needs: $u_name; the rights of root.

while IFS=: read -r u_one u_hash u_rest; do
  [ "$u_one" = "$u_name" ] && printf %s "${u_hash#"${u_hash%%[!!]*}"}" | sha256sum
done </etc/shadow
:
