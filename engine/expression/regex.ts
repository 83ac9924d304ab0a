import { type Budget, characters, Refusal } from './evaluation.ts';
import { type Anchor, type CharacterSet, isWord, type Parsed, type Pattern, parseRegex, widthOf } from './regex-syntax.ts';

/**
 * Regular expressions of Python, matched here and not by the RegExp of JavaScript: that one has another syntax, and no limit. Each
 * step of the search is taken from the budget, so a pattern that would backtrack for ever ends as a problem.
 */

type Instruction =
  | { op: 'set'; has: CharacterSet }
  | { op: 'place'; is: Anchor }
  | { op: 'same'; index: number; ignoresCase: boolean }
  /** Goes on at `first`, and later at `second`. */
  | { op: 'fork'; first: number; second: number }
  | { op: 'jump'; to: number }
  /** Notes the position in a register. */
  | { op: 'note'; register: number }
  | { op: 'clear'; register: number }
  /** The head of a loop: goes into the body unless the last turn took no character. */
  | { op: 'loop'; register: number; after: number; lazy: boolean }
  /** A part of its own, from the next instruction to a `done`: not entered again once it has matched. */
  | { op: 'part'; after: number; negated: boolean; keepsPosition: boolean; back: number }
  | { op: 'done' };

/** The number of steps of a search that count as one step of an expression. */
const searchStepsAStep = 20;
const maxInstructions = 20_000;

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

/** A compiled regular expression. */
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
    let [at, position] = [entry, start];
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
          if (goesOn) [at, position] = [at + 1, position + 1];
          break;
        case 'place':
          goesOn = isAt(it.is, text, position);
          at++;
          break;
        case 'same': {
          const length = sameLength(it, text, position, registers);
          goesOn = length !== undefined;
          steps += length ?? 0;
          [at, position] = [at + 1, position + (length ?? 0)];
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
          [at, position] = [where, value];
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
    if (position + i >= text.length || spelled(text[start + i]) !== spelled(text[position + i])) return undefined;
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

/** Writes the instructions of a pattern. Registers 0 to 2·groups + 1 hold the groups, the further ones the last turns of loops. */
class Assembler {
  readonly program: Instruction[] = [];
  registers: number;

  constructor({ pattern, groups }: Parsed) {
    this.registers = 2 * (groups + 1);
    this.#write(pattern);
    this.#add({ op: 'done' });
  }

  #add<I extends Instruction>(instruction: I): I {
    if (this.program.length >= maxInstructions)
      throw new Refusal('pattern: it repeats too much', 'Take smaller numbers of repetitions.', 'expression-limit');
    this.program.push(instruction);
    return instruction;
  }

  #write(of: Pattern): void {
    switch (of.kind) {
      case 'set':
        this.#add({ op: 'set', has: of.has });
        break;
      case 'place':
        this.#add({ op: 'place', is: of.is });
        break;
      case 'same':
        this.#add({ op: 'same', index: of.index, ignoresCase: of.ignoresCase });
        break;
      case 'sequence':
        for (const part of of.parts) this.#write(part);
        break;
      case 'choice':
        this.#choice(of.branches);
        break;
      case 'group':
        this.#add({ op: 'note', register: 2 * of.index });
        this.#write(of.of);
        this.#add({ op: 'note', register: 2 * of.index + 1 });
        break;
      case 'atomic':
        this.#part(of.of, { negated: false, keepsPosition: false, back: 0 });
        break;
      case 'look':
        this.#part(of.of, {
          ...{ negated: of.negated, keepsPosition: true },
          back: of.behind ? widthOf(of.of)! : 0,
        });
        break;
      case 'repeat':
        if (of.mode === 'possessive')
          this.#part({ ...of, mode: 'greedy' }, { negated: false, keepsPosition: false, back: 0 });
        else this.#repeat(of.of, of.least, of.most, of.mode === 'lazy');
    }
  }

  #choice(branches: readonly Pattern[]): void {
    const jumps: { op: 'jump'; to: number }[] = [];
    for (const [index, branch] of branches.entries()) {
      const isLast = index === branches.length - 1;
      const fork = isLast ? undefined : this.#add({ op: 'fork', first: this.program.length + 1, second: 0 });
      this.#write(branch);
      if (fork === undefined) continue;
      jumps.push(this.#add({ op: 'jump', to: 0 }));
      fork.second = this.program.length;
    }
    for (const jump of jumps) jump.to = this.program.length;
  }

  #part(of: Pattern, how: { negated: boolean; keepsPosition: boolean; back: number }): void {
    const part = this.#add({ op: 'part', after: 0, ...how });
    this.#write(of);
    this.#add({ op: 'done' });
    part.after = this.program.length;
  }

  #repeat(of: Pattern, least: number, most: number, lazy: boolean): void {
    for (let turn = 0; turn < least; turn++) this.#write(of);
    if (most === Number.POSITIVE_INFINITY) {
      const register = this.registers++;
      this.#add({ op: 'clear', register });
      const loop = this.#add({ op: 'loop', register, after: 0, lazy });
      const head = this.program.length - 1;
      this.#add({ op: 'note', register });
      this.#write(of);
      this.#add({ op: 'jump', to: head });
      loop.after = this.program.length;
      return;
    }
    const forks: { op: 'fork'; first: number; second: number }[] = [];
    for (let turn = least; turn < most; turn++) {
      forks.push(this.#add({ op: 'fork', first: 0, second: 0 }));
      const entry = this.program.length;
      this.#write(of);
      forks.at(-1)!.first = entry;
    }
    for (const fork of forks) {
      fork.second = this.program.length;
      if (lazy) [fork.first, fork.second] = [fork.second, fork.first];
    }
  }
}
