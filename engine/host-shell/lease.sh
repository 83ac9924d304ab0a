# The lease, the history and the used saved plans of a host. They belong to the account that makes the changes.
# Defines: r_lease, r_take, r_renew, r_unwritten, r_release, r_believable, r_show, r_await, r_drop, r_history, r_origin; r_home,
# the state directory of the account.
# Needs: r_uid of paths.sh; r_base, r_me, r_no and r_dead of steps.sh; r_running of outcome.sh; r_intact and r_intact_all of
# journal.sh; r_held_exit, r_lost_exit, r_applied_exit, r_state_exit, r_distrusted_exit; r_plans_lines, r_history_lines and
# r_history_bytes, which bound the files.
# Exit codes: r_held_exit with `held` and the lease on standard output: another run holds it; r_lost_exit: this run has lost it;
# r_applied_exit with the line of `plans`: another run has used the saved plan; r_state_exit with `unwritten` and the reason
# on standard error: the state directory cannot be written; r_distrusted_exit with `PATH TAB OWNER TAB MODE` on standard
# error: another account could have written a part of the state directory; or with the words of r_intact: a journal is
# damaged. r_release prints `unwritten` if the history cannot.
#
# A lease is one line: run, since, until, session, the processes above the session, holder. It ends at `until` or with its
# session, but not before its last step; the boot and the process of the session tell whether it lives. A damaged line is held
# until it is released, and an empty one, which a power cut may leave, is free. If the processes above a session have changed, it
# has lost its controller: only a step goes on, and r_await waits for its end. r_locked locks the directory for the moment of
# reading and writing, so that one of two takers finds the lease of the other. `plans` has a line for each saved plan: plan,
# run, time.

