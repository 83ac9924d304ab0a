# Restarts a daemon of systemd if it runs.
# Needs: {unit}; {file}, the file whose lines it must not ignore.
# Exits with a code other than 0 if the restart fails, or if the daemon ignores a line of the file. It prints the complaints on stderr.

began=$(date +%s)
systemctl try-restart -- {unit} || exit
journalctl --sync 2>/dev/null
said=$(journalctl -q --since "@$began" --no-pager -o cat 2>/dev/null | grep -F {file}: | grep -i ignor)
[ -z "$said" ] || { printf '%s\n' "$said" >&2; exit 1; }
