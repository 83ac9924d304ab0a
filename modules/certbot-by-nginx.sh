# Gets a certificate issued with the plugin for Nginx. The plugin requires a valid configuration, and one without its
# certificate is invalid. In that case the present server of port 80 answers the challenge, and the renewal is set to
# the plugin.
# Needs: {plugin}, {webroot} and {standalone}, the command for each method; {conf}, the certificate's renewal file.

if nginx -t 2>/dev/null; then {plugin}
else
  if systemctl is-active --quiet nginx; then {webroot}
  else {standalone}; fi || exit
  sed -i -e 's/^authenticator = .*/authenticator = nginx/' -e '/^webroot_path = /d' -e '/^\[\[webroot_map\]\]/,$d' {conf}
fi
