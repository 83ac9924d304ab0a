import { sessionLoop } from '../host-shell/shell-functions.ts';

// The requests of the session protocol. host-shell/session-loop.sh reads them on the host, and its header describes them.
// Output has no frame: bytes arrive as a script prints them, and each stream ends a request with `\nNONCE ID EXIT\n`.

/** The number of the request that is evaluated in the loop's own shell, so that later scripts see its functions. */
export const preludeId = 0;

/**
 * The words that start the host's half. The loop itself comes over stdin: this is what `ps` and sudo's log show,
 * and it means the same in any login shell, as it has no single quote, no `!` and no backslash. `before` is run first.
 */
export function bootstrap(shell = 'sh', before = ''): readonly string[] {
  return [shell, '-c', `${before}read -r n; eval "$(head -c "$n")"`];
}

/** The first bytes of a session: the loop and, on a line of its own, the nonce that no command knows. */
export function hello(nonce: string): string {
  return `${Buffer.byteLength(sessionLoop)}\n${sessionLoop}${nonce}\n`;
}

/** One request as bytes, in pieces so that a large input is not copied. */
export function frame(nonce: string, id: number, script: string, input: Buffer): Buffer[] {
  const text = `${script}\n#${nonce}`;
  const head = Buffer.from(`${id} ${Buffer.byteLength(text)} ${input.length}\n${text}`);
  return input.length === 0 ? [head] : [head, input, Buffer.from(`${nonce}\n`)];
}
