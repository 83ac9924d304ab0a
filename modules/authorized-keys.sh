# Prints where sshd looks for an account's keys: a line `GROUP`, a line `PATH`, and a line `TYPE OWNER MODE`, or `-`, for its
# home directory. With $k_usual, prints only what is there, and nothing for the path $k_usual, which other probes read: a line
# for the directory of the file, a line for the file, and its content.
# Needs: $k_user, $k_usual, $k_new_home; $k_read_only, which sets $only. Exits with 3 if there is no such account, unless
# $k_new_home is the home that it will have.

k_line=$(getent passwd "$k_user") || { [ -n "$k_new_home" ] && k_line=$k_user:x::::$k_new_home:; } || exit 3
IFS=: read -r k_name k_x k_uid k_gid k_comment k_home k_shell <<END
$k_line
END
k_path=.ssh/authorized_keys
if grep -qis '^[[:space:]]*AuthorizedKeysFile' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; then
  eval "$k_read_only"
  k_set=$($only sshd -T -C "user=$k_user,host=localhost,addr=127.0.0.1" 2>/dev/null | sed -n 's/^authorizedkeysfile //p')
  k_path=$(printf '%s\n' "${k_set%% *}" | sed "s,%h,$k_home,g; s,%u,$k_user,g; s,%U,$k_uid,g; s,%%,%,g")
fi
case $k_path in /*) ;; *) k_path=$k_home/$k_path ;; esac
k_show() {
  stat -c '%F %U %a' -- "$1" 2>/dev/null | sed 's/^regular empty file/file/; s/^regular file/file/; s/^symbolic link/link/' | grep . || echo -
}
if [ -z "$k_usual" ]; then
  id -gn -- "$k_user" 2>/dev/null || printf '%s\n' "$k_user"
  printf '%s\n' "$k_path"
  k_show "$k_home"
elif [ "$k_path" != "$k_usual" ]; then
  k_show "${k_path%/*}"
  k_show "$k_path"
  cat -- "$k_path" 2>/dev/null
fi
:
