import type { Command } from 'commander';
import type { Io } from './io.ts';

/** A script that completes commands, their options and files; written from the commands themselves. */
export function completion(shell: 'bash' | 'zsh' | 'fish', root: Command, io: Io): number {
  const scripts = {
    bash,
    zsh: (command: Command) => `autoload -U +X bashcompinit && bashcompinit\n${bash(command)}`,
    fish,
  };
  io.stdout.write(scripts[shell](root));
  return 0;
}

function bash(root: Command): string {
  const names = root.commands.map(command => command.name()).join(' ');
  const cases = root.commands.map(command => `    ${command.name()}) words='${flags(command).join(' ')}' ;;`);
  return `# reconcile completion: eval "$(reconcile completion bash)"
_reconcile() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${names}' -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _reconcile reconcile
`;
}

function fish(root: Command): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = root.commands.flatMap(command => [
    `complete -c reconcile -n __fish_use_subcommand -f -a ${command.name()} -d ${quote(command.description())}`,
    ...command.options.map(({ long, short, required, description }) => {
      const names = [short ? ` -s ${short.slice(1)}` : '', long ? ` -l ${long.slice(2)}` : ''].join('');
      const when = `'__fish_seen_subcommand_from ${command.name()}'`;
      return `complete -c reconcile -n ${when}${names}${required ? ' -r' : ''} -d ${quote(description)}`;
    }),
  ]);
  return `# reconcile completion fish | source\n${lines.join('\n')}\n`;
}

function flags(command: Command): string[] {
  return command.options.flatMap(({ short, long }) => [short, long].filter(flag => flag !== undefined));
}
