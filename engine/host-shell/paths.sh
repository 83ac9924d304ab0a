# Functions that change the thing at a path. Other accounts that may write to a folder on the way cannot redirect them.
# Defines: r_do, which runs one of the others: r_write, r_link, r_directory, r_attributes, r_remove, r_trusted; r_many, which
# does the steps on its standard input.
# Needs: r_no, r_dead, r_begin and r_self of steps.sh; r_many_program, the text of many.pl, which describes that input.
# Exit codes: 0; 1 with the reason on standard error; r_write exits as the command that checks the new file does; r_many
# exits 3 if it has changed nothing.
#
# r_do runs a function in a subshell whose working directory is the folder. So a change of ./NAME stays in that folder, even
# if the path leads elsewhere meanwhile. r_enter enters a folder by its whole path if the kernel confirms that no link was
# followed, else name by name. It follows a link only if the link and its folder belong to root or to the account that does
# the work, and no other account may write there: then neither can be exchanged. In a folder that another account may write
# to, r_apart creates a folder with mode 0700; new things are created there before they move into place. A file there gets
# its owner and mode through a second name, because chmod follows links. A mode of five digits also clears the set-group-ID
# bit of a folder; four digits leave it. A folder without a declared mode has its final mode at once, because no later run
# would correct it after a cut. A file keeps its access list and extended attributes unless a declared owner and a declared
# mode replace both its own. The new file gets them before its content, because the kernel drops capabilities when the
# content is written. r_bare first takes away what it inherited from its folder, which cp of coreutils 9.2 and later leaves
# to a file whose old one has no access list. Other accounts could open it meanwhile, so r_hide hides it from them if its mode changes. An account
# other than root cannot set all attributes. /bin/pwd prints the working directory, because the builtin of bash prints the
# name by which it entered. mv -T of uutils and busybox refuses to replace a link to a folder, so perl renames over it: it is
# essential in Debian.

