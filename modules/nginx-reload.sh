# Loads the sites, if Nginx runs at all, and waits until the processes of before serve no more. Nginx itself only takes
# the wish: when e.g. a port is taken, it says so in its log and goes on as before.
# Exits 1 when the old processes still serve after 15 s.

systemctl is-active --quiet nginx.service || exit 0
main=$(systemctl show -p MainPID --value nginx.service)
before=
[ "$main" = 0 ] || before=$(grep -ls "^PPid:[[:space:]]*$main$" /proc/[0-9]*/status | sed 's/status$/cmdline/')
# systemctl reloads nothing that is masked.
case $(systemctl show -p LoadState --value nginx.service) in masked) nginx -s reload ;; *) systemctl reload nginx.service ;; esac || exit
for i in $(seq 150); do
  [ -n "$before" ] && [ -n "$(grep -Ls 'is shutting down' $before)" ] || exit 0
  sleep 0.1
done
echo 'Nginx goes on with its old configuration; its log ends with:' >&2
tail -n 5 /var/log/nginx/error.log >&2
exit 1
