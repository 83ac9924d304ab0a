import { readFileSync } from 'node:fs';
import { literal, shellQuote } from '../quote.ts';

/**
 * Shell and SQL have files of their own, beside the module that sends them. `npm run build` replaces
 * `(import.meta.url, './file')` by the text of the file, so the bundle reads no file.
 */

/** Returns the text of a shell script beside a source file, without its header comment. */
export const scriptBeside = (from: string, file?: string): string =>
  textBeside(from, file)
    .replace(/^(#.*\n)+\n?/, '')
    .trimEnd();

/**
 * Returns a function for the queries of an SQL file, by name. A query begins with a comment `-- name: description` and
 * ends before an empty line. A value replaces `:'name'` as a literal, and `{name}` as SQL; undefined is NULL.
 */
export function queriesBeside(from: string, file?: string) {
  const found = textBeside(from, file).matchAll(/^-- (\w+): .*\n(?:--.*\n)*((?:.+\n)+)/gm);
  const queries = new Map([...found].map(([, name, query]) => [name!, query!.trimEnd()]));
  return (name: string, values: Values = {}): string => {
    const query = queries.get(name);
    if (query === undefined) throw new Error(`no query is called ${name}`);
    return query.replace(/:'(\w+)'|\{(\w+)\}/g, (place, text?: string, sql = '') => {
      const key = text ?? sql;
      if (!(key in values)) throw new Error(`the query ${name} has no value for ${place}`);
      const value = values[key];
      if (value === undefined) return 'NULL';
      return text === undefined ? value : literal(value);
    });
  };
}

type Values = Readonly<Record<string, string | undefined>>;

/** Returns a text with values, which are already quoted, in place of `{name}`. `${name}` of the shell stays. */
export const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/(?<!\$)\{(\w+)\}/g, (place, name: string) => values[name] ?? place);

/** Returns a shell script behind the assignments of its variables; undefined is empty. */
export const withVariables = (
  script: string,
  values: Readonly<Record<string, string | number | undefined>>,
): string =>
  Object.entries(values)
    .map(([name, value = '']) => `${name}=${shellQuote(String(value))}\n`)
    .join('') + script;

/** In the bundle, `from` is the text itself. */
const textBeside = (from: string, file: string | undefined): string =>
  file === undefined ? from : readFileSync(new URL(file, from), 'utf8');
