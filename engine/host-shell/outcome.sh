# Keeps the output and the exit code of a change on the host, for a controller that lost its connection.
# Defines: r_recorded, r_keep, r_kept, r_size, r_outcome, r_running, r_works, r_adopt, r_forget_outcomes; r_records, the folder of the records.
# Needs: r_uid; r_home; r_change, the change; r_line and r_unwritten of lease.sh; r_kept_bytes of each end of an output.
# Exit codes: r_recorded exits as the change does; r_state_exit: there is no room for the record.
#
# There is one record for each run and account, in memory for root. It names the change by its number and its process.
# Every process of a change has the run in its environment: after the shell was killed, such a process may go on, and the
# host is not free until it ends. If no record can be written, the change is made without one; if there is no room for it,
# the change is not made. r_keep takes an output of any length into files of a few MB. It goes on as long as a process of
# the change has the output open, so that no such process dies of SIGPIPE; r_recorded waits a second for that.

r_records=/run/reconcile
[ "$r_uid" = 0 ] || r_records=$r_home
r_recorded() {
  r_o=$r_records/outcome.$1
  rm -rf -- "$r_o" 2>/dev/null
  { [ -d "$r_records" ] || mkdir -p -m 0700 "$r_records"; } 2>/dev/null && r_e=$(mkdir -m 0700 "$r_o" 2>&1) &&
    r_e=$(head -c 65536 /dev/zero 2>&1 >"$r_o/room") && read -r r_q r_p </proc/self/stat &&
    printf '%s %s %s\n' "$2" "$r_q" "$2.$r_q" >"$r_o/of" && mkfifo "$r_o/1" "$r_o/2" || {
    case $r_e in *'No space'*) printf '%s\n' "$r_e" >&2; r_unwritten "$r_o"; return ;; esac
    (r_change)
    return
  }
  (cd "$r_o" && r_keep out) <"$r_o/1" >/dev/null 2>&1 &
  (cd "$r_o" && r_keep err) <"$r_o/2" >/dev/null 2>&1 &
  (export RECONCILE_RUN="$1"; r_change) >"$r_o/1" 2>"$r_o/2"
  r_c=$?
  r_n=0
  until [ -f "$r_o/out.end" ] && [ -f "$r_o/err.end" ] || [ $r_n = 16 ]; do
    if [ $r_n -lt 8 ]; then sleep 0.01; else sleep 0.1; fi
    r_n=$((r_n + 1))
  done
  rm -f -- "$r_o/room"
  printf '%s %s\n' "$r_c" "$r_c" >"$r_o/end.new" && mv -f -- "$r_o/end.new" "$r_o/end"
  r_kept out
  r_kept err >&2
  return "$r_c"
}
r_keep() {
  r_f=$1
  r_n=0
  : >"$r_f"
  while r_d=$(dd bs=16384 count=16 2>&1 >>"$r_f"); do
    case $r_d in 0+0*) break ;; esac
    r_z=$(wc -c <"$r_f")
    [ "$r_z" -gt "$r_kept_bytes" ] || continue
    if [ "$r_f" = "$1" ]; then
      r_f=$1.new
      continue
    fi
    r_n=$((r_n + r_z))
    printf '%s\n' "$r_n" >"$1.past" && mv -f -- "$r_f" "$1.old" || break
  done
  : >"$1.end"
  cat >/dev/null
}
r_kept() {
  r_f=$r_o/$1
  cat -- "$r_f"
  [ -f "$r_f.new" ] || [ -f "$r_f.old" ] || return 0
  r_n=0
  [ ! -f "$r_f.past" ] || read -r r_n <"$r_f.past"
  case $r_n in '' | *[!0-9]*) r_n=0 ;; esac
  [ ! -f "$r_f.new" ] || r_n=$((r_n + $(wc -c <"$r_f.new")))
  r_n=$((r_n - r_kept_bytes))
  [ "$r_n" -le 0 ] || printf '\n… %s more not kept …\n' "$(r_size)"
  cat -- "$r_f.old" "$r_f.new" 2>/dev/null | tail -c "$r_kept_bytes"
}
r_size() {
  r_u=bytes
  r_t=
  for r_v in kB MB GB TB; do
    [ "$r_n" -ge 1000 ] || break
    r_t=.$((r_n / 100 % 10))
    r_n=$((r_n / 1000))
    r_u=$r_v
  done
  printf '%s%s %s' "$r_n" "$r_t" "$r_u"
}
r_forget_outcomes() { find "$r_records" -maxdepth 1 -name 'outcome.*' -mmin +10 -exec rm -rf -- {} + 2>/dev/null; }
r_works() { [ -d "/proc/$2" ] || grep -qsF "RECONCILE_RUN=$1" /proc/[0-9]*/environ; }
r_of() { IFS=' ' read -r r_p r_q r_l <"$r_o/of" && [ "$r_l" = "$r_p.$r_q" ] && [ "$r_q" -gt 1 ]; } 2>/dev/null
r_running() {
  r_o=$r_records/outcome.$1
  [ -f "$r_o/of" ] && [ ! -f "$r_o/end" ] && r_of && r_works "$1" "$r_q"
}
r_outcome() {
  r_o=$r_records/outcome.$1
  if [ -f "$r_o/of" ] && ! r_of; then echo cut; return; fi
  if [ ! -f "$r_o/of" ] || [ "$r_p" != "$2" ]; then
    if r_line && [ "$r_run" = "$1" ] && [ "${r_session%%.*}" != "${r_me%%.*}" ]; then echo restarted
    elif [ -w "$r_records" ] || [ "$r_uid" = 0 ]; then echo never
    else echo cut; fi
    return
  fi
  r_n=0
  while [ ! -f "$r_o/end" ] && [ $r_n -lt 3000 ] && r_works "$1" "$r_q"; do sleep 0.2; r_n=$((r_n + 1)); done
  if ! { read -r r_c r_l <"$r_o/end" && [ "$r_c" = "$r_l" ]; } 2>/dev/null; then echo cut; return; fi
  printf 'ended %s\n' "$r_c"
  r_kept out
  r_kept err >&2
}
r_adopt() { for r_p in revert armed; do [ ! -f "$r_home/$r_p/by" ] || printf '%s\n' "$r_me" | r_seal "$r_home/$r_p/by"; done; }
