/**
 * Every text that becomes part of another language is quoted here, and nowhere else. A text that the language cannot
 * hold throws a RangeError, so the reading of a playbook must refuse such texts.
 */

const identifierLimitBytes = 63;

/** Returns `text` as one word of a POSIX shell. Only NUL is refused. */
export function shellQuote(text: string): string {
  withoutNul(text, 'a shell word');
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns a program and its arguments as one shell command. */
export function shellCommand(words: readonly string[]): string {
  // A first word with `=` would be an assignment.
  return words
    .map((word, i) =>
      i === 0 && word.includes('=') ? `'${word.replaceAll("'", "'\\''")}'` : shellQuote(word),
    )
    .join(' ');
}

/** Returns `name` as a quoted SQL identifier. More than 63 bytes are refused: PostgreSQL cuts them off silently. */
export function identifier(name: string): string {
  withoutNul(name, 'an SQL identifier');
  if (name === '') throw new RangeError('an SQL identifier cannot be empty');
  if (Buffer.byteLength(name) > identifierLimitBytes)
    throw new RangeError(`an SQL identifier has at most ${identifierLimitBytes} bytes: "${name}"`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** Returns `value` as an SQL string literal. E'' makes a backslash independent of `standard_conforming_strings`. */
export function literal(value: string): string {
  withoutNul(value, 'an SQL string');
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return value.includes('\\') ? ` E${quoted}` : quoted;
}

function withoutNul(text: string, where: string): void {
  if (text.includes('\0')) throw new RangeError(`${where} cannot hold a NUL character`);
}

/** Returns `text` as the source of a regular expression that matches only `text`. */
export function regexQuote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Returns the regular expression of a pattern for whole names. `*` stands for any text. */
export function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(regexQuote).join('.*')}$`);
}
