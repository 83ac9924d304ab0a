# Puts a swap file of $r_bytes bytes at $r_path, which /proc/swaps lists as $r_listed, in place of an old one, and turns it
# on. The file appears there only when it is complete. Needs awk, fallocate, mkswap, swapon; on btrfs also chattr and dd.
# Exits 1 if one of them fails.

set -e
umask 077
new=$r_path.reconcile-new
trap 'rm -f "$new"' EXIT
rm -f "$new"
# On btrfs, a swap file has no copies and no holes.
case $(stat -f -c %T "$(dirname "$r_path")") in
  btrfs)
    : >"$new"
    chattr +C "$new"
    dd if=/dev/zero of="$new" bs=1048576 count=$((r_bytes / 1048576)) 2>/dev/null
    ;;
  *) fallocate -l "$r_bytes" "$new" ;;
esac
mkswap "$new" >/dev/null
r_on=$(r_path=$r_listed awk '$1 == ENVIRON["r_path"]' /proc/swaps)
[ -z "$r_on" ] || swapoff "$r_path"
mv -f "$new" "$r_path"
swapon "$r_path"
