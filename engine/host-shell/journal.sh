# Journals: directories with the earlier state of paths, and the commands that undo a change.
# Defines: r_entry, r_remember, r_remembered, r_seal, r_intact, r_intact_all, r_restore, r_revert, r_recover, r_again.
# Needs: r_do, r_at, r_own and r_dead; r_home, the state directory of the account; r_journal, the journal to revert.
# Exit codes: r_revert returns 1 if a part could not be reverted; r_again exits as the journal's `again` does. r_intact and
# r_intact_all return 1 with the reason on standard error.
#
# A shell runs a journal as a script. So each entry is written whole and flushed before its path changes, and only the first
# entry of a path counts. `back` restores the paths, newest first: r_remember collects the entries of a step in `more`, from
# the last path to the first, and r_remembered puts them before the earlier ones. `before` and `after` hold the commands that
# run before and after that. `by` names the session that may still need the journal. `again` holds the commands that a later session
# runs after the end of that session. Each of these files ends in its checksum: a damaged file could do anything, so it is
# not run, and its journal is kept for an administrator.

r_seal() {
  cat >"$1.new" && { printf '#sum ' && cksum <"$1.new"; } >"$1.sum" && cat -- "$1.sum" >>"$1.new" && rm -f -- "$1.sum" &&
    sync -- "$1.new" && mv -fT -- "$1.new" "$1" && sync -- "${1%/*}"
}
r_unsealed() { [ ! -f "$1" ] || sed '$d' -- "$1"; }
r_intact() {
  [ ! -e "$1" ] || [ "$(tail -n 1 -- "$1" | tr '\0' '?')" = "#sum $(r_unsealed "$1" | cksum)" ] || [ ! -e "$1" ] || r_no "$1 is damaged"
}
r_intact_all() {
  for r_f in "$1"/before "$1"/back "$1"/after "$1"/again "$1"/*.directory; do
    [ ! -e "$r_f" ] || r_intact "$r_f" || return
  done
}
r_entry() {
  { [ -d "$1" ] || mkdir -p -m 0700 "$1"; } || return
  if [ -f "$1/$2" ]; then
    r_intact "$1/$2" || return
    ! grep -q "^#$3$" "$1/$2" || return 0
  fi
  { r_unsealed "$1/$2"; printf '#%s\n%s || r_bad=1\n' "$3" "$4"; } | r_seal "$1/$2"
}
r_remember() {
  [ ! -f "$1/back" ] || ! grep -q "^#$2$" "$1/back" || return 0
  if [ -d "${3%/*}/" ]; then r_do r_save "$3" "$1/$2" || return; fi
  printf '#%s\n%s || r_bad=1\n' "$2" "$4" >>"$1/more"
}
r_remembered() {
  [ -f "$1/more" ] || return 0
  r_intact "$1/back" || return
  { cat -- "$1/more"; r_unsealed "$1/back"; } | r_seal "$1/back" && rm -f -- "$1/more"
}
r_save() {
  r_at "$1" || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then
    r_down "${r_to#./}" && stat -c '%u %g %a' . | r_seal "$2.directory"
  elif [ -e "$r_to" ] || [ -L "$r_to" ]; then cp -a -- "$r_to" "$2" && { [ -L "$2" ] || sync -- "$2"; }; fi
}
r_restore() { r_do r_restore_path "$2" "$1"; }
r_restore_path() {
  if [ -f "$r_journal/$2.directory" ]; then
    IFS=' ' read -r r_o r_g r_m <"$r_journal/$2.directory" || return
    r_enter "${1%/*}" make || return
    r_to=${1##*/}
    if [ ! -d "./$r_to" ] || [ -L "./$r_to" ]; then rm -f -- "./$r_to" && mkdir -- "./$r_to" || return; fi
    r_down "$r_to" && r_own . "$r_o" "$r_g" "$r_m"
  elif [ -e "$r_journal/$2" ] || [ -L "$r_journal/$2" ]; then
    r_at "$1" && r_apart && r_s=$(mktemp -u "$r_new") && cp -a -- "$r_journal/$2" "$r_s" && r_move
  elif [ ! -d "${1%/*}/" ]; then return 0
  elif r_at "$1" && [ -d "$r_to" ] && [ ! -L "$r_to" ]; then rmdir --ignore-fail-on-non-empty -- "$r_to"
  else [ -n "$r_to" ] && rm -f -- "$r_to"; fi
}
r_revert() {
  r_bad=0
  for r_f in before back after; do
    [ ! -f "$r_journal/$r_f" ] || . "$r_journal/$r_f" </dev/null
  done
  sync -f "$r_home"
  return $r_bad
}
r_recover() {
  r_believable 2>/dev/null || return
  r_await
  r_forget_outcomes
  r_sweep_scripts
  for r_journal in "$r_home"/undo.????????.*.??????????; do
    [ -d "$r_journal" ] && r_dead "$r_journal" || continue
    r_again
  done >/dev/null 2>&1
  for r_journal in "$r_home/revert" "$r_home/armed"; do
    [ -f "$r_journal/by" ] && read -r r_by <"$r_journal/by" && r_dead "$r_journal.$r_by.x" || continue
    r_again
  done >/dev/null 2>&1
}
r_again() {
  r_intact_all "$r_journal" || return
  r_c=0
  [ ! -f "$r_journal/again" ] || { (. "$r_journal/again") </dev/null; r_c=$?; }
  rm -rf -- "$r_journal"
  return "$r_c"
}
