import type { Plain } from '../value.ts';
import type { Span } from './ast.ts';
import type { Token } from './lexer.ts';
import type { Syntax } from './syntax.ts';

const completion = 'Complete the expression, or take away what does not belong to it.';

/** The words that stand for a value. */
export const constants: ReadonlyMap<string, Plain> = new Map<string, null | boolean>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);

/** The words that cannot be names. */
export const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else']);

/** Reads tokens from left to right. An unexpected token is a problem and ends the reading. */
export class TokenReader {
  readonly syntax: Syntax;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(syntax: Syntax, tokens: readonly Token[]) {
    this.syntax = syntax;
    this.#tokens = tokens;
  }

  /** The current token. */
  get token(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)]!;
  }

  /** Consumes the current token. */
  take(): Token {
    const token = this.token;
    this.#next++;
    return token;
  }

  /** Consumes several tokens. */
  skip(count: number): void {
    this.#next += count;
  }

  /** Whether the current token is this operator or word. */
  sees(value: string): boolean {
    return this.token.value === value && (this.token.kind === 'operator' || this.token.kind === 'name');
  }

  /** Consumes the current token if it is this operator or word. */
  takes(value: string): boolean {
    if (!this.sees(value)) return false;
    this.#next++;
    return true;
  }

  /** Whether the token after the current one is this. */
  follows(kind: Token['kind'], value: string): boolean {
    const token = this.#tokens[this.#next + 1];
    return token?.kind === kind && token.value === value;
  }

  /** Consumes this operator or word; anything else is a problem. */
  expect(value: string): Token {
    if (this.sees(value)) return this.take();
    return this.unexpected(`"${value}"`);
  }

  /** Consumes a name that is not a word of the language. */
  name(what: string): { name: string } & Span {
    const token = this.token;
    if (token.kind !== 'name' || keywords.has(token.value) || constants.has(token.value))
      return this.unexpected(what);
    this.take();
    return { name: token.value, start: token.start, end: token.end };
  }

  /** Consumes the collection before the name of a filter or test, as in `ansible.builtin.regex_replace`. */
  skipCollection(): void {
    const [space, dot, collection, end, name] = this.#tokens.slice(this.#next, this.#next + 5);
    const isQualified = space?.value === 'ansible' && dot?.value === '.' && end?.value === '.';
    if (
      isQualified &&
      /^(?:builtin|utils|netcommon)$/.test(String(collection?.value)) &&
      name?.kind === 'name'
    )
      this.#next += 4;
  }

  /** Returns a text whose first literal is consumed. Neighbouring literals are one text, as in Python. */
  texts(first: string): { value: string; end: number } {
    let value = first;
    while (this.token.kind === 'text') value += this.take().value;
    return { value, end: this.#tokens[this.#next - 1]!.end };
  }

  /** Whether the current token can begin the bare operand of a test, as in `is divisibleby 3`. */
  startsValue(): boolean {
    const { kind, value } = this.token;
    if (kind === 'name') return !keywords.has(value);
    return kind === 'text' || kind === 'number' || (kind === 'operator' && (value === '[' || value === '{'));
  }

  /** After the last word of a piece nothing may follow. */
  end(): void {
    if (this.token.kind === 'end') return;
    this.syntax.fail(this.token, `"${this.#source(this.token)}" has no place here`, completion);
  }

  /** Abandons the reading: `wanted` describes the expected token. */
  unexpected(wanted: string, token = this.token): never {
    const found = token.kind === 'end' ? 'the end' : `"${this.#source(token)}"`;
    return this.syntax.fail(token, `${wanted} was expected here, not ${found}`, completion);
  }

  #source({ start, end }: Span): string {
    return this.syntax.source.slice(start, end);
  }
}
