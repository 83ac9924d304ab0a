import type { Plain } from '../value.ts';

/** Thrown for a text that is no literal of Python, such as a bare word. */
class NoLiteral extends Error {}

/**
 * Returns the value of a text in an INI inventory of Ansible: of a literal of Python, such as `3`, `True`, `'text'`,
 * `[1, 2]` or `80, 443`. Returns undefined for any other text, which Ansible takes as text.
 */
export function pythonLiteral(text: string): Plain | undefined {
  // Most values are no literals, and the first character tells so.
  if (!/^[ \t]*(?:[-+.\d'"[({]|True|False|None|[rbuRBU]{1,2}['"])/.test(text)) return undefined;
  try {
    const reader = new Reader(text.replace(/^[ \t]+/, ''));
    return reader.whole();
  } catch (thrown) {
    if (thrown instanceof NoLiteral) return undefined;
    throw thrown;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const number =
  /(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:(?:\d(?:_?\d)*)?\.\d(?:_?\d)*|\d(?:_?\d)*\.?)(?:[eE][-+]?\d(?:_?\d)*)?)(?![\w.])/y;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Plain {
    const value = this.#value();
    const elements = [value];
    let tuple = false;
    while (this.#take(',')) {
      tuple = true;
      if (this.#ended()) break;
      elements.push(this.#value());
    }
    if (!this.#ended()) throw new NoLiteral();
    return tuple ? elements : value;
  }

  #value(): Plain {
    this.#skip();
    const sign = /[-+]/.exec(this.#text[this.#at] ?? '')?.[0];
    if (sign !== undefined) {
      this.#at++;
      const value = this.#operand();
      return sign === '-' ? -value : value;
    }
    const word = this.#match(/(?:True|False|None)(?!\w)/y);
    if (word !== undefined) return word === 'None' ? null : word === 'True';
    if (this.#match(/(?=[\d.])/y) !== undefined) return this.#number();
    if (this.#match(/(?=[rbuRBU]{0,2}['"])/y) !== undefined) return this.#strings();
    if (++this.#depth > 50) throw new NoLiteral();
    const value = this.#collection();
    this.#depth--;
    return value;
  }

  #collection(): Plain {
    if (this.#take('[')) return this.#elements(']').elements;
    if (this.#take('(')) {
      const { elements, commas } = this.#elements(')');
      return elements.length === 1 && commas === 0 ? elements[0]! : elements;
    }
    if (!this.#take('{')) throw new NoLiteral();
    const entries: [string, Plain][] = [];
    while (!this.#take('}')) {
      const key = this.#value();
      if (typeof key === 'object' && key !== null) throw new NoLiteral();
      if (!this.#take(':')) throw new NoLiteral();
      entries.push([String(key), this.#value()]);
      if (!this.#take(',') && !this.#sees('}')) throw new NoLiteral();
    }
    return Object.fromEntries(entries);
  }

  #elements(end: string): { elements: Plain[]; commas: number } {
    const elements: Plain[] = [];
    let commas = 0;
    while (!this.#take(end)) {
      elements.push(this.#value());
      if (this.#take(',')) commas++;
      else if (!this.#sees(end)) throw new NoLiteral();
    }
    return { elements, commas };
  }

  /** Reads the number behind a sign, also in parentheses. */
  #operand(): number {
    let parentheses = 0;
    while (this.#take('(')) parentheses++;
    this.#skip();
    const value = this.#number();
    for (; parentheses > 0; parentheses--) if (!this.#take(')')) throw new NoLiteral();
    return value;
  }

  #number(): number {
    const digits = this.#match(number)?.replaceAll('_', '');
    // Python refuses 07, which was octal in Python 2.
    if (digits === undefined || /^0\d*[1-9]\d*$/.test(digits)) throw new NoLiteral();
    const value = Number(digits);
    const exact = !Number.isInteger(value) || Number.isSafeInteger(value);
    if (!Number.isFinite(value) || !exact) throw new NoLiteral();
    return value;
  }

  /** Reads one string, or several in a row, which form one. */
  #strings(): string {
    let text = '';
    for (;;) {
      const prefix = this.#match(/[rbuRBU]{0,2}(?=['"])/y);
      if (prefix === undefined) return text;
      if (!/^(?:[rbu]|rb|br)?$/i.test(prefix)) throw new NoLiteral();
      text += this.#string(/r/i.test(prefix));
      this.#skip();
    }
  }

  #string(raw: boolean): string {
    const quote = this.#match(/'''|"""|'|"/y)!;
    let text = '';
    while (!this.#text.startsWith(quote, this.#at)) {
      const character = this.#text[this.#at++];
      if (character === undefined) throw new NoLiteral();
      if (character !== '\\') text += character;
      else if (raw) text += character + (this.#text[this.#at++] ?? '');
      else text += this.#escape();
    }
    this.#at += quote.length;
    return text;
  }

  #escape(): string {
    const code = this.#match(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
    if (code !== undefined) return this.#character(Number.parseInt(code.slice(1), 16));
    const octal = this.#match(/[0-7]{1,3}/y);
    if (octal !== undefined) return this.#character(Number.parseInt(octal, 8));
    const character = this.#text[this.#at++];
    if (character === undefined || /[xuUN]/.test(character)) throw new NoLiteral();
    return escapes[character] ?? `\\${character}`;
  }

  #character(code: number): string {
    if (code > 0x10ffff) throw new NoLiteral();
    return String.fromCodePoint(code);
  }

  #ended(): boolean {
    this.#skip();
    return this.#at >= this.#text.length || this.#text[this.#at] === '#';
  }

  #sees(character: string): boolean {
    this.#skip();
    return this.#text[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at++;
    return true;
  }

  #skip(): void {
    while (/[ \t\f]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
