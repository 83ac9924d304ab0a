# Prints what a reboot has to know of a host: `init` if systemd is its first process, `failed UNIT` for each failed unit,
# `owed SINCE ACTION UNIT` for each note of owed work in the state directory, and `tried KERNEL` if the host was already restarted for that
# kernel.
# Needs: $b_base, the state directory; $b_tried, the file with that kernel. Exits with 0.

[ ! -d /run/systemd/system ] || echo init
systemctl list-units --state=failed --plain --no-legend --no-pager 2>/dev/null | sed 's/ .*//; s/^/failed /'
for b_note in "$b_base"/owed/*; do
  [ -f "$b_note" ] || continue
  IFS='	' read -r b_action b_since b_because <"$b_note"
  printf 'owed %s %s %s\n' "$b_since" "$b_action" "${b_note##*/}"
done
[ ! -f "$b_tried" ] || sed 's/^/tried /' "$b_tried"
exit 0