r_uid=$(id -u)
r_owners=root
[ "$r_uid" = 0 ] || r_owners="root or $(id -un)"
r_swept=
r_do() {
  ( r_s=; r_x=; r_to=; "$@"; r_c=$?; r_clean; exit "$r_c" ) || return
  r_swept=${2%/*}/
}
r_here() { r_w=$(/bin/pwd -P; echo .); r_w=${r_w%??}; }
r_unsafe() { r_no "$1, so that it can lead anywhere; nothing is done through it"; }
r_ours() {
  r_q=$(stat -c '%u %a' -- "$1") || return
  case ${r_q% *} in 0 | "$r_uid") ;; *) return 1 ;; esac
  [ ! -L "$1" ] || return 0
  case $r_q in *[2367] | *[2367]?) return 1 ;; esac
}
r_down() {
  r_here
  r_v=${r_w%/}/$1
  cd -P "./$1" || return
  r_here
  [ "$r_w" = "$r_v" ] || r_unsafe "$r_v is being replaced by a link"
}
r_enter() {
  if cd -P "$1/" 2>/dev/null && r_here && [ "$r_w" = "${1:-/}" ]; then return; fi
  cd / || return
  r_rest=$1/
  r_links=0
  while [ -n "$r_rest" ]; do
    r_name=${r_rest%%/*}
    r_rest=${r_rest#*/}
    case $r_name in
      '' | .) ;;
      ..) cd -P .. || return ;;
      *)
        if [ -L "./$r_name" ]; then r_follow "./$r_name" || return
        else
          [ -z "${2-}" ] || [ -d "./$r_name" ] || mkdir -- "./$r_name" || return
          r_down "$r_name" || return
        fi ;;
    esac
  done
}
r_follow() {
  r_here
  { r_ours "$1" && r_ours .; } || { r_unsafe "${r_w%/}/${1#./} is a link that another account than $r_owners may have made"; return; }
  r_links=$((r_links + 1))
  [ $r_links -le 40 ] || { r_no "there are too many links on the way"; return; }
  r_w=$(readlink -- "$1"; echo .)
  r_rest=${r_w%??}/$r_rest
  case $r_w in /*) cd / ;; esac
}
r_at() {
  [ -d "${1%/*}/" ] || { r_no "the directory ${1%/*}/ does not exist"; return; }
  r_enter "${1%/*}" || return
  r_to=./${1##*/}
  r_new=./.reconcile.$r_self.XXXXXXXXXX
  [ "${1%/*}/" = "$r_swept" ] || r_sweep
}
r_apart() { r_ours . || r_hide; }
r_hide() {
  r_x=$(mktemp -d "$r_new") && r_down "${r_x#./}" || return
  case $(stat -c '%u %a' .) in "$r_uid "*700) ;; *) r_unsafe "$r_w was exchanged"; return ;; esac
  r_to=.$r_to
}
r_clean() {
  [ -z "$r_s" ] || rm -f -- "$r_s"
  [ -z "$r_x" ] || { cd -P .. && rmdir -- "$r_x"; } 2>/dev/null
}
r_sweep() {
  for r_p in ./.reconcile.????????.*.??????????; do
    if { [ -e "$r_p" ] || [ -L "$r_p" ]; } && r_dead "$r_p"; then rm -rf -- "$r_p"; fi
  done
}
r_move() {
  if [ -L "$r_to" ] && [ -d "$r_to" ] && command -v perl >/dev/null; then
    perl -e 'rename $ARGV[0], $ARGV[1] or die "$ARGV[1]: $!\n"' -- "$r_s" "$r_to"
  else mv -fT -- "$r_s" "$r_to"; fi && r_s=
}
r_commit() { sync -- "$r_s" && r_move && sync -- "${r_to%/*}"; }
r_own() {
  [ -z "$2$3" ] || chown -h "$2${3:+:$3}" -- "$1" || return
  [ -z "$4" ] || [ -L "$1" ] || chmod "0$4" -- "$1"
}
r_write() {
  r_at "$1" && r_apart || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then r_no "$1 is a directory; it is not replaced by a file"; return; fi
  r_m=$(stat -c '%F:%u:%g:%a' -- "$r_to" 2>/dev/null)
  case $r_m in regular*) r_m=${r_m#*:} ;; *) r_m=::644 ;; esac
  r_o=${r_m%%:*}
  r_g=${r_m#*:}
  r_m=${r_g#*:}
  r_g=${r_g%%:*}
  r_l=$r_to
  if [ -n "$3" ] && [ "$(id -u -- "$3" 2>/dev/null)" != "$r_o" ]; then
    [ -z "$5" ] || r_l=
    case $r_m in ????) r_m=${r_m#"${r_m%???}"} ;; esac
  elif [ -z "$r_o" ]; then r_l=
  elif [ -z "$r_x" ] && [ -n "$5" ] && [ "${5#0}" != "$r_m" ]; then r_hide || return; fi
  r_s=$(mktemp "$r_new") || return
  [ -z "$r_l" ] || r_alike || { r_no "the access list and the extended attributes of $1 cannot be kept"; return; }
  if [ -z "$7" ]; then head -c "$2" >"$r_s" || return
  else r_h=$(head -c "$2" | tee -- "$r_s" | sha256sum); fi
  [ "$(wc -c <"$r_s")" -eq "$2" ] || { r_no "the content of $1 did not arrive whole"; return; }
  [ -z "$7" ] || [ "${r_h%% *}" = "$7" ] || { r_no "the content of $1 is another one than planned: its source has changed"; return; }
  r_own "$r_s" "${3:-$r_o}" "${4:-$r_g}" "${5:-$r_m}" || return
  r_b=$6
  shift 7
  [ $# = 0 ] || (r_here; cd / && exec "$@" "${r_w%/}/${r_s#./}" </dev/null) || { r_c=$?; r_no "the command that checks the new file exited $r_c"; return "$r_c"; }
  [ -z "$r_b" ] || r_backup && r_commit
}
r_alike() {
  r_c=0
  if [ -n "$r_x" ]; then r_l=./like; ln -P -- "$r_to" "$r_l" 2>/dev/null || return 0; fi
  if [ -f "$r_l" ] && [ ! -L "$r_l" ]; then
    r_bare
    cp --attributes-only --preserve=mode,xattr -- "$r_l" "$r_s" ||
      { [ "$r_uid" != 0 ] && cp --attributes-only --preserve=mode -- "$r_l" "$r_s"; }
    r_c=$?
    chmod 600 -- "$r_s" 2>/dev/null
  fi
  [ -z "$r_x" ] || rm -f -- "$r_l"
  return "$r_c"
}
r_bare() {
  case $(ls -ld -- "$r_s" 2>/dev/null) in ??????????+*) tar -cf - -- "$r_s" | tar -xf - --acls --overwrite 2>/dev/null ;; esac
}
r_backup() {
  [ -f "$r_to" ] || return 0
  r_b=$(mktemp -u "$r_new") && cp -a -- "$r_to" "$r_b" && mv -fT -- "$r_b" "$r_to.~$(date +%Y%m%dT%H%M%S)~"
}
r_link() {
  r_at "$1" && r_apart || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then r_no "$1 is a directory; it is not replaced by a link"; return; fi
  r_s=$(mktemp -u "$r_new") && ln -sT -- "$2" "$r_s" && r_move
}
r_directory() {
  r_enter "${1%/*}" make || return
  r_to=./${1##*/}
  [ ! -L "$r_to" ] || { r_no "$1 is a link, not a directory"; return; }
  r_m=${4:+700}
  [ -d "$r_to" ] || mkdir -m "${r_m:-755}" -- "$r_to" || return
  r_down "${r_to#./}" && r_own . "$2" "$3" "$4"
}
r_attributes() {
  r_at "$1" || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then
    r_down "${r_to#./}" || return
    if [ -n "$5" ] && [ -n "$2$3" ]; then chown -hR "$2${3:+:$3}" -- . || return; fi
    r_own . "$2" "$3" "$4"
    return
  fi
  r_apart || return
  if [ -n "$r_x" ]; then
    r_s=./file
    ln -P -- "$r_to" "$r_s" || return
    [ "$(stat -c %h -- "$r_s")" = 2 ] || { r_unsafe "$1 has a second name"; return; }
  fi
  r_own "${r_s:-$r_to}" "$2" "$3" "$4"
}
r_remove() {
  [ -d "${1%/*}/" ] || return 0
  r_at "$1" || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ] && [ "$(stat -c %d -- "$r_to")" != "$(stat -c %d .)" ]; then
    r_no "$1 is a mount point; what is mounted there is not removed"
    return
  fi
  rm "$2" --one-file-system -- "$r_to"
}
r_trusted() {
  if [ -d "$1/" ]; then r_enter "$1"; else r_enter "${1%/*}"; fi || return
  while :; do
    r_here
    r_ours . || { r_no "$r_w can be written by another account than $r_owners, but programs would be run from it"; return; }
    [ "$r_w" != / ] || return 0
    cd -P .. || return
  done
}
r_many() {
  unset PERL5LIB PERL5OPT PERL_UNICODE
  if perl -MFcntl -e 1 2>/dev/null; then
    [ -n "$2" ] || [ -d "$1/" ] || { r_no "the directory $1/ does not exist"; return 3; }
    r_enter "$1" "$2" || return 3
    exec perl -e "$r_many_program" "$r_k" "$r_self" "$1"
  fi
  while IFS=' ' read -r r_i r_p r_n r_m r_o r_g r_v; do
    [ "$r_i" != end ] || return 0
    [ -n "$r_i" ] || break
    r_begin "$r_i"
    set -- "$1" "r_$r_p" "$1/${r_v%/}" "${r_o#-}" "${r_g#-}" "${r_m#-}"
    case $r_p in
      write) r_do "$2" "$3" "$r_n" "$4" "$5" "$6" '' '' || return ;;
      *) r_do "$2" "$3" "$4" "$5" "$6" '' || return ;;
    esac
  done
  r_no 'the steps did not arrive whole'
}
