import type { Become } from '../host.ts';
import { shellCommand } from '../quote.ts';

/** The words that run `words` as another account, never asking for a password. */
export function becomeWords(become: Become, words: readonly string[]): readonly string[] {
  switch (become.method) {
    case 'sudo':
      return ['sudo', '-n', '-H', '-u', become.user, '--', ...words];
    case 'doas':
      return ['doas', '-n', '-u', become.user, '--', ...words];
    case 'su':
      return ['su', '-s', '/bin/sh', '-c', shellCommand(words), '--', become.user];
  }
}
