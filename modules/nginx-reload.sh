# Reloads Nginx if it runs, and waits until the old worker processes serve no more requests. Nginx only accepts the
# request: if it fails, for example because a port is in use, Nginx logs the reason and keeps its old configuration.
# Exits 1 if the old processes still serve after 15 s.

systemctl is-active --quiet nginx.service || exit 0
main=$(systemctl show -p MainPID --value nginx.service)
before=
[ "$main" = 0 ] || before=$(grep -ls "^PPid:[[:space:]]*$main$" /proc/[0-9]*/status | sed 's/status$/cmdline/')
# systemctl does not reload a masked unit.
case $(systemctl show -p LoadState --value nginx.service) in masked) nginx -s reload ;; *) systemctl reload nginx.service ;; esac || exit
for i in $(seq 150); do
  [ -n "$before" ] && [ -n "$(grep -Ls 'is shutting down' $before)" ] || exit 0
  sleep 0.1
done
echo 'Nginx goes on with its old configuration; its log ends with:' >&2
tail -n 5 /var/log/nginx/error.log >&2
exit 1
