# Fresh package lists, and an archive of small packages whose every file is known.
packages=/opt/archive
mkdir -p "$packages"

# NAME VERSION CONTROL-LINE..., for $architecture; the tree is what is in /tmp/deb, maintainer scripts in /tmp/deb/DEBIAN.
architecture=all
deb() {
  name=$1 version=$2
  shift 2
  mkdir -p /tmp/deb/DEBIAN "/tmp/deb/usr/share/doc/$name"
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Lab <lab@example.com>\n' "$name" "$version" "$architecture"
    [ $# -eq 0 ] || printf '%s\n' "$@"
    printf 'Description: a package of the lab\n'
  } >/tmp/deb/DEBIAN/control
  file=${name}_$(echo "$version" | tr -d :)_$architecture.deb
  dpkg-deb --root-owner-group -Zgzip -b /tmp/deb "$packages/$file" >/dev/null
  {
    cat /tmp/deb/DEBIAN/control
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$packages/$file")" \
      "$(sha256sum "$packages/$file" | cut -d' ' -f1)"
  } >>"$packages/Packages"
  rm -rf /tmp/deb
}
script() {
  mkdir -p /tmp/deb/DEBIAN
  { printf '#!/bin/sh\nset -e\n'; cat; } >"/tmp/deb/DEBIAN/$1"
  chmod 755 "/tmp/deb/DEBIAN/$1"
}

for version in 1:1.0-1 1:2.0-1; do
  mkdir -p /tmp/deb/usr/bin
  printf '#!/bin/sh\necho %s\n' "$version" >/tmp/deb/usr/bin/lab-tool
  chmod 755 /tmp/deb/usr/bin/lab-tool
  deb lab-tool "$version"
done

deb lab-part 1.0
deb lab-whole 1.0 'Depends: lab-part'
deb lab-mail-one 1.0 'Provides: lab-mail'
deb lab-mail-two 1.0 'Provides: lab-mail'
deb lab-sole 1.0 'Provides: lab-only'
for architecture in amd64 i386 arm64; do deb lab-library 1.0 'Multi-Arch: same'; done
architecture=all

# A daemon as Debian's packages have them: an account, settings, data, and a unit of another name that runs.
mkdir -p /tmp/deb/etc/lab-suite/conf.d /tmp/deb/usr/lib/systemd/system /tmp/deb/usr/sbin
printf 'port = 1\n' >/tmp/deb/etc/lab-suite/suite.conf
printf 'level = 1\n' >/tmp/deb/etc/lab-suite/conf.d/10-level.conf
printf 'shown = yes\n' >/tmp/deb/etc/lab-suite/conf.d/20-shown.conf
ln -s suite.conf /tmp/deb/etc/lab-suite/current
printf '#!/bin/sh\nexec sleep infinity\n' >/tmp/deb/usr/sbin/lab-workerd
chmod 755 /tmp/deb/usr/sbin/lab-workerd
cat >/tmp/deb/usr/lib/systemd/system/lab-worker.service <<'UNIT'
[Service]
ExecStart=/usr/sbin/lab-workerd
[Install]
WantedBy=multi-user.target
UNIT
printf '[Service]\nType=oneshot\nExecStart=/bin/true\n' >/tmp/deb/usr/lib/systemd/system/lab-sweep.service
printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' >/tmp/deb/usr/lib/systemd/system/lab-sweep.timer
printf '[Service]\nExecStart=/usr/sbin/lab-workerd %%i\n[Install]\nWantedBy=multi-user.target\n' \
  >/tmp/deb/usr/lib/systemd/system/lab-queue@.service
script postinst <<'POSTINST'
id lab-suite >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /var/lib/lab-suite lab-suite
install -d -o lab-suite -g lab-suite -m 0750 /var/lib/lab-suite
systemctl daemon-reload
systemctl enable --quiet lab-worker.service lab-sweep.timer
systemctl start lab-worker.service lab-sweep.timer
POSTINST
script prerm <<'PRERM'
[ "$1" != remove ] || systemctl stop lab-worker.service lab-sweep.timer
PRERM
script postrm <<'POSTRM'
if [ "$1" = purge ]; then
  rm -rf /var/lib/lab-suite
  systemctl disable --quiet lab-worker.service lab-sweep.timer 2>/dev/null || :
fi
systemctl daemon-reload
POSTRM
printf '%s\n' /etc/lab-suite/suite.conf /etc/lab-suite/conf.d/10-level.conf /etc/lab-suite/conf.d/20-shown.conf \
  >/tmp/deb/DEBIAN/conffiles
deb lab-suite 1.0 'Depends: lab-suite-common'
mkdir -p /tmp/deb/usr/share/lab-suite
printf 'shared\n' >/tmp/deb/usr/share/lab-suite/data
deb lab-suite-common 1.0

mkdir -p /tmp/deb/etc/init.d
cat >/tmp/deb/etc/init.d/lab-old <<'INIT'
#!/bin/sh
### BEGIN INIT INFO
# Provides:          lab-old
# Required-Start:    $local_fs
# Required-Stop:     $local_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a daemon of the old kind
### END INIT INFO
exit 0
INIT
chmod 755 /tmp/deb/etc/init.d/lab-old
script postinst <<'POSTINST'
systemctl daemon-reload
POSTINST
deb lab-old 1.0

echo "deb [trusted=yes] file:$packages ./" >/etc/apt/sources.list.d/archive.list
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
