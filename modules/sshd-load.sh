# Lets sshd use its configuration. With $s_moved, a socket that opens its ports opens them anew; it cannot while its service
# runs. A service that a socket started is started again: after a signal, it could not bind the ports that the socket holds.
# Sessions go on: each has a process of its own.
# Needs: $s_moved, which can be empty. Exits with another code than 0 if a unit fails.

if systemctl -q is-active ssh.socket; then
  if [ -n "$s_moved" ]; then
    systemctl daemon-reload || exit
    if systemctl -q is-active ssh.service; then systemctl stop ssh.service || exit; fi
    systemctl restart ssh.socket
  elif systemctl -q is-active ssh.service; then systemctl restart ssh.service
  fi
elif systemctl -q is-active ssh.service; then systemctl reload ssh.service
fi
