# Lets the host itself revert a risky change, unless a session proves in time that the host can still be entered.
# Defines: r_arm, r_hold, r_disarm, r_watch, r_armed, r_revert_armed.
# Needs: journal.sh; r_unit, the systemd unit of the watcher, and r_unit_link, the link that enables it.
# Exit codes: 0; 1 if the watcher did not start.
#
# The watcher waits until the journal `armed` is gone. After the deadline, or after a restart of the host, it reverts the
# journal. While the journal is `held`, the changes so far are proven, and the watcher waits as long as the session that
# continues them lives. A journal without a deadline is incomplete: nothing has changed yet. A damaged deadline is over.

r_armed() { ( flock 8 && [ -d "$r_home/armed" ] && "$@" ) 8<"$r_home/armed"; }
r_arm() { r_armed r_armed_anew "$@"; }
r_armed_anew() {
  r_j=$r_home/armed
  r_deadline "$2" && rm -f -- "$r_j/held" || return
  [ ! -f "$r_j/put-back" ] || return 0
  printf '%s\n' 'r_revert; r_c=$?; r_stand_down; (exit $r_c)' | r_seal "$r_j/again" || return
  printf '%s\nr_home=${0%%/armed/put-back}\nr_watch\n' "$1" >"$r_j/put-back" && sync -- "$r_j"/* "$r_j" || return
  if [ "$r_home" = /var/lib/reconcile ] && [ -d /run/systemd/system ]; then
    printf '%s\n' '[Unit]' 'Description=Reverts a change that nobody has confirmed' '[Service]' \
      "ExecStart=/bin/sh $r_j/put-back" 'Restart=on-failure' >"$r_unit" &&
      mkdir -p "${r_unit_link%/*}" && ln -sfn "$r_unit" "$r_unit_link" && sync -- "$r_unit" &&
      systemctl daemon-reload && {
        # Systemd counts the starts of a unit, and a play may arm it often.
        systemctl reset-failed reconcile-put-back.service 2>/dev/null
        systemctl restart reconcile-put-back.service
      }
  else setsid sh "$r_j/put-back" </dev/null >/dev/null 2>&1 8>&- & fi
}
r_deadline() {
  IFS=' .' read -r r_u r_q </proc/uptime
  r_at_least=$((r_u + $1))
  if r_deadline_is && [ "$r_until" -gt "$r_at_least" ]; then return; fi
  printf '%s %s\n' "${r_me%%.*}" "$r_at_least" | r_seal "$r_home/armed/deadline"
}
r_deadline_is() {
  r_intact "$r_home/armed/deadline" && IFS=' ' read -r r_b r_until <"$r_home/armed/deadline" && [ "$r_b" = "${r_me%%.*}" ]
} 2>/dev/null
r_due() {
  [ -f "$r_home/armed/deadline" ] || return 1
  if [ -f "$r_home/armed/held" ] && r_intact "$r_home/armed/by" && read -r r_by <"$r_home/armed/by" &&
    ! r_dead "armed.$r_by.x"; then return 1; fi
  IFS=' .' read -r r_u r_q </proc/uptime
  ! r_deadline_is || [ "$r_u" -ge "$r_until" ]
}
r_watch() {
  while [ -d "$r_home/armed" ]; do
    if r_armed r_due; then
      echo 'nobody has shown that this host can still be entered: the change is reverted'
      r_armed r_revert_armed || [ ! -d "$r_home/armed" ] || return 0
    fi
    sleep 1
  done
}
r_revert_armed() { r_journal=$r_home/armed; r_again; }
r_hold() { r_armed touch -- "$r_home/armed/held"; }
r_disarm() { r_armed r_disarmed; }
r_disarmed() { rm -rf -- "$r_home/armed"; r_stand_down; }
r_stand_down() {
  [ -f "$r_unit" ] && [ "$r_home" = /var/lib/reconcile ] || return 0
  rm -f -- "$r_unit" "$r_unit_link"
  systemctl daemon-reload
}
