# Waits until no process holds a lock of dpkg or apt, then completes an interrupted installation.
# apt-get itself waits for dpkg's lock, but not for that of the lists, and does not name the holder. A lock counts as
# held if the process that /proc/locks names for its inode has the lock's file open.
# Needs: {limit}, seconds to wait; {waits}, the same as declared; {apt}, an apt-get that asks nothing; {names}, the
# packages of the resource's installations that were cut off; {goes}, the packages that it removes; {comes}, the one that it
# installs from a file; {complete}, apt-note-complete.sh for their notes; {cluster}, pg-half-made-cluster.sh.
# Exits 75 if the lock is not released in time, and 76 if dpkg cannot complete the installation.

holder() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    inode=$(stat -c %i "$lock" 2>/dev/null) || continue
    for pid in $(awk -v i="$inode" '$2 == "POSIX" { n = split($6, at, ":"); if (at[n] == i) print $5 }' /proc/locks); do
      for fd in /proc/"$pid"/fd/*; do
        if [ "$fd" -ef "$lock" ]; then echo "$(cat /proc/"$pid"/comm) (pid $pid)"; return; fi
      done
    done
  done
  return 1
}
# A package that goes may have scripts that fail: they keep it from being completed, and not from being removed.
broken() {
  dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' |
    awk -v goes=' {goes} ' -v comes='{comes}' '$2 == comes { next } /^..R/ || (/^.[HUFWt]/ && !index(goes, " " $2 " ")) { print; n++ } END { exit !n }'
}
end=$(($(date +%s) + {limit}))
while who=$(holder); do
  if [ "$(date +%s)" -ge "$end" ]; then
    echo "the package lock is held by $who, and was not let go within {waits} s" >&2
    exit 75
  fi
  sleep 1
done
if broken >/dev/null || [ -n "$(ls /var/lib/dpkg/updates 2>/dev/null)" ]; then
  {cluster}
  dpkg --force-confdef --force-confold --configure -a
  # A package that was cut off during unpacking is fetched and unpacked again, from lists that may be missing.
  if cut=$(dpkg-query -W -f='${db:Status-Abbrev} ${binary:Package}\n' | sed -nE 's/^.(H|.R). *//p' | awk -v comes='{comes}' '$0 != comes && index($0, comes ":") != 1') && [ -n "$cut" ]; then
    apt-get -q update >/dev/null 2>&1
    {apt} --reinstall install $cut
  elif broken >/dev/null; then
    {apt} --fix-broken install
  fi
fi
if [ -n "{names}" ]; then
  {apt} --mark-auto install {names}
fi
if which=$(broken); then
  printf 'packages are half-installed or half-configured, and dpkg --configure -a could not complete them:\n%s\n' "$which" >&2
  exit 76
fi
# The old installation may be impossible by now: then only the declared packages count.
{complete}
