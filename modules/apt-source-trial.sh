# Tries an apt source before anything of it is written: whether apt can read all sources together with it, and whether its
# key signed the Release file of each suite. A key from a URL is fetched, and written if it has the right fingerprint and
# the trial succeeds. Apt looks only at the new source, with package lists of its own, so the host stays unchanged.
# Needs: `name` of the source, its `stanza`, and the file names that it `replaces`. With a `key` in base64, or a `url` and the
# sorted `fingerprints`, the keyring is new; else the one in the stanza is there. Without `components`, none is tried. With
# `fetches`, the Release files are fetched.
# Exit codes: 0, or 1 with the reason.

export LC_ALL=C.UTF-8
umask 022
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
mkdir "$t/parts" "$t/lists" "$t/key" && chmod 755 "$t" && chown _apt "$t/key" || exit 1
fail() { printf '%s\n' "$1" >&2; [ -z "$2" ] || printf '%s\n' "$2" | grep -E '^(E|W): ' | sort -u >&2; exit 1; }
number() { od -An -tu1 -j "$1" -N "$2" "$t/keyring.gpg" | tr -s ' \n' '  '; }
octets() { for n; do printf "\\$(printf %03o $((n & 255)))"; done; }

# Prints the fingerprint of each primary key (RFC 9580, 4.2 and 5.5.4); fails at anything else than packets of public keys.
fingerprints() {
  size=$(wc -c <"$t/keyring.gpg") at=0
  [ "$size" -gt 0 ] && [ "$size" -lt 1048576 ] || return 1
  while [ "$at" -lt "$size" ]; do
    set -- $(number "$at" 6) 0 0 0 0 0
    case $(($1 >> 6)) in
      3) tag=$(($1 & 63))
        if [ "$2" -lt 192 ]; then len=$2 head=2
        elif [ "$2" -lt 224 ]; then len=$((($2 - 192) * 256 + $3 + 192)) head=3
        elif [ "$2" = 255 ]; then len=$(((($3 * 256 + $4) * 256 + $5) * 256 + $6)) head=6
        else return 1; fi ;;
      2) tag=$(($1 >> 2 & 15))
        case $(($1 & 3)) in
          0) len=$2 head=2 ;;
          1) len=$(($2 * 256 + $3)) head=3 ;;
          2) len=$(((($2 * 256 + $3) * 256 + $4) * 256 + $5)) head=5 ;;
          *) return 1 ;;
        esac ;;
      *) return 1 ;;
    esac
    start=$((at + head)) at=$((at + head + len))
    [ "$at" -le "$size" ] || return 1
    case $tag in
      5 | 7) return 1 ;;
      6)
        body() { tail -c "+$((start + 1))" "$t/keyring.gpg" | head -c "$len"; }
        case $(number "$start" 1) in
          *4*) { octets 153 $((len >> 8)) "$len"; body; } | sha1sum ;;
          *6*) { octets 155 $((len >> 24)) $((len >> 16)) $((len >> 8)) "$len"; body; } | sha256sum ;;
          *) return 1 ;;
        esac ;;
    esac
  done
}

# Prints the bytes of the ASCII armour in a file, block by block, or the file itself.
unarmoured() {
  grep -q '^-----BEGIN PGP ' "$1" || { cat "$1"; return; }
  tr -d '\r' <"$1" | while IFS= read -r line; do
    case $line in
      '-----BEGIN PGP PUBLIC KEY BLOCK-----'*) inside='head' ;;
      '-----END PGP '*) inside= && echo ;;
      '' | ' '*) [ "$inside" != head ] || inside='body' ;;
      =*) ;;
      *) [ "$inside" != body ] || printf %s "$line" ;;
    esac
  done | while IFS= read -r block; do printf %s "$block" | base64 -d || exit; done
}

keyring=
if [ -n "$url" ]; then
  said=$(/usr/lib/apt/apt-helper -o Acquire::Retries=2 download-file "$url" "$t/key/fetched" 2>&1) ||
    fail "The key cannot be fetched from $url." "$said"
  unarmoured "$t/key/fetched" >"$t/keyring.gpg" && found=$(fingerprints) || fail "$url is not a public key of OpenPGP."
  found=$(printf '%s\n' "$found" | cut -d' ' -f1 | tr a-f A-F | sort -u | tr '\n' ' ')
  [ "$found" = "$fingerprints " ] || fail "The key at $url has the fingerprint ${found% }, not $fingerprints."
  keyring=$t/keyring.gpg
elif [ -n "$key" ]; then
  printf %s "$key" | base64 -d >"$t/keyring.gpg" && keyring=$t/keyring.gpg || exit 1
fi

for f in /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  case " $replaces $name.sources " in *" ${f##*/} "*) continue ;; esac
  [ ! -f "$f" ] || cp "$f" "$t/parts" || exit 1
done
printf %s "$stanza" >"$t/parts/$name.sources"
said=$(apt-get indextargets -o "Dir::Etc::sourceparts=$t/parts" 2>&1) ||
  fail "With this source, apt could not read its sources." "$said"

if [ -n "$fetches" ]; then
  sed=; [ -z "$keyring" ] || sed="s,^Signed-By:.*,Signed-By: $keyring,"
  printf %s "$stanza" | sed "$sed" >"$t/trial.sources"
  said=$(apt-get -q update --error-on=any -o "Dir::Etc::sourcelist=$t/trial.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::Lists=$t/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Retries=2 \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Packages::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb-src::Sources::DefaultEnabled=false 2>&1) ||
    fail "apt cannot use this source." "$said"
  for f in "$t"/lists/*Release; do
    offered=$(sed -n 's/^Components: *//p' "$f")
    for c in $components; do
      case " $offered " in '  ' | *[\ /]"$c "*) ;; *) fail "The source has no component $c, only: $offered." ;; esac
    done
  done
fi

[ -z "$url" ] || { cp "$keyring" "/etc/apt/keyrings/.$name.new" && mv "/etc/apt/keyrings/.$name.new" "/etc/apt/keyrings/$name.gpg"; }
