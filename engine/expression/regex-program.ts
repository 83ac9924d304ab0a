import { Refusal } from './evaluation.ts';
import { type Anchor, type CharacterSet, type Parsed, type Pattern, widthOf } from './regex-pattern.ts';

/** A step of the search for a pattern. */
export type Instruction =
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

const maxInstructions = 20_000;

/** Writes the instructions of a pattern. Registers 0 to 2·groups + 1 hold the groups, the further ones the last turns of loops. */
export class Assembler {
  readonly program: Instruction[] = [];
  registers: number;

  constructor({ pattern, groups }: Parsed) {
    this.registers = 2 * (groups + 1);
    this.#write(pattern);
    this.#add({ op: 'done' });
  }

  #add<I extends Instruction>(instruction: I): I {
    if (this.program.length >= maxInstructions)
      throw new Refusal(
        'pattern: it repeats too much',
        'Take smaller numbers of repetitions.',
        'expression-limit',
      );
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
