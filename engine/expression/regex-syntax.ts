import { type Anchor, type Parsed, type Pattern, widthOf } from './regex-pattern.ts';
import { type Flags, letters, RegexReader } from './regex-reader.ts';

const unlimited = Number.POSITIVE_INFINITY;

/** Parses a regular expression in Python's syntax. Throws a Refusal. */
export function parseRegex(source: string, flags: { ignorecase: boolean; multiline: boolean }): Parsed {
  return new RegexParser(source, {
    ...{ ignoresCase: flags.ignorecase, isMultiline: flags.multiline },
    ...{ dotIsAll: false, isVerbose: false, isAscii: false },
  }).parsed();
}

class RegexParser extends RegexReader {
  readonly #names = new Map<string, number>();
  readonly #open = new Set<number>();
  #groups = 0;

  parsed(): Parsed {
    const pattern = this.#choice(0);
    if (this.at < this.source.length) throw this.wrong('this bracket has no opening one');
    return { pattern, groups: this.#groups, names: this.#names };
  }

  #choice(depth: number): Pattern {
    if (depth > 100) throw this.wrong('groups are nested more than 100 deep');
    const branches = [this.#sequence(depth)];
    while (this.takes('|')) branches.push(this.#sequence(depth));
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches };
  }

  #sequence(depth: number): Pattern {
    const parts: Pattern[] = [];
    for (;;) {
      this.#skipVerbose();
      if (this.at >= this.source.length || this.looking('|') || this.looking(')')) break;
      const part = this.#part(depth);
      if (part === undefined) continue;
      this.#skipVerbose();
      parts.push(this.#repeated(part));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #skipVerbose(): void {
    if (!this.flags.isVerbose) return;
    for (;;) {
      const next = this.source[this.at];
      if (next === '#') while (this.at < this.source.length && this.source[this.at] !== '\n') this.at++;
      else if (next !== undefined && /[ \t-\r]/.test(next)) this.at++;
      else return;
    }
  }

  #repeated(of: Pattern): Pattern {
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    if (of.kind === 'place') throw this.wrong('there is nothing to repeat');
    const [least, most] = bounds;
    const mode = this.takes('?') ? 'lazy' : this.takes('+') ? 'possessive' : 'greedy';
    this.#skipVerbose();
    if (this.#bounds() !== undefined) throw this.wrong('this repeats a repetition');
    return { kind: 'repeat', of, least, most, mode };
  }

  #bounds(): readonly [least: number, most: number] | undefined {
    if (this.takes('*')) return [0, unlimited];
    if (this.takes('+')) return [1, unlimited];
    if (this.takes('?')) return [0, 1];
    if (!this.looking('{')) return undefined;
    const written = /^\{(\d*)(,?)(\d*)\}/.exec(this.source.slice(this.at, this.at + 30).join(''));
    // As in Python, other braces stand for themselves.
    if (written === null || (written[1] === '' && written[2] === '')) return undefined;
    this.at += written[0].length;
    const [, from, comma, to] = written;
    const least = from === '' ? 0 : Number(from);
    const most = comma === '' ? least : to === '' ? unlimited : Number(to);
    if (most < least) throw this.wrong('the smaller number of repetitions comes first');
    return [least, most];
  }

  #part(depth: number): Pattern | undefined {
    const next = this.source[this.at]!;
    if (next === '(') return this.#group(depth);
    if (this.#bounds() !== undefined) throw this.wrong('there is nothing to repeat');
    this.at++;
    const { isMultiline, dotIsAll } = this.flags;
    if (next === '^') return { kind: 'place', is: isMultiline ? 'lineStart' : 'start' };
    if (next === '$') return { kind: 'place', is: isMultiline ? 'lineEnd' : 'lastLine' };
    if (next === '.') return { kind: 'set', has: dotIsAll ? () => true : one => one !== '\n' };
    if (next === '[') return { kind: 'set', has: this.set() };
    if (next === '\\') return this.#escape();
    return this.#literal(next);
  }

  #literal(character: string): Pattern {
    return { kind: 'set', has: this.cased(one => one === character) };
  }

  #group(depth: number): Pattern | undefined {
    this.at++;
    if (!this.takes('?')) return this.#captured(depth, undefined);
    const outer = this.flags;
    // A group of its own, so that a place in it can be repeated, as in Python.
    const inside = (): Pattern => ({ kind: 'sequence', parts: [this.#closed(depth)] });
    if (this.takes(':')) return inside();
    if (this.takes('>')) return { kind: 'atomic', of: inside() };
    if (this.takes('#')) {
      this.until(')');
      return undefined;
    }
    for (const [sign, behind, negated] of [
      ['=', false, false],
      ['!', false, true],
      ['<=', true, false],
      ['<!', true, true],
    ] as const) {
      if (!this.takes(sign)) continue;
      const of = inside();
      if (behind && widthOf(of) === undefined)
        throw this.wrong('what is looked for behind has no fixed length');
      return { kind: 'look', of, behind, negated };
    }
    if (this.takes('P<')) return this.#captured(depth, this.until('>'));
    if (this.takes('P=')) return this.#named(this.until(')'));
    if (this.looking('<')) throw this.unsupported('(?<name>…), which Python writes (?P<name>…),');
    if (this.looking('(')) throw this.unsupported('a choice by a group, (?(1)…),');
    const flags = this.#flagged();
    if (this.takes(')')) {
      if (this.#groups > 0 || !this.#isFirst()) throw this.wrong('flags for all stand at the start');
      this.flags = flags;
      return undefined;
    }
    if (!this.takes(':')) throw this.wrong('after (? stands no known sign');
    this.flags = flags;
    const of = inside();
    this.flags = outer;
    return of;
  }

  /** Whether only groups of flags stand before this place. */
  #isFirst(): boolean {
    return /^(?:\(\?[a-zA-Z]+\)|\s)*$/.test(this.source.slice(0, this.at).join(''));
  }

  #flagged(): Flags {
    let isOn = true;
    const flags: { -readonly [Name in keyof Flags]: boolean } = { ...this.flags };
    for (let letter = this.source[this.at]; ; letter = this.source[++this.at]) {
      if (letter === '-') isOn = false;
      else if (letter === 'u') flags.isAscii = false;
      else if (letter === 'L') throw this.unsupported('the flag L');
      else {
        const name = letter === undefined ? undefined : letters[letter];
        if (name === undefined) return flags;
        flags[name] = isOn;
      }
    }
  }

  #captured(depth: number, name: string | undefined): Pattern {
    const index = ++this.#groups;
    if (name !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) throw this.wrong(`"${name}" is no name of a group`);
      if (this.#names.has(name)) throw this.wrong(`there are two groups "${name}"`);
      this.#names.set(name, index);
    }
    this.#open.add(index);
    const of = this.#closed(depth);
    this.#open.delete(index);
    return { kind: 'group', of, index };
  }

  #closed(depth: number): Pattern {
    const of = this.#choice(depth + 1);
    if (!this.takes(')')) throw this.wrong('a bracket is never closed');
    return of;
  }

  #named(name: string): Pattern {
    const index = this.#names.get(name);
    if (index === undefined) throw this.wrong(`there is no group "${name}" before this`);
    return this.#same(index);
  }

  #same(index: number): Pattern {
    if (index > this.#groups || this.#open.has(index))
      throw this.wrong(`there is no group ${index} before this`);
    return { kind: 'same', index, ignoresCase: this.flags.ignoresCase };
  }

  #escape(): Pattern {
    const { isAscii } = this.flags;
    const next = this.source[this.at];
    if (next === 'A' || next === 'Z' || next === 'b' || next === 'B') {
      this.at++;
      const word = isAscii ? (['asciiWord', 'noAsciiWord'] as const) : (['word', 'noWord'] as const);
      return { kind: 'place', is: { A: 'start', Z: 'end', b: word[0], B: word[1] }[next] as Anchor };
    }
    const octal = /^(?:0[0-7]{0,2}|[0-3][0-7]{2})/.exec(this.source.slice(this.at, this.at + 3).join(''));
    const number = /^[1-9]\d?/.exec(this.source.slice(this.at, this.at + 2).join(''));
    if (number !== null && octal === null) {
      this.at += number[0].length;
      return this.#same(Number(number[0]));
    }
    const has = this.escapedClass();
    return has === undefined ? this.#literal(this.escapedCharacter(false)) : { kind: 'set', has };
  }
}