r_home=$r_base
[ "$r_uid" = 0 ] || r_home=${XDG_STATE_HOME:-$HOME/.local/state}/reconcile
r_locked() { ( flock -w 30 9 || r_no "$r_home stays locked" || exit; "$@" ) 9<"$r_home"; }
r_above() {
  r_a=$1
  r_u=
  while [ "${r_a:-0}" -gt 1 ] 2>/dev/null && read -r r_x 2>/dev/null <"/proc/$r_a/stat"; do
    r_x=${r_x##*) }
    r_x=${r_x#* }
    r_a=${r_x%% *}
    r_u=$r_u.$r_a
  done
}
r_above $$
r_my=${r_u:-.}
r_line() {
  r_who=
  IFS='	' read -r r_run r_since r_until r_session r_then r_who 2>/dev/null <"$r_home/lease" || [ -s "$r_home/lease" ]
}
r_garbled() {
  case $r_since.$r_until in *[!0-9.]* | .* | *. | *.*.* | ?????????????*.* | *.?????????????*) return ;; esac
  [ -z "$r_who" ]
}
r_held() {
  r_line || return
  if r_garbled || r_running "$r_run"; then return; fi
  [ "$r_until" -gt "$(date +%s)" ] && ! r_dead "lease.$r_session.x"
}
r_gone() { r_dead "lease.$r_session.x" || { r_above "${r_session##*.}" && [ "$r_u" != "$r_then" ]; }; }
r_await() {
  r_n=0
  while r_held && ! r_garbled && r_gone; do
    [ $r_n != 0 ] || cat "$r_home/lease"
    r_n=1
    sleep 0.2
  done
}
r_believable() {
  r_l=$(find -H "$r_base" "$r_home" "$r_records" -maxdepth 1 ! -type l \( ! -uid 0 ! -uid "$r_uid" -o -perm /022 \) \
    -printf '%p\t%u\t%m\n' -quit 2>/dev/null)
  [ -z "$r_l" ] || { printf '%s\n' "$r_l" >&2; return "$r_distrusted_exit"; }
  for r_j in "$r_home"/undo.????????.*.?????????? "$r_home/revert" "$r_home/armed"; do
    [ ! -d "$r_j" ] || { r_intact_all "$r_j" && r_intact "$r_j/by"; } || return "$r_distrusted_exit"
  done
}
r_show() { r_believable && { ! r_held || cat "$r_home/lease"; }; }
r_lease() {
  r_how=$1
  shift
  if { [ -d "$r_home" ] || mkdir -p -m 0700 "$r_home"; } && [ -w "$r_home" ]; then r_locked "$r_how" "$@"
  else { [ "$r_home" != "$r_base" ] && [ -z "${4-}" ]; } || r_unwritten "$r_home"; fi
}
r_unwritten() { echo unwritten; r_no "$1 cannot be written"; return "$r_state_exit"; }
r_put() { cat >"$1.new" && { [ -z "${2-}" ] || sync "$1.new"; } && mv -fT "$1.new" "$1"; }
r_applied() { [ ! -f "$r_home/plans" ] || grep -a "^$1	" "$r_home/plans"; }
r_use() {
  r_l=$(r_applied "$1")
  case $r_l in
    '') ;;
    "$1	$2	"*) return 0 ;;
    *) printf '%s\n' "$r_l"; return "$r_applied_exit" ;;
  esac
  r_p=$r_home/plans
  {
    [ ! -f "$r_p" ] || tail -n "$r_plans_lines" "$r_p" | sed '$a\'
    printf '%s	%s	%s\n' "$1" "$2" "$r_now"
  } | (umask 077; r_put "$r_p" sync) && sync "$r_home" || r_unwritten "$r_p"
}
r_origin() {
  r_id=
  read -r r_id 2>/dev/null </etc/machine-id
  printf '%s\n' "$r_id"
  r_applied "$1"
}
r_renew() {
  if r_line && [ "$r_run" = "$1" ]; then r_take "$@"; else echo lost; return "$r_lost_exit"; fi
}
r_take() {
  r_now=$(date +%s)
  if ! r_held; then r_since=$r_now
  elif [ "$r_run" != "$1" ]; then echo held && cat "$r_home/lease"; return "$r_held_exit"; fi
  [ -z "${4-}" ] || r_use "$4" "$1" || return
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$r_since" "$((r_now + $3))" "$r_me" "$r_my" "$2" |
    (umask 077; r_put "$r_home/lease") || r_unwritten "$r_home/lease"
}
r_release() { [ ! -d "$r_home" ] || [ ! -w "$r_home" ] || r_locked r_finish "$@"; }
r_finish() {
  r_e=0
  if r_line; then [ "$r_run" = "$1" ] && rm -f "$r_home/lease" || r_e=$r_lost_exit
  # Another name of the same host has given the lease back already.
  else tail -n 1 "$r_home/history.jsonl" 2>/dev/null | grep -qaF '"run":"'"$1"'"' || r_e=$r_lost_exit; fi
  rm -rf -- "$r_records/outcome.$1" "$r_home/revert"
  r_h=$r_home/history.jsonl
  r_z=0
  [ ! -f "$r_h" ] || r_z=$(wc -c <"$r_h")
  umask 077
  {
    if [ "$r_z" -gt "$r_history_bytes" ]; then
      tail -c "$r_history_bytes" "$r_h" | sed 1d | tail -n "$r_history_lines"
    elif [ "$r_z" -gt 0 ]; then tail -n "$r_history_lines" "$r_h"; fi | sed '$a\'
    printf '%s\n' "$2"
  } | r_put "$r_h" sync || { [ $r_e != 0 ] || echo unwritten; }
  [ $r_e = 0 ] || echo lost
  return $r_e
}
r_drop() { [ ! -d "$r_home" ] || [ ! -w "$r_home" ] || r_locked r_dropped; }
r_dropped() { r_show; rm -f "$r_home/lease"; }
r_history() { r_believable && { [ ! -e "$r_home/history.jsonl" ] || cat "$r_home/history.jsonl"; }; }
