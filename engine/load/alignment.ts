/** How a YAML scalar is written. */
export type Style = 'plain' | 'single' | 'double' | 'block';

const escapeLength: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

/**
 * For each character of a decoded scalar (and its end) the offset in `source` where it is written. Exact for every
 * visible character; white space that folding made or removed is mapped to its neighbourhood.
 */
export function alignment(source: string, decoded: string, style: Style): number[] {
  const offsets: number[] = [];
  let at = style === 'block' ? source.indexOf('\n') + 1 : style === 'plain' ? 0 : 1;
  for (let i = 0; i < decoded.length; i++) {
    const wanted = decoded[i]!;
    at = skipped(source, at, style, wanted);
    const length = written(source, at, style);
    offsets.push(at);
    // A line break that folding turned into more characters than are written stays where it is.
    if (length > 1 || !isSpace(wanted) || isSpace(source[at] ?? '')) at += length;
    // One escape can stand for two UTF-16 units.
    if (length === 10 && decoded.codePointAt(i)! > 0xffff) offsets.push(offsets.at(-1)!) && i++;
  }
  offsets.push(Math.min(at, source.length));
  return offsets;
}

/** The next offset that can stand for `wanted`: past indentation, folded breaks and escaped line ends. */
function skipped(source: string, start: number, style: Style, wanted: string): number {
  let at = start;
  for (;;) {
    const lineEnd = style === 'double' && /^\\\r?\n/.exec(source.slice(at, at + 3))?.[0].length;
    if (lineEnd) at += lineEnd + /^[ \t]*/.exec(source.slice(at + lineEnd))![0].length;
    else if (at < source.length && source[at] !== wanted && isSpace(source[at]!) && !isSpace(wanted)) at++;
    else return at;
  }
}

function written(source: string, at: number, style: Style): number {
  if (style === 'single' && source[at] === "'" && source[at + 1] === "'") return 2;
  if (style === 'double' && source[at] === '\\') return escapeLength[source[at + 1]!] ?? 2;
  return 1;
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
