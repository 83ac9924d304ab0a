import { characters, Refusal } from './evaluation.ts';

/** Whether a character, of one code point, belongs to a set. */
export type CharacterSet = (character: string) => boolean;

/** A part of a regular expression. */
export type Pattern =
  | { kind: 'set'; has: CharacterSet }
  | { kind: 'sequence'; parts: readonly Pattern[] }
  | { kind: 'choice'; branches: readonly Pattern[] }
  | { kind: 'repeat'; of: Pattern; least: number; most: number; mode: 'greedy' | 'lazy' | 'possessive' }
  | { kind: 'group'; of: Pattern; index: number }
  | { kind: 'atomic'; of: Pattern }
  | { kind: 'look'; of: Pattern; behind: boolean; negated: boolean }
  | { kind: 'same'; index: number; ignoresCase: boolean }
  | { kind: 'place'; is: Anchor };

/** A condition about a position in the text. */
export type Anchor = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'lastLine' | 'word' | 'noWord' | 'asciiWord' | 'noAsciiWord';

/** A parsed regular expression. Groups count from 1. */
export interface Parsed {
  readonly pattern: Pattern;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotIsAll: boolean;
  readonly isVerbose: boolean;
  readonly isAscii: boolean;
}

const letters: { readonly [letter: string]: keyof Flags | undefined } = {
  i: 'ignoresCase',
  m: 'isMultiline',
  s: 'dotIsAll',
  x: 'isVerbose',
  a: 'isAscii',
};

