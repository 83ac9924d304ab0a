# Runs a program as an account, with the service manager of the account, and makes systemctl and journalctl ask this manager.
# Needs: $m_user, the account.
# Defines: m, systemctl, journalctl, timeout (for `timeout SECONDS systemctl …`).

m() { runuser -u "$m_user" -- env "XDG_RUNTIME_DIR=/run/user/${m_uid:-$(id -u "$m_user")}" "$@"; }
systemctl() { m systemctl --user "$@"; }
journalctl() { m journalctl --user "$@"; }
timeout() { m_limit=$1; shift 2; m timeout "$m_limit" systemctl --user "$@"; }
