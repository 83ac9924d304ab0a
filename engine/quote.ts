/**
 * Text that becomes part of a language another program reads is quoted here, and nowhere else.
 * A text that the language cannot hold at all throws a RangeError: it has to be refused when the playbook is read.
 */

const identifierLimitBytes = 63;

/** `text` as one word of a POSIX shell, whatever is in it but NUL. */
export function shellQuote(text: string): string {
  withoutNul(text, 'a shell word');
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A program and its arguments as one shell command. */
export function shellCommand(words: readonly string[]): string {
  // A first word with `=` would be an assignment.
  return words
    .map((word, i) =>
      i === 0 && word.includes('=') ? `'${word.replaceAll("'", "'\\''")}'` : shellQuote(word),
    )
    .join(' ');
}

/** `name` as a quoted SQL identifier. PostgreSQL would cut a longer one than 63 bytes silently, so it is refused. */
export function identifier(name: string): string {
  withoutNul(name, 'an SQL identifier');
  if (name === '') throw new RangeError('an SQL identifier cannot be empty');
  if (Buffer.byteLength(name) > identifierLimitBytes)
    throw new RangeError(`an SQL identifier has at most ${identifierLimitBytes} bytes: "${name}"`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** `value` as an SQL string literal that means the same whatever `standard_conforming_strings` is (hence E'' for a backslash). */
export function literal(value: string): string {
  withoutNul(value, 'an SQL string');
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return value.includes('\\') ? ` E${quoted}` : quoted;
}

function withoutNul(text: string, where: string): void {
  if (text.includes('\0')) throw new RangeError(`${where} cannot hold a NUL character`);
}

/** `text` as a regular expression that finds it and nothing else. */
export function regexQuote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What matches names whole by a pattern, in which `*` stands for any text. */
export function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(regexQuote).join('.*')}$`);
}
