import { characters, Refusal } from './evaluation.ts';
import type { CharacterSet } from './regex-pattern.ts';

/** The flags of a regular expression. */
export interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotIsAll: boolean;
  readonly isVerbose: boolean;
  readonly isAscii: boolean;
}

/** The letters of the flags. */
export const letters: { readonly [letter: string]: keyof Flags | undefined } = {
  i: 'ignoresCase',
  m: 'isMultiline',
  s: 'dotIsAll',
  x: 'isVerbose',
  a: 'isAscii',
};

const controls: { readonly [letter: string]: string } = {
  ...{ n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' },
};

/** The white space of Python's `str.isspace`. */
const unicodeSpace = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const classes: { readonly [letter: string]: readonly [unicode: RegExp, ascii: RegExp] } = {
  d: [/\p{Nd}/u, /[0-9]/],
  s: [unicodeSpace, /[ \t-\r]/],
  w: [/[\p{L}\p{N}_]/u, /[A-Za-z0-9_]/],
};

/** Whether a character belongs to a word, as `\w` does. */
export const isWord = (character: string, isAscii: boolean): boolean =>
  classes['w']![isAscii ? 1 : 0].test(character);

/** Reads the characters, escapes and sets of a regular expression in Python's syntax. */
export class RegexReader {
  protected readonly source: readonly string[];
  protected at = 0;
  protected flags: Flags;

  constructor(source: string, flags: Flags) {
    this.source = characters(source);
    this.flags = flags;
  }

  protected wrong(message: string): Refusal {
    return new Refusal(`pattern: ${message}, at character ${this.at + 1}`);
  }

  protected unsupported(what: string): Refusal {
    return new Refusal(`pattern: ${what} is not supported here, at character ${this.at + 1}`);
  }

  protected looking(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.source[this.at + i] !== text[i]) return false;
    return true;
  }

  protected takes(text: string): boolean {
    const found = this.looking(text);
    if (found) this.at += text.length;
    return found;
  }

  protected until(end: string): string {
    const start = this.at;
    while (this.at < this.source.length && this.source[this.at] !== end) this.at++;
    if (this.at >= this.source.length) throw this.wrong(`there is no ${end}`);
    return this.source.slice(start, this.at++).join('');
  }

  /** Returns a set that also has the other cases of its characters, where the pattern ignores case. */
  protected cased(has: CharacterSet): CharacterSet {
    if (!this.flags.ignoresCase) return has;
    return one => has(one) || has(one.toLowerCase()) || has(one.toUpperCase());
  }

  protected escapedClass(): CharacterSet | undefined {
    const letter = this.source[this.at];
    const pair = letter === undefined ? undefined : classes[letter.toLowerCase()];
    if (pair === undefined) return undefined;
    this.at++;
    const pattern = pair[this.flags.isAscii ? 1 : 0];
    return letter === letter!.toLowerCase() ? one => pattern.test(one) : one => !pattern.test(one);
  }

  /** Returns the character of an escape that stands for one character. */
  protected escapedCharacter(inSet: boolean): string {
    const rest = this.source.slice(this.at, this.at + 9).join('');
    const coded = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/.exec(rest);
    if (coded !== null) return this.#coded(coded[0], Number.parseInt(coded[0].slice(1), 16));
    const octal = (inSet ? /^[0-7]{1,3}/ : /^(?:0[0-7]{0,2}|[0-3][0-7]{2})/).exec(rest);
    if (octal !== null) return this.#coded(octal[0], Number.parseInt(octal[0], 8));
    const next = this.source[this.at++];
    if (next === undefined) throw this.wrong('a backslash ends the pattern');
    if (inSet && next === 'b') return '\b';
    if (Object.hasOwn(controls, next)) return controls[next]!;
    if (next === 'N') throw this.unsupported('\\N{…}');
    if (/[A-Za-z0-9]/.test(next)) throw this.wrong(`there is no escape \\${next}`);
    return next;
  }

  #coded(written: string, code: number): string {
    if (code > 0x10ffff) throw this.wrong('there is no such character');
    this.at += written.length;
    return String.fromCodePoint(code);
  }

  /** The inside of `[…]`. */
  protected set(): CharacterSet {
    const isNegated = this.takes('^');
    const single = new Set<string>();
    const sets: CharacterSet[] = [];
    const ranges: (readonly [from: number, to: number])[] = [];
    for (let isFirst = true; isFirst || !this.takes(']'); isFirst = false) {
      const from = this.#setElement();
      if (!(this.looking('-') && this.source[this.at + 1] !== ']')) {
        if (typeof from === 'string') single.add(from);
        else sets.push(from);
        continue;
      }
      this.at++;
      const to = this.#setElement();
      if (typeof from !== 'string' || typeof to !== 'string')
        throw this.wrong('a range goes between two characters');
      if (from.codePointAt(0)! > to.codePointAt(0)!) throw this.wrong(`the range ${from}-${to} is empty`);
      ranges.push([from.codePointAt(0)!, to.codePointAt(0)!]);
    }
    const has = this.cased(one => {
      const code = one.codePointAt(0)!;
      return (
        single.has(one) ||
        ranges.some(([from, to]) => from <= code && code <= to) ||
        sets.some(set => set(one))
      );
    });
    return isNegated ? one => !has(one) : has;
  }

  #setElement(): string | CharacterSet {
    const next = this.source[this.at++];
    if (next === undefined) throw this.wrong('a [ is never closed');
    if (next !== '\\') return next;
    return this.escapedClass() ?? this.escapedCharacter(true);
  }
}
