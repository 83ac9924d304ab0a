# Run as root. Prints how much it changed.
set -eu
changed=0
restart=

# Runs a command that changes something.
change() {
  "$@" >/dev/null </dev/null
  changed=$((changed + 1))
}
# put PATH OWNER MODE: writes a file from standard input, if it differs. Returns 0 if it did.
put() {
  new=$(mktemp)
  cat >"$new"
  if cmp -s "$new" "$1" && [ "$(stat -c %U:%G:%a "$1")" = "$2:$2:$3" ]; then
    rm "$new"
    return 1
  fi
  change install -o "$2" -g "$2" -m "$3" "$new" "$1"
  rm "$new"
}
# folder PATH OWNER MODE
folder() {
  [ "$(stat -c %U:%G:%a "$1" 2>&1)" = "$2:$2:$3" ] || change install -d -o "$2" -g "$2" -m "$3" "$1"
}

export DEBIAN_FRONTEND=noninteractive
[ "$(dpkg-query -W -f '${db:Status-Abbrev}' jq socat 2>&1)" = 'ii ii ' ] || change apt-get -qy install jq socat
folder /etc/greeter root 755
folder /srv/greeter www-data 750
put /srv/greeter/greeting.json www-data 640 <<END || true
{"greeting": "Hello from $(hostname)."}
END
[ "$(readlink /srv/greeter/current)" = greeting.json ] || change ln -sfn greeting.json /srv/greeter/current
put /etc/greeter/environment root 644 <<'END' && restart=1
PORT=8080
CONTENT=/srv/greeter/current
END
put /etc/logrotate.d/greeter root 644 <<'END' || true
/var/log/greeter/*.log {
  weekly
  rotate 4
  missingok
}
END
put /etc/systemd/system/greeter.service root 644 <<'END' && restart=1
[Unit]
Description=Greets whoever connects

[Service]
User=www-data
EnvironmentFile=/etc/greeter/environment
ExecStart=/usr/bin/socat TCP-LISTEN:${PORT},fork,reuseaddr "SYSTEM:jq . $CONTENT"

[Install]
WantedBy=multi-user.target
END
[ "$(systemctl is-enabled greeter 2>&1)" = enabled ] || change systemctl enable -q greeter
if [ -n "$restart" ]; then
  systemctl daemon-reload
  change systemctl restart greeter
elif ! systemctl is-active -q greeter; then
  change systemctl start greeter
fi
echo "changed $changed"
