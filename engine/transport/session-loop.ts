import { sessionLoop } from '../host-shell/shell-functions.ts';
import type { Input } from '../util/file-content.ts';

// The requests of the session protocol. host-shell/session-loop.sh reads them on the host, and its header describes them.
// Output has no frame: bytes arrive as a script prints them, and each stream ends a request with `\nNONCE ID EXIT\n`.

/** The number of the request that the loop evaluates in its own shell, so that later scripts see its functions. */
export const preludeId = 0;

/**
 * Returns the words that start the host's half; `ps` and sudo's log show them. The loop itself comes over stdin. Without
 * single quotes, `!` and backslashes, the words mean the same in any login shell. `before` runs first.
 */
export function bootstrap(shell = 'sh', before = ''): readonly string[] {
  return [shell, '-c', `${before}read -r n; eval "$(head -c "$n")"`];
}

/** Returns the first bytes of a session: the loop and, on a line of its own, the nonce that no command knows. */
export function hello(nonce: string): string {
  return `${Buffer.byteLength(sessionLoop)}\n${sessionLoop}${nonce}\n`;
}

/** Returns one request in parts. */
export function frame(nonce: string, id: number, script: string, input: Input): Input[] {
  const text = `${script}\n#${nonce}`;
  const head = Buffer.from(`${id} ${Buffer.byteLength(text)} ${input.length}\n${text}`);
  return input.length === 0 ? [head] : [head, input, Buffer.from(`${nonce}\n`)];
}
