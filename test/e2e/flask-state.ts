/**
 * Shell that says what a host of playbooks/flask.yml is like: packages, files with owner, mode, link target and content,
 * units, databases, roles and grants. Left out is what differs by nature: the host's own name and keys, certificates,
 * salts, caches and times.
 */
export const state = `
own='-path /etc/hostname -o -path /etc/hosts -o -path /etc/machine-id -o -path /etc/ssh/ssh_host_* -o -path /etc/systemd/network
  -o -path /etc/letsencrypt/accounts -o -path /etc/letsencrypt/archive -o -path /etc/letsencrypt/csr -o -path /etc/letsencrypt/keys
  -o -name __pycache__ -o -path /root/.cache -o -lname ssl-cert-snakeoil.pem'
set -f
dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n'
find /etc /srv /root /opt /usr/local /var/www /var/log/flaskapp \\( $own \\) -prune -o -printf '%p %y %u:%g %m %l\\n' | sort
find /etc /srv \\( $own -o -path /etc/letsencrypt -o -name '*-' -o -name ssl-cert-snakeoil.* -o -name '*.log' -o -name ca-certificates.crt \\) -prune \\
  -o -type f -print0 | sort -z | xargs -0 sha256sum
sed -E 's/^(account|server) = .*/\\1/' /etc/letsencrypt/renewal/*.conf
systemctl list-unit-files --state=enabled --no-legend --no-pager
systemctl is-active flaskapp nginx postgresql certbot.timer
systemctl show -P NeedDaemonReload flaskapp nginx postgresql
runuser -u postgres -- pg_dumpall --no-role-passwords | grep -v restrict`;

/** Shell that prints each service that runs with anything older than what is on disk; nothing when all is well. */
export const stale = `
started() {
  awk -v now="$(date +%s.%N)" '{ getline stat <FILE; sub(/.*\\) /, "", stat); split(stat, f, " "); printf "%.2f\\n", now - $1 + f[20] / 100 }' \\
    FILE="/proc/$1/stat" /proc/uptime
}
older() { awk -v at="$(stat -c %.Y "$1")" -v since="$2" 'BEGIN { exit at <= since + 0.1 }' && echo "$3 is older than $1"; }
app=$(systemctl show -P MainPID flaskapp)
for f in /etc/systemd/system/flaskapp.service /srv/flaskapp/.env /srv/flaskapp/wsgi.py; do older $f "$(started "$app")" flaskapp; done
while IFS= read -r line; do
  tr '\\0' '\\n' </proc/$app/environ | tr -d "'\\"" | grep -qxF -- "$(printf %s "$line" | tr -d "'\\"")" || echo "flaskapp runs without $line"
done </srv/flaskapp/.env
runs=$(systemctl show -P ExecStart flaskapp | sed 's/.*argv\\[\\]=\\(.*\\) ; ignore_errors.*/\\1/')
tr '\\0' ' ' </proc/$app/cmdline | grep -qF -- "$runs" || echo "flaskapp does not run $runs"
for p in $(pgrep -P "$(systemctl show -P MainPID nginx)"); do
  for f in /etc/nginx/nginx.conf /etc/nginx/sites-enabled/* /etc/letsencrypt/live/example.com/fullchain.pem; do
    older "$(readlink -f "$f")" "$(started "$p")" nginx
  done
done
loaded=$(runuser -u postgres -- psql -XAtc 'SELECT extract(epoch FROM pg_conf_load_time())')
older "$(runuser -u postgres -- psql -XAtc 'SHOW hba_file')" "$loaded" postgresql
runuser -u postgres -- psql -XAtc "SELECT 'waits for a restart: ' || name FROM pg_settings WHERE pending_restart"
true`;

/** Shell that prints what only a run that is going on may have on a host. */
export const leftovers = `find / -xdev \\( -name '.reconcile.*' -o -name 'reconcile-put-back*' -o -path '/var/lib/reconcile/undo*' \\
  -o -path '/var/lib/reconcile/owed/*' -o -path '/var/lib/reconcile/*.new' -o -path '/var/lib/reconcile/[ar]*' \\
  -o -path /var/lib/reconcile/packages \\) -print
find /var/lib/letsencrypt/temp_checkpoint /var/lib/dpkg/updates -mindepth 1 2>/dev/null
true`;
