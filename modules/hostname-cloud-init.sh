# Prints the settings of cloud-init about the name of the host, as FILE:SETTING: VALUE in the order in which they are read,
# after a first line "enabled". Prints nothing if cloud-init is not there or disabled. Needs grep. Exits 0.

{ command -v cloud-init >/dev/null && [ ! -e /etc/cloud/cloud-init.disabled ] && [ ! -e /run/cloud-init/disabled ]; } || exit 0
echo enabled
grep -HE '^(preserve_hostname|manage_etc_hosts):' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg /var/lib/cloud/instance/cloud-config.txt 2>/dev/null
:
