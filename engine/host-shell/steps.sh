# The functions of steps, and the notes of owed restarts.
# Defines: r_begin, r_expect, r_no, r_dead, r_owed_at, r_owe, r_pay, r_disown, r_boot, r_reboot; r_me and r_self, which name this session.
# Needs: r_base, the state directory; r_records of outcome.sh; r_do and its functions of paths.sh; r_k, a mark that no output contains.
# Exit codes: 0; 1 with the reason on standard error; r_expect returns the exit code that was not expected.
#
# The note of an owed reboot is lost with the boot, as it should be. r_boot prints the boot: its ID, and the start of process 1,
# because a container may show the ID of the machine that it runs on. r_reboot prints it, too, and restarts the host a second
# later, after the answer.
#
# A name that ends in the boot and the process of a session tells a later session whether that session still lives.

r_me=0
read -r r_me 2>/dev/null </proc/sys/kernel/random/boot_id
r_me=${r_me%%-*}.$$
r_self=$r_me
r_dead() {
  r_q=${1%.*}
  [ -d "/proc/${r_q##*.}" ] || return 0
  r_q=${r_q%.*}
  [ "${r_q##*.}" != "${r_me%.*}" ]
}
r_begin() { printf '\n%s %s\n' "$r_k" "$1"; printf '\n%s %s\n' "$r_k" "$1" >&2; }
r_no() { printf '%s\n' "$*" >&2; return 1; }
r_expect() {
  printf '\n%s:%s\n' "$r_k" "$1"
  r_c=$1
  shift
  for r_e do [ "$r_c" != "$r_e" ] || return 0; done
  [ "$r_c" != 0 ] || return 1
  return "$r_c"
}
r_owed_at() { case $1 in host) r_f=$r_records/owed.host ;; *) r_f=$r_base/owed/$1 ;; esac; }
r_state() { [ -d "$r_base/owed" ] || mkdir -p -m 0700 "$r_base" "$r_base/owed"; }
r_owe() {
  r_state || return
  r_owed_at "$1"
  [ -d "${r_f%/*}" ] || mkdir -p -m 0700 "${r_f%/*}" || return
  if [ -f "$r_f" ] && grep -qF -- "$2	" "$r_f" && grep -qF -- "	$3" "$r_f"; then return; fi
  [ -f "$r_f" ] || r_noted="$r_noted $1"
  r_do r_note "$r_f" "$2	$(date +%s)	$3"
}
r_note() {
  r_at "$1" && r_s=$(mktemp "$r_new") && { [ ! -f "$r_to" ] || sed '$a\' -- "$r_to"; printf '%s\n' "$2"; } | cat >"$r_s" && r_commit || r_no "$1 cannot be written"
}
r_disown() {
  r_c=$?
  for r_p in $r_noted; do r_pay "$r_p"; done
  exit $r_c
}
r_pay() { r_owed_at "$1"; rm -rf -- "$r_f"; }
r_boot() {
  r_q=
  r_p=
  read -r r_q 2>/dev/null </proc/sys/kernel/random/boot_id
  read -r r_p 2>/dev/null </proc/1/stat
  set -- ${r_p##*) }
  printf '%s %s\n' "$r_q" "${20-}"
}
r_reboot() { r_boot && systemd-run -q --collect --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot; }
