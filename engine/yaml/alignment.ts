/** The style of a YAML scalar. */
export type Style = 'plain' | 'single' | 'double' | 'block';

const escapeLength: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

/** The line ends of a flow scalar with the white space around them, which is not part of the value. */
const breaks = /[ \t]*(?:\r?\n[ \t]*)+/y;
const escapedBreak = /\\\r?\n[ \t]*/y;

/**
 * Returns the offset in `source` for each character of a decoded scalar, and for its end. The offset is exact for every
 * visible character. White space that folding made or removed gets the offset of a neighbour.
 */
export function alignment(source: string, decoded: string, style: Style): number[] {
  const offsets: number[] = [];
  let at = style === 'block' ? source.indexOf('\n') + 1 : style === 'plain' ? 0 : 1;
  const found = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return style === 'block' ? '' : (pattern.exec(source)?.[0] ?? '');
  };
  for (let i = 0; i < decoded.length; i++) {
    const wanted = decoded[i]!;
    const escaped = style === 'double' ? found(escapedBreak) : '';
    at += escaped.length;
    const broken = isSpace(wanted) ? found(breaks) : '';
    if (broken !== '') {
      // The first line end is a space, each further one a line end (YAML 1.2.2, 6.5).
      const count = broken.split('\n').length - 1;
      const made = escaped === '' ? Math.max(1, count - 1) : count;
      offsets.push(...Array<number>(made).fill(at));
      i += made - 1;
      at += broken.length;
      continue;
    }
    at = skipped(source, at, wanted);
    const length = written(source, at, style);
    offsets.push(at);
    // A line break that folding turned into several characters keeps its offset.
    if (length > 1 || !isSpace(wanted) || isSpace(source[at] ?? '')) at += length;
    // One escape can be two UTF-16 units.
    if (length === 10 && decoded.codePointAt(i)! > 0xffff) offsets.push(offsets.at(-1)!) && i++;
  }
  offsets.push(Math.min(at, source.length));
  return offsets;
}

/** Returns the next offset for `wanted`, behind indentation and folded breaks. */
function skipped(source: string, start: number, wanted: string): number {
  let at = start;
  while (at < source.length && source[at] !== wanted && isSpace(source[at]!) && !isSpace(wanted)) at++;
  return at;
}

function written(source: string, at: number, style: Style): number {
  if (style === 'single' && source[at] === "'" && source[at + 1] === "'") return 2;
  if (style === 'double' && source[at] === '\\') return escapeLength[source[at + 1]!] ?? 2;
  return 1;
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
