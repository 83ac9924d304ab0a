import type { Place } from '../problem.ts';

/** The path of a value in a document: keys of maps and indexes of lists, from the top. */
export type Path = readonly (string | number)[];

/** A text that a person wrote, with its lines. Lines end with LF or CRLF. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #starts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** Returns the number of the line, from 0, that holds an offset. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Returns the place of the characters from `start` to `end`, up to the end of the first line. */
  place(start: number, end: number): Place {
    const from = Math.min(Math.max(start, 0), this.text.length);
    const line = this.lineAt(from);
    const lineStart = this.#starts[line]!;
    const text = this.text.slice(lineStart, this.#starts[line + 1] ?? this.text.length).replace(/\r?\n$/, '');
    const column = from - lineStart;
    const length = text.slice(column, end - lineStart).trimEnd().length;
    return { file: this.file, line: line + 1, column: column + 1, length: Math.max(1, length), text };
  }
}
