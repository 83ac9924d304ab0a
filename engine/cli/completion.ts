import type { Io } from './io.ts';

/** Prints a completion script for a shell. The script asks `reconcile complete` for completions. */
export function completion(shell: 'bash' | 'zsh' | 'fish', io: Io): number {
  io.stdout.write(scripts[shell]);
  return 0;
}

// Bash also splits words at : and =, except in quotes, and takes only the text behind the last of them.
const bash = `# reconcile completion: eval "$(reconcile completion bash)"
_reconcile() {
  local line=\${COMP_LINE:0:COMP_POINT} words word typed mark
  read -ra words <<<"\${line//[\\"\\']/}"
  [[ $line == *[[:space:]] ]] && words+=('')
  typed=\${words[\${#words[@]} - 1]}
  mark=\${typed%"\${typed##*[:=]}"}
  [[ \${COMP_WORDS[COMP_CWORD]} == [\\"\\']* ]] && mark=
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    word=\${word#"$mark"}
    COMPREPLY+=("\${word// /\\\\ }")
  done < <("$1" complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace
  return 0
}
complete -F _reconcile reconcile
`;

const zsh = `#compdef reconcile
# reconcile completion: eval "$(reconcile completion zsh)"
_reconcile() {
  local line word about
  local -a whole open whole_about open_about
  while IFS= read -r line; do
    word=\${line%%$'\\t'*} about=$line
    [[ $line == *$'\\t'* ]] && about="$word  -- \${line#*$'\\t'}"
    if [[ $word == */ ]]; then
      open+=("$word") open_about+=("$about")
    else
      whole+=("$word") whole_about+=("$about")
    fi
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  (( \${#whole} )) && compadd -l -d whole_about -a whole
  (( \${#open} )) && compadd -S '' -d open_about -a open
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
compdef _reconcile reconcile
`;

const fish = `# reconcile completion: reconcile completion fish | source
function __reconcile_complete
    set -l words (commandline -opc)
    $words[1] complete -- $words[2..] (commandline -ct) 2>/dev/null
end
complete -c reconcile -f -a '(__reconcile_complete)'
`;

const scripts = { bash, zsh, fish };
