# Prints the processes of an account, as `PID NAME`, if its number or home differs from the given ones: usermod then refuses
# the change. Without both, prints the processes in any case.
# Needs: $u_name, $u_uid, $u_home; the last two can be empty.

while IFS=: read -r u_one u_x u_id u_gid u_comment u_place u_shell; do
  [ "$u_one" = "$u_name" ] || continue
  [ -z "$u_uid$u_home" ] || [ "${u_uid:-$u_id}" != "$u_id" ] || [ "${u_home:-$u_place}" != "$u_place" ] || exit 0
  stat -c '%u %n' /proc/[0-9]* 2>/dev/null | while read -r u_owner u_process; do
    [ "$u_owner" = "$u_id" ] && read -r u_command 2>/dev/null <"$u_process/comm" && echo "${u_process#/proc/} $u_command"
  done
done </etc/passwd
:
