# Has a certificate issued by the plugin for Nginx. It works only on a configuration that is valid, which one whose
# certificate is gone is not: then what serves port 80 now proves the domains, and the renewal is set to the plugin.
# Needs: {plugin}, {webroot} and {standalone}, the command in these ways; {conf}, the certificate's renewal file.

if nginx -t 2>/dev/null; then {plugin}
else
  if systemctl is-active --quiet nginx; then {webroot}
  else {standalone}; fi || exit
  sed -i -e 's/^authenticator = .*/authenticator = nginx/' -e '/^webroot_path = /d' -e '/^\[\[webroot_map\]\]/,$d' {conf}
fi
