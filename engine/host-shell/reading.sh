# The functions of every reading and every change.
# Defines: r_mark, r_as, r_ended, r_find, r_content, r_owed; r_account, the account of the session.
# Needs: r_owed_at of steps.sh; in each script r_k, a mark that no output contains, and r_e, the file that takes standard error.
# Exit codes: r_as exits as its command does.

r_account=root
[ "$(id -u)" = 0 ] || r_account=$(id -un)
r_mark() { printf '\n%s %s %s\n%s\n%s .\n' "$r_k" "$1" "$?" "$r_e" "$r_k"; }
r_as() { r_u=$1; shift; if [ "$r_u" = "$r_account" ]; then "$@"; else runuser -u "$r_u" -- "$@"; fi; }
r_ended() { printf '\n%s exit %s\n' "$r_k" "$1"; }
r_find() { find "$@" -printf '%p\0%y\0%u\0%g\0%m\0%s\0%T@\0%l\0' 2>/dev/null; }
r_content() {
  printf '%s\n' "$1"
  r_n=$(($1 + 1))
  shift
  for r_p do
    [ -f "$r_p" ] || continue
    printf '%s\0' "$r_p"; head -c "$r_n" -- "$r_p"; printf '\n%s end\n' "$r_k"
  done
}
r_owed() {
  for r_p do
    r_owed_at "$r_p"
    [ -e "$r_f" ] || continue
    [ -f "$r_f" ] && [ -s "$r_f" ] || printf '%s\t\n' "$r_p"
    [ ! -f "$r_f" ] || while IFS= read -r r_l || [ -n "$r_l" ]; do printf '%s\t%s\n' "$r_p" "$r_l"; done <"$r_f"
  done
}
