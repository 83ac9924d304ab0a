# Keeps the output and the exit code of a change on the host, for a controller that lost its connection.
# Defines: r_recorded, r_outcome, r_running, r_works, r_adopt, r_forget_outcomes; r_records, the folder of the records.
# Needs: r_home; r_change, the change; r_line of lease.sh.
# Exit codes: r_recorded exits as the change does.
#
# There is one record for each run and account, in memory for root. It names the change by its number and its process.
# Every process of a change has the run in its environment: after the shell was killed, such a process may go on, and the
# host is not free until it ends. If no record can be written, the change is made without one.

r_records=/run/reconcile
[ "$(id -u)" = 0 ] || r_records=$r_home
r_recorded() {
  r_o=$r_records/outcome.$1
  rm -rf -- "$r_o" 2>/dev/null
  { [ -d "$r_records" ] || mkdir -p -m 0700 "$r_records"; } 2>/dev/null && mkdir -m 0700 "$r_o" 2>/dev/null &&
    read -r r_q r_p </proc/self/stat && printf '%s %s\n' "$2" "$r_q" >"$r_o/of" || { (r_change); return; }
  (export RECONCILE_RUN="$1"; r_change) >"$r_o/out" 2>"$r_o/err"
  r_c=$?
  printf '%s\n' "$r_c" >"$r_o/end.new" && mv -f -- "$r_o/end.new" "$r_o/end"
  cat -- "$r_o/out"
  cat -- "$r_o/err" >&2
  return "$r_c"
}
r_forget_outcomes() { find "$r_records" -maxdepth 1 -name 'outcome.*' -mmin +10 -exec rm -rf -- {} + 2>/dev/null; }
r_works() { [ -d "/proc/$2" ] || grep -qsF "RECONCILE_RUN=$1" /proc/[0-9]*/environ; }
r_running() {
  r_o=$r_records/outcome.$1
  [ -f "$r_o/of" ] && read -r r_p r_q <"$r_o/of" && [ ! -f "$r_o/end" ] && r_works "$1" "$r_q"
}
r_outcome() {
  r_o=$r_records/outcome.$1
  if ! { [ -f "$r_o/of" ] && read -r r_p r_q <"$r_o/of" && [ "$r_p" = "$2" ]; }; then
    if r_line && [ "$r_run" = "$1" ] && [ "${r_session%%.*}" != "${r_me%%.*}" ]; then echo restarted
    elif [ -w "$r_records" ] || [ "$(id -u)" = 0 ]; then echo never
    else echo cut; fi
    return
  fi
  r_n=0
  while [ ! -f "$r_o/end" ] && [ $r_n -lt 3000 ] && r_works "$1" "$r_q"; do sleep 0.2; r_n=$((r_n + 1)); done
  if [ ! -f "$r_o/end" ]; then echo cut; return; fi
  printf 'ended %s\n' "$(cat -- "$r_o/end")"
  cat -- "$r_o/out"
  cat -- "$r_o/err" >&2
}
r_adopt() { for r_p in revert armed; do [ ! -f "$r_home/$r_p/by" ] || printf '%s\n' "$r_me" >"$r_home/$r_p/by"; done; }
