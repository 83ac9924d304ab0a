import type { Body } from '../../expression/expression.ts';
import type { Place, Where } from '../../problem.ts';
import type { Path } from '../../yaml/source-text.ts';

/** A text as written. */
export interface WrittenText {
  /** The keys that lead to it in the arguments; `content` for a file that one of them names. */
  path: Path;
  source: string;
  where: Where;
  body: Body;
  /** The file beside the playbook that holds it, by its shown path. */
  file?: string;
}

/** A text of a resource, and its value if that is known. */
export interface Text extends WrittenText {
  /** Its value; if that is unknown, the source with holes in the place of templates. */
  shown: string;
}

/** Stands for each character of a template. */
export const hole = '\u0000';

export function textOf(written: WrittenText, value: unknown): Text {
  const known = Buffer.isBuffer(value) ? value.toString('utf8') : value;
  return { ...written, shown: typeof known === 'string' ? known : withHoles(written.source) };
}

/** Returns a source with holes in the place of templates. The text around them keeps its place. */
export function withHoles(source: string): string {
  return source.replace(/\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/gs, template => hole.repeat(template.length));
}

/** Returns the matches of a pattern in a text with their places in the source, or the place of the whole text if uncertain. */
export function matchesIn(text: Text, pattern: RegExp): { match: RegExpMatchArray; at: () => Place }[] {
  const found = [...text.shown.matchAll(pattern)];
  return found.map((match, index) => ({
    match,
    at: () => {
      const written = [...withHoles(text.source).matchAll(pattern)];
      const same = written.length === found.length ? written[index]! : undefined;
      return same === undefined ? text.where(0, text.source.length) : text.where(same.index, same[0].length);
    },
  }));
}
