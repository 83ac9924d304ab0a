# The host's half of the session protocol: runs the scripts that arrive on standard input, in order.
# Needs: on standard input a line with a nonce, then requests: `ID SCRIPT_BYTES INPUT_BYTES`, the script and, if there is
# input, the input and the nonce on a line. Request 0 is evaluated in the loop's own shell, for functions.
# Prints: `NONCE ID EXIT` on a line of both outputs after each request.
# Exit codes: 1 if a request was cut short.
#
# The two drains read on after the connection has ended. So a running script ends as usual: SIGPIPE in its middle could
# leave dpkg half-configured. Input that was cut short must not look complete: `cat >new && mv new old` would install half
# a file. So the pipe stays open until the nonce behind the input arrives; without the nonce the loop kills the whole
# process group. A script that was cut short does not end in the nonce, and does not run.

trap '' HUP
umask 022
cd /
unset n HISTFILE LANGUAGE ENV BASH_ENV CDPATH POSIXLY_CORRECT
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
session_drain() { cat; cat >/dev/null; }
session_mark() {
  printf '\n%s %s\n' "$session_nonce" "$*"
  printf '\n%s %s\n' "$session_nonce" "$*" >&2
}
session_eval() { eval "unset session_nonce session_script; $session_script"; }
session_feed() {
  head -c "$session_input"
  IFS= read -r session_end
  [ "$session_end" = "$session_nonce" ] || kill -9 0
}
session_serve() {
  IFS= read -r session_nonce || exit
  session_mark start
  while IFS=' ' read -r session_id session_size session_input; do
    session_script=$(head -c "$session_size")
    case $session_script in *"#$session_nonce") ;; *) exit 1 ;; esac
    if [ "$session_id" = 0 ]; then
      eval "$session_script" </dev/null
    elif [ "$session_input" = 0 ]; then
      (session_eval) </dev/null
    else
      session_feed | { (session_eval); session_exit=$?; cat >/dev/null; exit "$session_exit"; }
    fi
    session_mark "$session_id" $?
  done
}
{ session_serve 2>&1 >&3 3>&- | session_drain >&2 3>&-; } 3>&1 | session_drain