const controls: { readonly [letter: string]: string } = {
  ...{ n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' },
};

const unlimited = Number.POSITIVE_INFINITY;
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

/** Parses a regular expression in Python's syntax. Throws a Refusal. */
export function parseRegex(source: string, flags: { ignorecase: boolean; multiline: boolean }): Parsed {
  return new RegexParser(source, {
    ...{ ignoresCase: flags.ignorecase, isMultiline: flags.multiline },
    ...{ dotIsAll: false, isVerbose: false, isAscii: false },
  }).parsed();
}

class RegexParser {
  readonly #source: readonly string[];
  readonly #names = new Map<string, number>();
  readonly #open = new Set<number>();
  #at = 0;
  #groups = 0;
  #flags: Flags;

  constructor(source: string, flags: Flags) {
    this.#source = characters(source);
    this.#flags = flags;
  }

  parsed(): Parsed {
    const pattern = this.#choice(0);
    if (this.#at < this.#source.length) throw this.#wrong('this bracket has no opening one');
    return { pattern, groups: this.#groups, names: this.#names };
  }

  #wrong(message: string): Refusal {
    return new Refusal(`pattern: ${message}, at character ${this.#at + 1}`);
  }

  #unsupported(what: string): Refusal {
    return new Refusal(`pattern: ${what} is not supported here, at character ${this.#at + 1}`);
  }

  #looking(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#source[this.#at + i] !== text[i]) return false;
    return true;
  }

  #takes(text: string): boolean {
    const found = this.#looking(text);
    if (found) this.#at += text.length;
    return found;
  }

  #until(end: string): string {
    const start = this.#at;
    while (this.#at < this.#source.length && this.#source[this.#at] !== end) this.#at++;
    if (this.#at >= this.#source.length) throw this.#wrong(`there is no ${end}`);
    return this.#source.slice(start, this.#at++).join('');
  }

  #choice(depth: number): Pattern {
    if (depth > 100) throw this.#wrong('groups are nested more than 100 deep');
    const branches = [this.#sequence(depth)];
    while (this.#takes('|')) branches.push(this.#sequence(depth));
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches };
  }

  #sequence(depth: number): Pattern {
    const parts: Pattern[] = [];
    for (;;) {
      this.#skipVerbose();
      if (this.#at >= this.#source.length || this.#looking('|') || this.#looking(')')) break;
      const part = this.#part(depth);
      if (part === undefined) continue;
      this.#skipVerbose();
      parts.push(this.#repeated(part));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #skipVerbose(): void {
    if (!this.#flags.isVerbose) return;
    for (;;) {
      const next = this.#source[this.#at];
      if (next === '#') while (this.#at < this.#source.length && this.#source[this.#at] !== '\n') this.#at++;
      else if (next !== undefined && /[ \t-\r]/.test(next)) this.#at++;
      else return;
    }
  }

  #repeated(of: Pattern): Pattern {
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    if (of.kind === 'place') throw this.#wrong('there is nothing to repeat');
    const [least, most] = bounds;
    const mode = this.#takes('?') ? 'lazy' : this.#takes('+') ? 'possessive' : 'greedy';
    this.#skipVerbose();
    if (this.#bounds() !== undefined) throw this.#wrong('this repeats a repetition');
    return { kind: 'repeat', of, least, most, mode };
  }

  #bounds(): readonly [least: number, most: number] | undefined {
    if (this.#takes('*')) return [0, unlimited];
    if (this.#takes('+')) return [1, unlimited];
    if (this.#takes('?')) return [0, 1];
    if (!this.#looking('{')) return undefined;
    const written = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 30).join(''));
    // As in Python, other braces stand for themselves.
    if (written === null || (written[1] === '' && written[2] === '')) return undefined;
    this.#at += written[0].length;
    const [, from, comma, to] = written;
    const least = from === '' ? 0 : Number(from);
    const most = comma === '' ? least : to === '' ? unlimited : Number(to);
    if (most < least) throw this.#wrong('the smaller number of repetitions comes first');
    return [least, most];
  }

  #part(depth: number): Pattern | undefined {
    const next = this.#source[this.#at]!;
    if (next === '(') return this.#group(depth);
    if (this.#bounds() !== undefined) throw this.#wrong('there is nothing to repeat');
    this.#at++;
    const { isMultiline, dotIsAll } = this.#flags;
    if (next === '^') return { kind: 'place', is: isMultiline ? 'lineStart' : 'start' };
    if (next === '$') return { kind: 'place', is: isMultiline ? 'lineEnd' : 'lastLine' };
    if (next === '.') return { kind: 'set', has: dotIsAll ? () => true : one => one !== '\n' };
    if (next === '[') return { kind: 'set', has: this.#set() };
    if (next === '\\') return this.#escape();
    return this.#literal(next);
  }

  #literal(character: string): Pattern {
    return { kind: 'set', has: this.#cased(one => one === character) };
  }

  /** Returns a set that also has the other cases of its characters, where the pattern ignores case. */
  #cased(has: CharacterSet): CharacterSet {
    if (!this.#flags.ignoresCase) return has;
    return one => has(one) || has(one.toLowerCase()) || has(one.toUpperCase());
  }

  #group(depth: number): Pattern | undefined {
    this.#at++;
    if (!this.#takes('?')) return this.#captured(depth, undefined);
    const outer = this.#flags;
    // A group of its own, so that a place in it can be repeated, as in Python.
    const inside = (): Pattern => ({ kind: 'sequence', parts: [this.#closed(depth)] });
    if (this.#takes(':')) return inside();
    if (this.#takes('>')) return { kind: 'atomic', of: inside() };
    if (this.#takes('#')) {
      this.#until(')');
      return undefined;
    }
    for (const [sign, behind, negated] of [
      ['=', false, false],
      ['!', false, true],
      ['<=', true, false],
      ['<!', true, true],
    ] as const) {
      if (!this.#takes(sign)) continue;
      const of = inside();
      if (behind && widthOf(of) === undefined)
        throw this.#wrong('what is looked for behind has no fixed length');
      return { kind: 'look', of, behind, negated };
    }
    if (this.#takes('P<')) return this.#captured(depth, this.#until('>'));
    if (this.#takes('P=')) return this.#named(this.#until(')'));
    if (this.#looking('<')) throw this.#unsupported('(?<name>…), which Python writes (?P<name>…),');
    if (this.#looking('(')) throw this.#unsupported('a choice by a group, (?(1)…),');
    const flags = this.#flagged();
    if (this.#takes(')')) {
      if (this.#groups > 0 || !this.#isFirst()) throw this.#wrong('flags for all stand at the start');
      this.#flags = flags;
      return undefined;
    }
    if (!this.#takes(':')) throw this.#wrong('after (? stands no known sign');
    this.#flags = flags;
    const of = inside();
    this.#flags = outer;
    return of;
  }

  /** Whether only groups of flags stand before this place. */
  #isFirst(): boolean {
    return /^(?:\(\?[a-zA-Z]+\)|\s)*$/.test(this.#source.slice(0, this.#at).join(''));
  }

  #flagged(): Flags {
    let isOn = true;
    const flags: { -readonly [Name in keyof Flags]: boolean } = { ...this.#flags };
    for (let letter = this.#source[this.#at]; ; letter = this.#source[++this.#at]) {
      if (letter === '-') isOn = false;
      else if (letter === 'u') flags.isAscii = false;
      else if (letter === 'L') throw this.#unsupported('the flag L');
      else if (letter !== undefined && letters[letter] !== undefined) flags[letters[letter]] = isOn;
      else return flags;
    }
  }

  #captured(depth: number, name: string | undefined): Pattern {
    const index = ++this.#groups;
    if (name !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) throw this.#wrong(`"${name}" is no name of a group`);
      if (this.#names.has(name)) throw this.#wrong(`there are two groups "${name}"`);
      this.#names.set(name, index);
    }
    this.#open.add(index);
    const of = this.#closed(depth);
    this.#open.delete(index);
    return { kind: 'group', of, index };
  }

  #closed(depth: number): Pattern {
    const of = this.#choice(depth + 1);
    if (!this.#takes(')')) throw this.#wrong('a bracket is never closed');
    return of;
  }

  #named(name: string): Pattern {
    const index = this.#names.get(name);
    if (index === undefined) throw this.#wrong(`there is no group "${name}" before this`);
    return this.#same(index);
  }

  #same(index: number): Pattern {
    if (index > this.#groups || this.#open.has(index))
      throw this.#wrong(`there is no group ${index} before this`);
    return { kind: 'same', index, ignoresCase: this.#flags.ignoresCase };
  }

  #escape(): Pattern {
    const { isAscii } = this.#flags;
    const next = this.#source[this.#at];
    if (next === 'A' || next === 'Z' || next === 'b' || next === 'B') {
      this.#at++;
      const word = isAscii ? (['asciiWord', 'noAsciiWord'] as const) : (['word', 'noWord'] as const);
      return { kind: 'place', is: { A: 'start', Z: 'end', b: word[0], B: word[1] }[next] as Anchor };
    }
    const octal = /^(?:0[0-7]{0,2}|[0-3][0-7]{2})/.exec(this.#source.slice(this.#at, this.#at + 3).join(''));
    const number = /^[1-9]\d?/.exec(this.#source.slice(this.#at, this.#at + 2).join(''));
    if (number !== null && octal === null) {
      this.#at += number[0].length;
      return this.#same(Number(number[0]));
    }
    const has = this.#escapedClass();
    return has === undefined ? this.#literal(this.#escapedCharacter(false)) : { kind: 'set', has };
  }

  #escapedClass(): CharacterSet | undefined {
    const letter = this.#source[this.#at];
    const pair = letter === undefined ? undefined : classes[letter.toLowerCase()];
    if (pair === undefined) return undefined;
    this.#at++;
    const pattern = pair[this.#flags.isAscii ? 1 : 0];
    return letter === letter!.toLowerCase() ? one => pattern.test(one) : one => !pattern.test(one);
  }

  /** Returns the character of an escape that stands for one character. */
  #escapedCharacter(inSet: boolean): string {
    const rest = this.#source.slice(this.#at, this.#at + 9).join('');
    const coded = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/.exec(rest);
    if (coded !== null) return this.#coded(coded[0], Number.parseInt(coded[0].slice(1), 16));
    const octal = (inSet ? /^[0-7]{1,3}/ : /^(?:0[0-7]{0,2}|[0-3][0-7]{2})/).exec(rest);
    if (octal !== null) return this.#coded(octal[0], Number.parseInt(octal[0], 8));
    const next = this.#source[this.#at++];
    if (next === undefined) throw this.#wrong('a backslash ends the pattern');
    if (inSet && next === 'b') return '\b';
    if (Object.hasOwn(controls, next)) return controls[next]!;
    if (next === 'N') throw this.#unsupported('\\N{…}');
    if (/[A-Za-z0-9]/.test(next)) throw this.#wrong(`there is no escape \\${next}`);
    return next;
  }

  #coded(written: string, code: number): string {
    if (code > 0x10ffff) throw this.#wrong('there is no such character');
    this.#at += written.length;
    return String.fromCodePoint(code);
  }

  /** The inside of `[…]`. */
  #set(): CharacterSet {
    const isNegated = this.#takes('^');
    const single = new Set<string>();
    const sets: CharacterSet[] = [];
    const ranges: (readonly [from: number, to: number])[] = [];
    for (let isFirst = true; isFirst || !this.#takes(']'); isFirst = false) {
      const from = this.#setElement();
      if (!(this.#looking('-') && this.#source[this.#at + 1] !== ']')) {
        if (typeof from === 'string') single.add(from);
        else sets.push(from);
        continue;
      }
      this.#at++;
      const to = this.#setElement();
      if (typeof from !== 'string' || typeof to !== 'string') throw this.#wrong('a range goes between two characters');
      if (from.codePointAt(0)! > to.codePointAt(0)!) throw this.#wrong(`the range ${from}-${to} is empty`);
      ranges.push([from.codePointAt(0)!, to.codePointAt(0)!]);
    }
    const has = this.#cased(one => {
      const code = one.codePointAt(0)!;
      return single.has(one) || ranges.some(([from, to]) => from <= code && code <= to) || sets.some(set => set(one));
    });
    return isNegated ? one => !has(one) : has;
  }

  #setElement(): string | CharacterSet {
    const next = this.#source[this.#at++];
    if (next === undefined) throw this.#wrong('a [ is never closed');
    if (next !== '\\') return next;
    return this.#escapedClass() ?? this.#escapedCharacter(true);
  }
}

/** Returns the number of characters that a pattern always takes, or undefined if the number varies. */
export function widthOf(of: Pattern): number | undefined {
  switch (of.kind) {
    case 'set':
      return 1;
    case 'place':
    case 'look':
      return 0;
    case 'same':
      return undefined;
    case 'group':
    case 'atomic':
      return widthOf(of.of);
    case 'repeat': {
      const width = widthOf(of.of);
      if (width === 0) return 0;
      return width === undefined || of.least !== of.most ? undefined : width * of.least;
    }
    case 'sequence':
      return of.parts.reduce<number | undefined>((sum, part) => {
        const width = widthOf(part);
        return sum === undefined || width === undefined ? undefined : sum + width;
      }, 0);
    case 'choice': {
      const [first, ...others] = of.branches.map(widthOf);
      return others.every(width => width === first) ? first : undefined;
    }
  }
}
