import { styleText } from 'node:util';
import { columnsOf, takeColumns } from './columns.ts';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line. Its style does not change the width of `text`. */
export interface Span {
  text: string;
  style?: Style;
}

export function span(text: string, style?: Style): Span {
  return style === undefined ? { text } : { text, style };
}

/** Returns the line as text; without `color`, without styles. */
export function paint(spans: readonly Span[], color: boolean): string {
  let line = '';
  for (let i = 0; i < spans.length; ) {
    const { style } = spans[i]!;
    let text = '';
    // Neighbouring pieces of one style, which wrapping split, get it once.
    while (i < spans.length && spans[i]!.style === style) text += spans[i++]!.text;
    line += color && style && text !== '' ? styleText(style, text, { validateStream: false }) : text;
  }
  return line.trimEnd();
}

/** Fills lines of at most `columns` with the words of the spans. A word that is longer than a line is cut into pieces. */
export function wrap(spans: readonly Span[], columns: number): Span[][] {
  const lines: Span[][] = [[]];
  let used = 0;
  const put = (piece: Span[]) => {
    lines.at(-1)!.push(...piece);
    used += widthOf(piece);
  };
  const newLine = () => {
    lines.push([]);
    used = 0;
  };
  for (const word of wordsOf(spans)) {
    const width = widthOf(word);
    // Keeps the spaces between words, and drops those at the end of a line.
    if (word[0]!.text.trim() === '') {
      if (used > 0) used + width < columns ? put(word) : newLine();
      continue;
    }
    if (used > 0 && used + width > columns) newLine();
    for (let [piece, rest] = cut(word, columns); piece.length > 0; [piece, rest] = cut(rest, columns)) {
      put(piece);
      if (rest.length === 0) break;
      newLine();
    }
  }
  return lines;
}

/** Fills lines with the text behind `indent` columns. Indented lines of the text, such as commands, stay in one piece. */
export function paragraphs(text: string, indent: number, columns: number, style?: Style): Span[][] {
  return text.split('\n').flatMap(line => {
    const own = span(line.replaceAll('\t', '    '), style);
    const lines = /^\s/.test(line) ? [[own]] : wrap([own], Math.max(10, columns - indent));
    return lines.map(words => [span(' '.repeat(indent)), ...words]);
  });
}

/** Fills lines with groups of spans. A group is split only if it is longer than a line. */
export function flow(groups: readonly (readonly Span[])[], columns: number): Span[][] {
  const lines: Span[][] = [[]];
  for (const group of groups) {
    const line = lines.at(-1)!;
    // A space at the end of a group may exceed the line.
    const width = columnsOf(
      group
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    );
    if (widthOf(line) + width <= columns) line.push(...group);
    else if (line.length === 0) lines.splice(-1, 1, ...wrap(group, columns));
    else lines.push(...wrap(group, columns));
  }
  return lines;
}

/** Splits spans into words: neighbouring spans without white space between them form one, and so does each white space. */
function wordsOf(spans: readonly Span[]): Span[][] {
  const words: Span[][] = [];
  let open = false;
  for (const { text, style } of spans) {
    for (const part of text.split(/( +)/)) {
      if (part === '') continue;
      const blank = part.trim() === '';
      if (open && !blank) words.at(-1)!.push(span(part, style));
      else words.push([span(part, style)]);
      open = !blank;
    }
  }
  return words;
}

function cut(word: Span[], columns: number): [Span[], Span[]] {
  const piece: Span[] = [];
  let left = columns;
  for (const [i, { text, style }] of word.entries()) {
    const taken = left >= columnsOf(text) ? text : takeColumns(text, left);
    // At least one character on each line, so that a very narrow window ends, too.
    const sure = taken === '' && piece.length === 0 ? [...text][0]! : taken;
    if (sure !== '') piece.push(span(sure, style));
    left -= columnsOf(sure);
    if (sure.length < text.length)
      return [piece, [span(text.slice(sure.length), style), ...word.slice(i + 1)]];
  }
  return [piece, []];
}

/** Returns the columns of all spans together. */
export function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + columnsOf(text), 0);
}
