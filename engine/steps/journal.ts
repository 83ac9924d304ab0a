import { createHash } from 'node:crypto';
import { shellCommand, shellQuote } from '../quote.ts';
import { stateDirectory } from '../state-directory.ts';
import type { JournalStep } from '../step.ts';

/** The content of a journal: the state to record before steps, and the commands that undo them. */
export type Undoing = Omit<JournalStep, 'do' | 'into'>;

/** Returns the shell commands of a journal step. */
export function journal({ into, parents, paths, before, after }: JournalStep): string {
  const directory = `"$r_home/${into}"`;
  const commands = (file: 'before' | 'after', given: JournalStep['before']) =>
    given.map(command => {
      const text = `${shellCommand(['timeout', '-k', '5', '90', ...argv(command)])} >/dev/null`;
      return `r_entry ${directory} ${file} ${shellCommand([digest(text), text])}`;
    });
  const inside = parents.filter(path => !paths.includes(path));
  const missing = inside.map(path => `[ -d ${shellQuote(path)} ] || ${pathEntry(directory, path)}`);
  return [
    `{ [ -d "$r_home" ] || mkdir -p -m 0700 "$r_home"; }`,
    `{ [ -d ${directory} ] || mkdir -m 0700 ${directory}; } && rm -f ${directory}/more && printf '%s\\n' "$r_me" | r_seal ${directory}/by`,
    ...pathEntries(directory, paths),
    ...missing.reverse(),
    `r_remembered ${directory}`,
    ...commands('before', before),
    ...commands('after', after),
  ]
    .map(command => `${command} || exit`)
    .join('\n');
}

/**
 * Returns the shell commands that record the states of paths in a journal, the last path first. `r_remembered` must follow.
 * `journal` is a word of the shell.
 */
export const pathEntries = (journal: string, paths: readonly string[]): string[] =>
  [...new Set(paths)].reverse().map(path => pathEntry(journal, path));

function pathEntry(journal: string, path: string): string {
  const key = digest(path);
  const word = path.startsWith(`${stateDirectory}/`)
    ? `"$r_base"${shellQuote(path.slice(stateDirectory.length))}`
    : shellQuote(path);
  return `r_remember ${journal} ${key} ${word} ${shellQuote(`r_restore ${key} ${word}`)}`;
}

function argv(command: string | readonly string[]): readonly string[] {
  return typeof command === 'string' ? ['sh', '-c', command] : command;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
