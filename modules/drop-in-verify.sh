# Verifies a drop-in together with its unit. Every complaint of systemd about the drop-in counts, even one about a thing that
# systemd would ignore, and so does a unit that systemd would no longer load. Other complaints about the unit do not count:
# it may have had them before.
# Needs: $v_unit, the unit; $v_source, the name of its file; $v_stand_in, the name of a made-up unit for a drop-in of many
# units, or empty; $v_of_file and $v_of_unit, patterns of the lines about the drop-in and the unit.
# Exits with 1 if the drop-in has a problem, which it prints on stderr.

v_tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$v_tmp"' EXIT
if [ -n "$v_stand_in" ]; then
  v_name=$v_stand_in
  case $v_name in *.service) printf '[Service]\nExecStart=/bin/true\n' ;; *) echo '[Unit]' ;; esac >"$v_tmp/$v_name"
else
  # systemd-analyze wants a file of the unit's own name, which an instance of a template has not.
  v_name=$v_unit
  for v_in in /etc/systemd /run/systemd /usr/local/lib/systemd /usr/lib/systemd; do
    cp "$v_in/system/$v_source" "$v_tmp/$v_name" 2>/dev/null && break
  done
  [ -e "$v_tmp/$v_name" ] || cp "/run/systemd/generator/$v_source" "$v_tmp/$v_name" 2>/dev/null ||
    cp "/run/systemd/generator.late/$v_source" "$v_tmp/$v_name" || exit 1
fi
v_said=$(systemd-analyze verify --man=no "$v_tmp/$v_name" 2>&1)
! printf '%s\n' "$v_said" | grep -E -e "$v_of_file" -e "$v_of_unit" >&2
