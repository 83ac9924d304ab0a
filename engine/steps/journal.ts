import { createHash } from 'node:crypto';
import { shellCommand, shellQuote } from '../quote.ts';
import { type KeepStep, stateDirectory } from '../step.ts';

/** What has to be kept before steps so that they can be undone. */
export type Undoing = Omit<KeepStep, 'do' | 'journal'>;

/**
 * Shell functions for journals: directories that hold what paths were like, and which commands undo a change. A
 * journal is read as a script, so every entry is written whole and flushed before what it is about is touched, and
 * the first entry of a path counts. `before` and `after` are the commands that run before and after the paths, from the
 * newest to the oldest, are put back. `by` names who may still need it; `again` is what a later session does with one
 * that nobody needs any more.
 */
export const journalLibrary = `
r_entry() {
  { [ -d "$1" ] || mkdir -p -m 0700 "$1"; } || return
  [ ! -f "$1/$2" ] || ! grep -q "^#$3$" "$1/$2" || return 0
  [ "$2" != back ] || r_do r_keep "$4" "$1/$3" || return
  {
    if [ "$2" != back ]; then [ ! -f "$1/$2" ] || cat -- "$1/$2"; fi
    printf '#%s\\n%s || r_bad=1\\n' "$3" "$5"
    if [ "$2" = back ]; then [ ! -f "$1/$2" ] || cat -- "$1/$2"; fi
  } >"$1/new" && sync -- "$1/new" && mv -fT -- "$1/new" "$1/$2" && sync -- "$1"
}
r_keep() {
  [ -d "\${1%/*}/" ] || return 0
  r_at "$1" || return
  if [ -d "$r_to" ] && [ ! -L "$r_to" ]; then
    r_down "\${r_to#./}" && stat -c 'r_o=%u r_g=%g r_m=%a' . >"$2.directory" && sync -- "$2.directory"
  elif [ -e "$r_to" ] || [ -L "$r_to" ]; then cp -a -- "$r_to" "$2" && { [ -L "$2" ] || sync -- "$2"; }; fi
}
r_put() { r_do r_restore "$2" "$1"; }
r_restore() {
  if [ -f "$r_undo/$2.directory" ]; then
    . "$r_undo/$2.directory"
    r_enter "\${1%/*}" make || return
    r_to=\${1##*/}
    if [ ! -d "./$r_to" ] || [ -L "./$r_to" ]; then rm -f -- "./$r_to" && mkdir -- "./$r_to" || return; fi
    r_down "$r_to" && r_own . "$r_o" "$r_g" "$r_m"
  elif [ -e "$r_undo/$2" ] || [ -L "$r_undo/$2" ]; then
    r_at "$1" && r_apart && r_s=$(mktemp -u "$r_new") && cp -a -- "$r_undo/$2" "$r_s" && r_move
  elif [ ! -d "\${1%/*}/" ]; then return 0
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
`;

/** The shell commands of a keep step. */
export function keep({ journal, parents, paths, before, after }: KeepStep): string {
  const directory = `"$r_home/${journal}"`;
  const commands = (file: 'before' | 'after', given: KeepStep['before']) =>
    given.map(command => {
      const text = `${shellCommand(['timeout', '-k', '5', '90', ...argv(command)])} >/dev/null`;
      return `r_entry ${directory} ${file} ${shellCommand([digest(text), '', text])}`;
    });
  return [
    `{ [ -d "$r_home" ] || mkdir -p -m 0700 "$r_home"; }`,
    `{ [ -d ${directory} ] || mkdir -m 0700 ${directory}; } && printf '%s\\n' "$r_me" >${directory}/by`,
    ...parents.map(path => `{ [ -d ${shellQuote(path)} ] || ${keepPath(directory, path)}; }`),
    ...paths.map(path => keepPath(directory, path)),
    ...commands('before', before),
    ...commands('after', after),
  ].join(' &&\n');
}

/** The shell command that keeps what a path is like in a journal, which is given as a word of the shell. */
export function keepPath(journal: string, path: string): string {
  const key = digest(path);
  const word = path.startsWith(`${stateDirectory}/`)
    ? `"$r_base"${shellQuote(path.slice(stateDirectory.length))}`
    : shellQuote(path);
  return `r_entry ${journal} back ${key} ${word} ${shellQuote(`r_put ${key} ${word}`)}`;
}

function argv(command: string | readonly string[]): readonly string[] {
  return typeof command === 'string' ? ['sh', '-c', command] : command;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
