# Prints the place of an account's authorized keys and what is there: a line `GROUP`, a line `PATH`, then for its home
# directory, the directory of the file and the file a line `TYPE OWNER MODE` or `-`, then the content of the file.
# Needs: $k_user. Exits with 3 if there is no such account.

k_line=$(getent passwd "$k_user") || exit 3
IFS=: read -r k_name k_x k_uid k_gid k_comment k_home k_shell <<END
$k_line
END
k_path=.ssh/authorized_keys
if grep -qis '^[[:space:]]*AuthorizedKeysFile' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; then
  k_set=$(sshd -T -C "user=$k_user,host=localhost,addr=127.0.0.1" 2>/dev/null | sed -n 's/^authorizedkeysfile //p')
  k_path=${k_set%% *}
fi
k_path=$(printf '%s\n' "$k_path" | sed "s,%h,$k_home,g; s,%u,$k_user,g; s,%U,$k_uid,g; s,%%,%,g")
case $k_path in /*) ;; *) k_path=$k_home/$k_path ;; esac
id -gn -- "$k_user"
printf '%s\n' "$k_path"
for k_at in "$k_home" "${k_path%/*}" "$k_path"; do
  stat -c '%F %U %a' -- "$k_at" 2>/dev/null | sed 's/^regular empty file/file/; s/^regular file/file/; s/^symbolic link/link/' | grep . || echo -
done
cat -- "$k_path" 2>/dev/null
:
