import { type Budget, characters, Refusal } from './evaluation.ts';
import type { Anchor } from './regex-pattern.ts';
import { Assembler, type Instruction } from './regex-program.ts';
import { isWord } from './regex-reader.ts';
import { parseRegex } from './regex-syntax.ts';

/** The number of steps of a search that count as one step of an expression. */
const searchStepsAStep = 5;

/** A match: the positions of each group, counted in characters; group 0 is the whole. -1 = the group took no part. */
export interface Match {
  readonly text: readonly string[];
  readonly positions: readonly number[];
}

/** Returns the text of a group, or undefined if it took no part. */
export function groupText({ text, positions }: Match, index: number): string | undefined {
  const [start, end] = [positions[2 * index]!, positions[2 * index + 1]!];
  return start < 0 || end < 0 ? undefined : text.slice(start, end).join('');
}

/**
 * A compiled regular expression of Python. It is not matched by the RegExp of JavaScript, which has another syntax and no limit:
 * here each step of a search is taken from the budget, so a pattern that would backtrack for ever ends as a problem.
 */
export class Regex {
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
  readonly #program: readonly Instruction[];
  readonly #registers: number;
  readonly #budget: Budget;

  /** Throws a Refusal with the mistake in the pattern. */
  constructor(source: string, flags: { ignorecase: boolean; multiline: boolean }, budget: Budget) {
    budget.reads(source.length * 10);
    const parsed = parseRegex(source, flags);
    const assembler = new Assembler(parsed);
    this.groups = parsed.groups;
    this.names = parsed.names;
    this.#program = assembler.program;
    this.#registers = assembler.registers;
    this.#budget = budget;
    budget.spend(this.#program.length / searchStepsAStep);
  }

  /** Returns the number of a group by its number or name. Throws a Refusal. */
  group(key: string): number {
    const index = /^\d+$/.test(key) ? Number(key) : this.names.get(key);
    if (index !== undefined && index <= this.groups) return index;
    throw new Refusal(`the pattern has no group ${/^\d+$/.test(key) ? key : `"${key}"`}`);
  }

  /** Returns the first match at `from` or later; with `onlyThere` only at `from`. */
  search(text: readonly string[], from = 0, onlyThere = false, mustAdvance = false): Match | undefined {
    // A search without a match leaves the registers as they were.
    const registers = new Array<number>(this.#registers).fill(-1);
    for (let start = from; start <= (onlyThere ? from : text.length); start++) {
      const end = this.#run(text, 0, start, registers, mustAdvance && start === from);
      if (end === undefined) continue;
      registers[0] = start;
      registers[1] = end;
      return { text, positions: registers.slice(0, 2 * (this.groups + 1)) };
    }
    return undefined;
  }

  /** Returns all matches, as Python finds them: an empty one may follow directly behind another that is not empty. */
  *all(value: string): Iterable<Match> {
    const text = characters(value);
    let from = 0;
    let mustAdvance = false;
    while (from <= text.length) {
      const match = this.search(text, from, false, mustAdvance);
      if (match === undefined) return;
      yield match;
      const [start, end] = match.positions as [number, number];
      from = end;
      mustAdvance = start === end;
    }
  }

  /** Runs the program from an instruction. Returns the end of the match, and changes the registers only for a match. */
  #run(
    text: readonly string[],
    entry: number,
    start: number,
    registers: number[],
    mustAdvance: boolean,
  ): number | undefined {
    const budget = this.#budget;
    /** What is left to try: the instruction and the position, or a register (as -1 - register) and its value before. */
    const left: number[] = [];
    let at = entry;
    let position = start;
    let steps = 0;
    const note = (register: number, value: number) => {
      left.push(-1 - register, registers[register]!);
      registers[register] = value;
    };
    for (;;) {
      if (++steps % searchStepsAStep === 0) budget.spend(1);
      const it = this.#program[at]!;
      let goesOn = true;
      switch (it.op) {
        case 'set':
          goesOn = position < text.length && it.has(text[position]!);
          at++;
          position++;
          break;
        case 'place':
          goesOn = isAt(it.is, text, position);
          at++;
          break;
        case 'same': {
          const length = sameLength(it, text, position, registers);
          goesOn = length !== undefined;
          steps += length ?? 0;
          at++;
          position += length ?? 0;
          break;
        }
        case 'fork':
          left.push(it.second, position);
          at = it.first;
          break;
        case 'jump':
          at = it.to;
          break;
        case 'note':
          note(it.register, position);
          at++;
          break;
        case 'clear':
          note(it.register, -1);
          at++;
          break;
        case 'loop':
          if (registers[it.register] === position) at = it.after;
          else if (it.lazy) {
            left.push(at + 1, position);
            at = it.after;
          } else {
            left.push(it.after, position);
            at++;
          }
          break;
        case 'part': {
          const inner = [...registers];
          steps += inner.length;
          const from = position - it.back;
          const end = from < 0 ? undefined : this.#run(text, at + 1, from, inner, false);
          goesOn = (end !== undefined) !== it.negated;
          if (goesOn && !it.negated)
            for (const [register, value] of inner.entries())
              if (value !== registers[register]) note(register, value);
          if (goesOn && !it.keepsPosition) position = end!;
          at = it.after;
          break;
        }
        case 'done':
          if (!(mustAdvance && position === start)) {
            budget.spend((steps % searchStepsAStep) / searchStepsAStep);
            return position;
          }
          goesOn = false;
      }
      while (!goesOn) {
        const value = left.pop();
        if (value === undefined) {
          budget.spend((steps % searchStepsAStep) / searchStepsAStep);
          return undefined;
        }
        const where = left.pop()!;
        if (where < 0) registers[-1 - where] = value;
        else {
          at = where;
          position = value;
          goesOn = true;
        }
      }
    }
  }
}

function sameLength(
  { index, ignoresCase }: { index: number; ignoresCase: boolean },
  text: readonly string[],
  position: number,
  registers: readonly number[],
): number | undefined {
  const [start, end] = [registers[2 * index]!, registers[2 * index + 1]!];
  if (start < 0 || end < start) return undefined;
  const spelled = (one: string | undefined) => (ignoresCase ? one?.toLowerCase() : one);
  for (let i = 0; i < end - start; i++)
    if (position + i >= text.length || spelled(text[start + i]) !== spelled(text[position + i]))
      return undefined;
  return end - start;
}

function isAt(place: Anchor, text: readonly string[], position: number): boolean {
  const isWordAt = (at: number, isAscii: boolean) => text[at] !== undefined && isWord(text[at], isAscii);
  const isBorder = (isAscii: boolean) => isWordAt(position - 1, isAscii) !== isWordAt(position, isAscii);
  switch (place) {
    case 'start':
      return position === 0;
    case 'end':
      return position === text.length;
    case 'lineStart':
      return position === 0 || text[position - 1] === '\n';
    case 'lineEnd':
      return position === text.length || text[position] === '\n';
    case 'lastLine':
      return position === text.length || (position === text.length - 1 && text[position] === '\n');
    case 'word':
    case 'asciiWord':
      return isBorder(place === 'asciiWord');
    case 'noWord':
    case 'noAsciiWord':
      // Python says of an empty text that it has no place between or beside words at all.
      return text.length > 0 && !isBorder(place === 'noAsciiWord');
  }
}
