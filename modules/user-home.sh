# Prints the owner of an account's home directory, or nothing if there is none.
# Needs: $u_name.

while IFS=: read -r u_one u_x u_id u_gid u_comment u_place u_shell; do
  [ "$u_one" = "$u_name" ] && [ -d "$u_place" ] && stat -c %U -- "$u_place"
done </etc/passwd
:
