# Prints an account and one of its user units: the lines `GROUP`, `HOME`, `linger` or `-`, `up` or `-` for the service manager
# of the account, and `pam` or `-` for the module that gives it a place in /run/user. Then a line `TYPE OWNER MODE`, or `-`, for
# the home directory, each folder on the way to the unit, and the file of the unit. Then the properties of the unit, an empty
# line, and the content of the file.
# Needs: $m_unit, the unit; user-manager.sh before it. Exits with 3 if there is no such account.

m_home=$(getent passwd "$m_user" | cut -d: -f6)
id -gn -- "$m_user" 2>/dev/null || exit 3
printf '%s\n' "$m_home"
if [ -e "/var/lib/systemd/linger/$m_user" ]; then echo linger; else echo -; fi
m_up=-
[ ! -S "/run/user/$(id -u "$m_user")/systemd/private" ] || m_up=up
echo $m_up
m_pam=-
for m_file in /usr/lib/*/security/pam_systemd.so; do [ ! -e "$m_file" ] || m_pam=pam; done
echo $m_pam
m_path=$m_home
for m_part in '' /.config /systemd /user "/$m_unit"; do
  m_path=$m_path$m_part
  stat -c '%F %U %a' -- "$m_path" 2>/dev/null |
    sed 's/^regular empty file/file/; s/^regular file/file/; s/^symbolic link/link/' | grep . || echo -
done
[ $m_up = - ] || systemctl show -p "$m_properties" -- "$m_unit" 2>/dev/null
echo
[ ! -f "$m_path" ] || cat -- "$m_path"
