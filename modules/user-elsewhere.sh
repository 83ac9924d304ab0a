# Prints the line of an account that is not in /etc/passwd, but in another source of nsswitch.conf.
# Needs: $u_name.

while IFS=: read -r u_one u_rest; do [ "$u_one" = "$u_name" ] && exit; done </etc/passwd
getent passwd "$u_name" || :
