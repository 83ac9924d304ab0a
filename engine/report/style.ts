import { styleText } from 'node:util';
import { columnsOf, takeColumns } from './columns.ts';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line: its width is that of `text`, whatever its style. */
export interface Span {
  text: string;
  style?: Style;
}

export function span(text: string, style?: Style): Span {
  return style === undefined ? { text } : { text, style };
}

/** The line as text; without colour the styles are left out. */
export function paint(spans: readonly Span[], color: boolean): string {
  let line = '';
  for (let i = 0; i < spans.length; ) {
    const { style } = spans[i]!;
    let text = '';
    // What wrapping has parted gets its style once.
    while (i < spans.length && spans[i]!.style === style) text += spans[i++]!.text;
    line += color && style && text !== '' ? styleText(style, text, { validateStream: false }) : text;
  }
  return line.trimEnd();
}

/** Fills lines of at most `columns` with the words of the spans; what is longer than a line is cut into pieces. */
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
    // Spaces between words stay, those around a line's end go.
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

/** Fills lines with groups of spans; a group is parted only when it is longer than a line. */
export function flow(groups: readonly (readonly Span[])[], columns: number): Span[][] {
  const lines: Span[][] = [[]];
  for (const group of groups) {
    const line = lines.at(-1)!;
    // A space at the end of a group may hang over.
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

/** Neighbouring spans without white space between them make one word; runs of white space stand alone. */
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
    // At least one character a line, or a very narrow window would never end.
    const sure = taken === '' && piece.length === 0 ? [...text][0]! : taken;
    if (sure !== '') piece.push(span(sure, style));
    left -= columnsOf(sure);
    if (sure.length < text.length)
      return [piece, [span(text.slice(sure.length), style), ...word.slice(i + 1)]];
  }
  return [piece, []];
}

/** Columns that the spans take together. */
export function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + columnsOf(text), 0);
}
