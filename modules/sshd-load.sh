# Lets sshd use its configuration: its service reads it again, if it runs. With $s_moved, ssh.socket opens its ports anew, if
# it runs; it cannot while its service runs. Sessions go on: each has a process of its own.
# Needs: $s_moved, which can be empty. Exits with another code than 0 if a unit fails.

if [ -n "$s_moved" ] && systemctl -q is-active ssh.socket; then
  systemctl daemon-reload || exit
  if systemctl -q is-active ssh.service; then systemctl stop ssh.service || exit; fi
  systemctl restart ssh.socket || exit
fi
if systemctl -q is-active ssh.service; then systemctl reload ssh.service; fi
