# Journals: directories that keep what paths were like, and the commands that undo a change.
# Defines: r_entry, r_put, r_put_back, r_recover, r_again.
# Needs: r_do, r_at, r_own and r_dead; r_home, the state directory of the account; r_undo, the journal to put back.
# Exit codes: r_put_back returns 1 if something could not be put back; r_again exits as the journal's `again` does.
#
# A shell reads a journal as a script. So each entry is written whole and flushed before its path is touched, and the first
# entry of a path counts. `before` and `after` hold the commands that run before and after the paths are put back, newest
# first. `by` names the session that may still need the journal. `again` holds what a later session does with it otherwise.

r_entry() {
  { [ -d "$1" ] || mkdir -p -m 0700 "$1"; } || return
  [ ! -f "$1/$2" ] || ! grep -q "^#$3$" "$1/$2" || return 0
  [ "$2" != back ] || r_do r_keep "$4" "$1/$3" || return
  {
    if [ "$2" != back ]; then [ ! -f "$1/$2" ] || cat -- "$1/$2"; fi
    printf '#%s\n%s || r_bad=1\n' "$3" "$5"
    if [ "$2" = back ]; then [ ! -f "$1/$2" ] || cat -- "$1/$2"; fi
  } >"$1/new" && sync -- "$1/new" && mv -fT -- "$1/new" "$1/$2" && sync -- "$1"
}
r_keep() {
  [ -d "${1%/*}/" ] || return 0
  r_at "$1" || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then
    r_down "${r_to#./}" && stat -c 'r_o=%u r_g=%g r_m=%a' . >"$2.directory" && sync -- "$2.directory"
  elif [ -e "$r_to" ] || [ -L "$r_to" ]; then cp -a -- "$r_to" "$2" && { [ -L "$2" ] || sync -- "$2"; }; fi
}
r_put() { r_do r_restore "$2" "$1"; }
r_restore() {
  if [ -f "$r_undo/$2.directory" ]; then
    . "$r_undo/$2.directory"
    r_enter "${1%/*}" make || return
    r_to=${1##*/}
    if [ ! -d "./$r_to" ] || [ -L "./$r_to" ]; then rm -f -- "./$r_to" && mkdir -- "./$r_to" || return; fi
    r_down "$r_to" && r_own . "$r_o" "$r_g" "$r_m"
  elif [ -e "$r_undo/$2" ] || [ -L "$r_undo/$2" ]; then
    r_at "$1" && r_apart && r_s=$(mktemp -u "$r_new") && cp -a -- "$r_undo/$2" "$r_s" && r_move
  elif [ ! -d "${1%/*}/" ]; then return 0
  elif r_at "$1" && [ -d "$r_to" ] && [ ! -L "$r_to" ]; then rmdir --ignore-fail-on-non-empty -- "$r_to"
  else [ -n "$r_to" ] && rm -f -- "$r_to"; fi
}
r_put_back() {
  r_bad=0
  for r_f in before back after; do
    [ ! -f "$r_undo/$r_f" ] || . "$r_undo/$r_f" </dev/null
  done
  sync -f "$r_home"
  return $r_bad
}
r_recover() {
  r_await
  r_forget_outcomes
  for r_undo in "$r_home"/undo.????????.*.??????????; do
    [ -d "$r_undo" ] && r_dead "$r_undo" || continue
    r_again
  done >/dev/null 2>&1
  for r_undo in "$r_home/revert" "$r_home/armed"; do
    [ -f "$r_undo/by" ] && read -r r_q r_by <"$r_undo/by" && r_dead "$r_undo.$r_by.x" || continue
    r_again
  done >/dev/null 2>&1
}
r_again() {
  r_c=0
  [ ! -f "$r_undo/again" ] || { (. "$r_undo/again") </dev/null; r_c=$?; }
  rm -rf -- "$r_undo"
  return "$r_c"
}
