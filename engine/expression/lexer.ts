import type { Span } from './ast.ts';
import type { Syntax } from './syntax.ts';
import { neverClosed } from './unknown-name-hints.ts';

/** A word of an expression. The last token of a run is always `end`. */
export type Token = Span &
  (
    | { readonly kind: 'name' | 'text' | 'operator'; readonly value: string }
    | { readonly kind: 'number'; readonly value: number; readonly whole: boolean }
    | { readonly kind: 'end'; readonly value: '' }
  );

/** A piece of a template: text to copy, `{{ … }}`, or `{% … %}`; `broken` if not all of its words could be read. */
export type Segment = Span &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'output' | 'tag'; readonly tokens: Token[]; readonly broken: boolean }
  );

const opening = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})|(\{\{|\{%|\{#)([-+]?)/g;
const rawEnd = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}(?:\r\n|\r|\n)?)/g;
const commentEnd = /\+#\}|-#\}\s*|#\}(?:\r\n|\r|\n)?/g;
const tagEnd = /\+%\}|-%\}\s*|%\}(?:\r\n|\r|\n)?/y;
const outputEnd = /-\}\}\s*|\}\}/y;

const space = /\s+/y;
const number =
  /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)|0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const digits = /\d+/y;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const text = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,]/y;
const closerOf: { [opener: string]: string } = { '(': ')', '[': ']', '{': '}' };

/** Cuts a template into segments, with `trim_blocks` on and `lstrip_blocks` off, as Ansible's templates have it. */
export function segmentsOf(syntax: Syntax): Segment[] {
  const { source } = syntax;
  const segments: Segment[] = [];
  let position = 0;
  const addText = (end: number, strip: string | undefined) => {
    const raw = source.slice(position, end);
    const text = (strip === '-' ? raw.trimEnd() : raw).replace(/\r\n?/g, '\n');
    if (text !== '') segments.push({ kind: 'text', text, start: position, end });
  };
  for (;;) {
    const open = find(opening, source, position);
    if (open === null) break;
    addText(open.index, open[1] ?? open[3]);
    const span = { start: open.index, end: open.index + 2 };
    position = open.index + open[0].length;
    const kind = open[2];
    if (kind === undefined || kind === '{#') {
      const close = find(kind === undefined ? rawEnd : commentEnd, source, position);
      if (close === null) {
        syntax.report(
          span,
          kind === undefined ? 'this raw block has no {% endraw %}' : 'this comment has no #}',
        );
        return segments;
      }
      if (kind === undefined) addText(close.index, close[1]);
      position = close.index + close[0].length;
      continue;
    }
    const piece = tokensUntil(syntax, position, kind === '{{' ? outputEnd : tagEnd, span);
    segments.push({ kind: kind === '{{' ? 'output' : 'tag', start: span.start, ...piece });
    position = piece.end;
  }
  addText(source.length, undefined);
  return segments;
}

/** Returns the tokens of one bare expression. */
export function tokensOf(syntax: Syntax): Token[] | undefined {
  return syntax.attempt(() => new Words(syntax, 0, undefined).read());
}

function tokensUntil(syntax: Syntax, position: number, close: RegExp, open: Span) {
  const words = new Words(syntax, position, { close, open });
  const { tokens } = words;
  if (syntax.attempt(() => words.read()) !== undefined) return { tokens, end: words.position, broken: false };
  // After a mistake the next closing brackets end the piece, so that the rest of the file is still checked.
  const rest = find(close === outputEnd ? /\}\}/g : /%\}/g, syntax.source, words.position);
  return { tokens, end: rest === null ? syntax.source.length : rest.index + 2, broken: true };
}

class Words {
  position: number;
  readonly #syntax: Syntax;
  readonly #until: { close: RegExp; open: Span } | undefined;
  readonly #open: { bracket: string; span: Span }[] = [];
  readonly tokens: Token[] = [];

  constructor(syntax: Syntax, position: number, until: { close: RegExp; open: Span } | undefined) {
    this.#syntax = syntax;
    this.position = position;
    this.#until = until;
  }

