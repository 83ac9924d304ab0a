# Fetches a .deb into apt's cache, and refuses one with another digest, name or version than declared.
# Needs: `url`, `sha256`, `name` and `version` of the package; `file`, the path in the cache.
# Exit codes: 0, or 1 with the reason.

export LC_ALL=C.UTF-8
fail() { printf '%s\n' "$1" >&2; exit 1; }
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
# apt fetches as this account, if the host has it.
mkdir "$t/fetched" && chmod 755 "$t" && { chown _apt "$t/fetched" 2>/dev/null || :; } || exit 1
said=$(/usr/lib/apt/apt-helper -o Acquire::Retries=2 download-file "$url" "$t/fetched/deb" 2>&1) ||
  { printf '%s\n' "$said" | grep -E '^(E|W): ' | sort -u >&2; fail "$url cannot be fetched."; }
found=$(sha256sum <"$t/fetched/deb") && found=${found%% *} || exit 1
[ "$found" = "$sha256" ] || fail "$url has the SHA-256 $found, not $sha256."
is() { dpkg-deb -f "$t/fetched/deb" "$1"; }
[ "$(is Package) $(is Version)" = "$name $version" ] || fail "$url is $(is Package) $(is Version), not $name $version."
mkdir -p "${file%/*}" && cp "$t/fetched/deb" "$file.new" && chmod 644 "$file.new" && mv -fT "$file.new" "$file"
