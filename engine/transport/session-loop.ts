/**
 * The host's half of the session protocol: a POSIX `sh` that reads scripts from its stdin and runs them in order.
 * A request is `ID SCRIPT_BYTES INPUT_BYTES\n`, the script, and, if there is input, the input and the nonce on a line.
 * Output is not framed: bytes go out as they come, and each stream says `\nNONCE ID EXIT\n` when a request is over.
 */

/** The number of the request that is evaluated in the loop's own shell, so that later scripts see its functions. */
export const preludeId = 0;

/**
 * The words that start the host's half. The loop itself comes over stdin: this is what `ps` and sudo's log show,
 * and it means the same in any login shell, as it has no single quote, no `!` and no backslash. `before` is run first.
 */
export function bootstrap(shell = 'sh', before = ''): readonly string[] {
  return [shell, '-c', `${before}read -r n; eval "$(head -c "$n")"`];
}

// The two drains keep reading when the connection is gone. A script that runs at that time then ends as it should
// instead of dying from SIGPIPE in the middle, which can leave dpkg half-configured.
//
// Input that was cut short must not look complete: whoever runs `cat >new && mv new old` would install half a file.
// So the pipe stays open until the nonce behind the input was seen, and without it everybody in the group is killed.
// A script that was cut short does not end in the nonce, and is not run.
const loop = `
trap '' HUP
umask 022
cd /
unset n HISTFILE LANGUAGE ENV BASH_ENV CDPATH
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
session_drain() { cat; cat >/dev/null; }
session_mark() {
  printf '\\n%s %s\\n' "$session_nonce" "$*"
  printf '\\n%s %s\\n' "$session_nonce" "$*" >&2
}
session_eval() { eval "unset session_nonce session_script; $session_script"; }
session_feed() {
  head -c "$session_input"
  IFS= read -r session_end
  [ "$session_end" = "$session_nonce" ] || kill -9 0
}
session_serve() {
  IFS= read -r session_nonce || exit
  session_mark start
  while IFS=' ' read -r session_id session_size session_input; do
    session_script=$(head -c "$session_size")
    case $session_script in *"#$session_nonce") ;; *) exit 1 ;; esac
    if [ "$session_id" = ${preludeId} ]; then
      eval "$session_script" </dev/null
    elif [ "$session_input" = 0 ]; then
      (session_eval) </dev/null
    else
      session_feed | { (session_eval); session_exit=$?; cat >/dev/null; exit "$session_exit"; }
    fi
    session_mark "$session_id" $?
  done
}
{ session_serve 2>&1 >&3 3>&- | session_drain >&2 3>&-; } 3>&1 | session_drain
`;

/** The first bytes of a session: the loop and, on a line of its own, the nonce that no command knows. */
export function hello(nonce: string): string {
  return `${Buffer.byteLength(loop)}\n${loop}${nonce}\n`;
}

/** One request as bytes, in pieces so that a large input is not copied. */
export function frame(nonce: string, id: number, script: string, input: Buffer): Buffer[] {
  const text = `${script}\n#${nonce}`;
  const head = Buffer.from(`${id} ${Buffer.byteLength(text)} ${input.length}\n${text}`);
  return input.length === 0 ? [head] : [head, input, Buffer.from(`${nonce}\n`)];
}
