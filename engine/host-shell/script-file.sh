# Keeps a script of the controller on the host while a step runs it.
# Defines: r_staged, r_unstaged, r_sweep_scripts; r_file, the path of the script.
# Needs: r_no, r_dead and r_self of steps.sh; r_account of reading.sh; r_records of outcome.sh.
# Exit codes: r_staged returns 1 with the reason on standard error; r_unstaged returns the exit code of the command before it.
#
# The script lies in a folder of its own, which other accounts can enter but not list, and only the account that runs it may
# read it. The folder of root is in memory, because a script can hold a secret. r_unstaged removes it; r_sweep_scripts
# removes what a killed session left behind.

r_scripts() {
  r_p=$r_records/script
  [ "$r_records" != /run/reconcile ] || r_p=/run/reconcile-script
}
r_sweep_scripts() {
  r_scripts
  for r_p in "$r_p".????????.*.??????????; do
    if [ -d "$r_p" ] && r_dead "$r_p"; then rm -rf -- "$r_p"; fi
  done
}
r_staged() {
  r_sweep_scripts
  r_scripts
  { [ -d "${r_p%/*}" ] || mkdir -p -m 0700 "${r_p%/*}"; } && r_p=$(mktemp -d "$r_p.$r_self.XXXXXXXXXX") || return
  r_file=$r_p/$3
  r_h=$(umask 077; head -c "$1" | tee -- "$r_file" | sha256sum)
  if [ "$(wc -c <"$r_file")" -ne "$1" ]; then r_no "the script $3 did not arrive whole"
  elif [ -n "$2" ] && [ "${r_h%% *}" != "$2" ]; then
    r_no "the script $3 is another one than planned: its source has changed"
  else
    chmod 0400 -- "$r_file" && { [ "$4" = "$r_account" ] || chown -- "$4" "$r_file"; } && chmod 0711 -- "$r_p" && return
  fi
  rm -rf -- "${r_file%/*}"
  return 1
}
r_unstaged() {
  r_c=$?
  rm -rf -- "${r_file%/*}"
  return $r_c
}
