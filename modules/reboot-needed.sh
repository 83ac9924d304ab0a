# Prints why a host needs a reboot: `asked` if /run/reboot-required is there, `package NAME` for each package in its list, and
# `kernel RUNNING NEWEST` if a newer kernel of the same flavour is installed, or another build of the running one.
# Needs: nothing. It asks needrestart too, which knows images in other places, if that is there. Exits with 0.
#
# A container, and a machine whose running kernel is not in /boot, get their kernel from elsewhere.

[ ! -e /run/reboot-required ] || echo asked
sed -n 's/^[[:space:]]*\([^[:space:]]\{1,\}\).*/package \1/p' /run/reboot-required.pkgs 2>/dev/null | sort -u
b_kernel=$(uname -r)
[ -e "/boot/vmlinuz-$b_kernel" ] && ! systemd-detect-virt -cq || exit 0
b_flavour=$(printf '%s\n' "$b_kernel" | sed 's/^[0-9][^-]*-\([0-9][^-]*-\)*//')
b_newest=$(for b_file in /boot/vmlinuz-[0-9]*-"$b_flavour"; do printf '%s\n' "${b_file#/boot/vmlinuz-}"; done |
  grep -E "^[0-9][^-]*-([0-9][^-]*-)*$b_flavour\$" | sort -V | tail -n 1)
if [ "$b_newest" != "$b_kernel" ]; then
  echo "kernel $b_kernel $b_newest"
  exit 0
fi
b_runs=$(sed -n 's/.* Debian \([^ ]*\) (.*/\1/p' /proc/version)
b_there=$(dpkg-query -W -f '${Version}' "linux-image-$b_kernel" 2>/dev/null)
if [ -n "$b_runs" ] && [ -n "$b_there" ] && [ "$b_runs" != "$b_there" ]; then
  echo "kernel $b_runs $b_there"
  exit 0
fi
[ ! -x /usr/sbin/needrestart ] || needrestart -b -k 2>/dev/null |
  awk -F': ' '/-KCUR/ { is = $2 } /-KEXP/ { newest = $2 } /-KSTA: [23]/ { due = 1 } END { if (due && is != "" && newest != "") print "kernel " is " " newest }'
exit 0
