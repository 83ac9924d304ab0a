import type { Place } from '../../problem.ts';
import { readFile } from '../../util/read-file.ts';
import { SourceText } from '../../yaml/source-text.ts';
import type { Finding } from './rule.ts';

/** `# lint: allow CODE, CODE`, also as a comment of a template; the text behind the codes gives the reason. */
const comments = /#[ \t]*lint:[ \t]*allow[ \t]+([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)/g;

/** A code that a comment allows. */
interface Allow {
  code: string;
  at: Place;
  /** The line that the comment applies to: its own, or the next line that is no comment. */
  line: number;
  used: boolean;
}

/** The comments of files that allow warnings. */
export function allowsIn(files: Iterable<string>) {
  const all = [...files].flatMap(inFile);
  return {
    /** Whether a comment allows the finding. The comment then counts as used. */
    allow(code: string, { at, of }: Finding): boolean {
      const begins = of === undefined ? [] : [of.at, of.doc.place(of.path.slice(0, -1))];
      const places = [at, ...begins].map(({ file, line }) => `${file}:${line}`);
      const found = all.filter(each => each.code === code && places.includes(`${each.at.file}:${each.line}`));
      for (const each of found) each.used = true;
      return found.length > 0;
    },
    unused: (): readonly Allow[] => all.filter(({ used }) => !used),
  };
}

function inFile(file: string): Allow[] {
  let source: SourceText;
  try {
    source = new SourceText(file, readFile(file).toString());
  } catch {
    // A source other than a file, such as --var, has no comments.
    return [];
  }
  const lines = source.text.split('\n');
  const isComment = (line: string | undefined) => /^\s*\{?#/.test(line ?? '');
  return [...source.text.matchAll(comments)].flatMap(({ 0: comment, 1: codes, index }) => {
    const at = source.place(index, index + comment.length);
    let line = at.line;
    while (isComment(lines[line - 1])) line++;
    return codes!.split(',').map(code => ({ code: code.trim(), at, line, used: false }));
  });
}
