# Makes a signed repository of a vendor in /srv/vendor, with two versions of a package, and serves it on port 8099. The keys
# are in it as one.asc, two.asc and, without armour, both.gpg; their fingerprints are in the files `one` and `two`.

set -e
export GNUPGHOME=/srv/gnupg SOURCE_DATE_EPOCH=1700000000
mkdir -p -m 0700 $GNUPGHOME
mkdir -p /srv/vendor/dists/stable/main/binary-amd64
cd /srv/vendor
for key in one two; do
  gpg -q --batch --passphrase '' --quick-generate-key "$key@vendor.example" ed25519 sign never
  gpg --armor --export $key@vendor.example >$key.asc
  gpg --export $key@vendor.example >>both.gpg
  gpg --with-colons --fingerprint $key@vendor.example | sed -n 's/^fpr:*\([^:]*\):$/\1/p' >$key
done
for version in 1.0 2.0; do
  mkdir -p /tmp/deb/DEBIAN
  printf 'Package: vendor-tool\nVersion: %s\nArchitecture: all\nMaintainer: Vendor <one@vendor.example>\nDescription: a tool\n' $version >/tmp/deb/DEBIAN/control
  dpkg-deb -b --root-owner-group /tmp/deb tool_$version.deb
  { cat /tmp/deb/DEBIAN/control; printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' tool_$version.deb "$(stat -c %s tool_$version.deb)" "$(sha256sum tool_$version.deb | cut -d' ' -f1)"; } >>dists/stable/main/binary-amd64/Packages
done
cat >/srv/sign <<'SIGN'
#!/bin/sh
set -e
cd /srv/vendor/dists/stable
export GNUPGHOME=/srv/gnupg
list=main/binary-amd64/Packages
printf 'Suite: stable\nCodename: stable\nArchitectures: amd64 all\nComponents: main\nDate: %s\nSHA256:\n %s %s %s\n' \
  "$(date -Ru)" "$(sha256sum $list | cut -d' ' -f1)" "$(stat -c %s $list)" $list >Release
gpg -q --batch --yes -u "$1@vendor.example" --clearsign -o InRelease Release
SIGN
chmod 755 /srv/sign
/srv/sign one
systemd-run -q --unit vendor busybox httpd -f -p 8099 -h /srv/vendor
