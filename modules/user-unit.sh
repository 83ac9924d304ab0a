# Prints an account and one of its user units: the lines `GROUP`, `HOME`, `linger` or `-`, `up` or `-` for the service manager
# of the account, and `pam` or `-` for the module that gives it a place in /run/user. Then a line `TYPE OWNER MODE PATH` for
# each existing one of the home directory, the folders on the way to the unit, and the file of the unit, and an empty line.
# Then the properties of the unit, an empty line, and the content of the file.
# Needs: $m_unit, the unit; $m_properties; user-manager.sh before it. Exits with 3 if there is no such account.

m_line=$(getent passwd "$m_user") || exit 3
IFS=: read -r m_name m_x m_uid m_gid m_comment m_home m_shell <<END
$m_line
END
id -gn -- "$m_user"
printf '%s\n' "$m_home"
if [ -e "/var/lib/systemd/linger/$m_user" ]; then echo linger; else echo -; fi
m_up=-
[ ! -S "/run/user/$m_uid/systemd/private" ] || m_up=up
echo $m_up
m_pam=-
for m_file in /usr/lib/*/security/pam_systemd.so; do [ ! -e "$m_file" ] || m_pam=pam; done
echo $m_pam
m_own=$m_home/.config/systemd
stat -c '%F %U %a %n' -- "$m_home" "$m_home/.config" "$m_own" "$m_own/user" "$m_own/user/$m_unit" 2>/dev/null
echo
[ $m_up = - ] || systemctl show -p "$m_properties" -- "$m_unit" 2>/dev/null
echo
[ ! -f "$m_own/user/$m_unit" ] || cat -- "$m_own/user/$m_unit"