  read(): Token[] {
    while (!this.#atEnd()) this.#next();
    return this.tokens;
  }

  #atEnd(): boolean {
    const { source } = this.#syntax;
    this.#match(space);
    const start = this.position;
    const unclosed = this.#open.at(-1);
    if (
      this.#until !== undefined &&
      unclosed?.bracket !== '{' &&
      this.#match(this.#until.close) !== undefined
    ) {
      if (unclosed !== undefined) this.#fail(unclosed.span, ...neverClosed(unclosed.bracket));
    } else if (start < source.length) return false;
    else if (this.#until !== undefined) {
      const bracket = source.slice(this.#until.open.start, this.#until.open.end);
      this.#fail(this.#until.open, ...neverClosed(bracket));
    } else if (unclosed !== undefined) this.#fail(unclosed.span, ...neverClosed(unclosed.bracket));
    this.tokens.push({ kind: 'end', value: '', start, end: start });
    return true;
  }

  #next(): void {
    const start = this.position;
    const previous = this.tokens.at(-1);
    let word: string | undefined;
    // After a dot digits are an index, as in `pair.0.1`, not the fraction of a number.
    const digitsOnly = previous?.value === '.' && previous.kind === 'operator';
    if ((word = this.#match(digitsOnly ? digits : number)) !== undefined) {
      const value = Number(word.replaceAll('_', ''));
      const span = { start, end: this.position };
      if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
        this.#fail(
          span,
          `${word} is beyond ±2^53 and cannot be kept exactly`,
          'Quote it to keep it as text.',
        );
      }
      this.tokens.push({ kind: 'number', value, whole: /^(0[box].*|[\d_]+)$/i.test(word), ...span });
    } else if ((word = this.#match(name)) !== undefined) {
      this.tokens.push({ kind: 'name', value: word, start, end: this.position });
    } else if ((word = this.#match(text)) !== undefined) {
      this.tokens.push({ kind: 'text', value: this.#unescape(word, start), start, end: this.position });
    } else if ((word = this.#match(operator)) !== undefined) {
      this.#balance(word, start);
      this.tokens.push({ kind: 'operator', value: word, start, end: this.position });
    } else {
      const character = String.fromCodePoint(this.#syntax.source.codePointAt(start)!);
      const quote = character === '"' || character === "'";
      const span = { start, end: start + character.length };
      if (quote) this.#fail(span, ...neverClosed(character));
      this.#fail(span, `"${character}" has no meaning in an expression`, 'Quote the text that it is in.');
    }
  }

  #balance(bracket: string, start: number): void {
    if (bracket in closerOf) this.#open.push({ bracket, span: { start, end: start + 1 } });
    else if (bracket === ')' || bracket === ']' || bracket === '}') {
      const open = this.#open.pop();
      const span = { start, end: start + 1 };
      if (open === undefined)
        this.#fail(span, `this ${bracket} closes nothing`, 'Take it away, or open it before.');
      if (closerOf[open.bracket] !== bracket) {
        this.#fail(
          span,
          `this ${bracket} stands where ${closerOf[open.bracket]} must close the ${open.bracket}`,
          `Write ${closerOf[open.bracket]} before it.`,
        );
      }
    }
  }

  #unescape(literal: string, start: number): string {
    const simple: { [letter: string]: string } = {
      n: '\n',
      t: '\t',
      r: '\r',
      a: '\x07',
      b: '\b',
      f: '\f',
      v: '\v',
      '\\': '\\',
      "'": "'",
      '"': '"',
      '\n': '',
    };
    const body = literal.slice(1, -1).replace(/\r\n?/g, '\n');
    return body.replace(
      /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
      (whole, x, u, U, octal, letter) => {
        const hex = x ?? u ?? U;
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
        if (hex !== undefined) {
          const point = Number.parseInt(hex, 16);
          if (point <= 0x10ffff) return String.fromCodePoint(point);
        }
        if ('xuUN'.includes(letter ?? 'x')) {
          this.#fail(
            { start, end: this.position },
            `"${whole}" is not a complete escape`,
            'Write \\\\ for a backslash.',
          );
        }
        return simple[letter] ?? whole;
      },
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.#syntax.source);
    if (found === null) return undefined;
    this.position += found[0].length;
    return found[0];
  }

  #fail(at: Span, message: string, hint?: string): never {
    return this.#syntax.fail(at, message, hint);
  }
}

function find(pattern: RegExp, source: string, from: number): RegExpExecArray | null {
  pattern.lastIndex = from;
  return pattern.exec(source);
}
