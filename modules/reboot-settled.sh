# Waits until all units of a restarted host have started, and prints the failed ones.
# Needs: $b_within, seconds; $b_failed, the units that failed before, between spaces; $b_kernel, the kernel that the host was
# restarted for, and $b_tried, the file that notes it until the next boot.
# Exits with 1, and the reason, if units are still starting, or if a unit has failed that had not failed before.

[ -z "$b_kernel" ] || printf '%s\n' "$b_kernel" >"$b_tried" || exit
b_until=$(($(date +%s) + b_within))
while :; do
  b_state=$(systemctl is-system-running 2>/dev/null)
  case $b_state in running | degraded) break ;; esac
  if [ "$(date +%s)" -ge "$b_until" ]; then
    echo "The host is ${b_state:-not running} after $b_within s. Its jobs:" >&2
    systemctl list-jobs --no-legend --no-pager >&2
    exit 1
  fi
  sleep 1
done
b_new=
for b_unit in $(systemctl list-units --state=failed --plain --no-legend --no-pager | sed 's/ .*//'); do
  case " $b_failed " in
    *" $b_unit "*) echo "$b_unit failed before the reboot, too." ;;
    *) b_new="$b_new $b_unit" ;;
  esac
done
[ -n "$b_new" ] || exit 0
echo "The host is up, but these units failed, and had not failed before:$b_new" >&2
for b_unit in $b_new; do systemctl status --no-pager -n 5 "$b_unit" >&2; done
exit 1
