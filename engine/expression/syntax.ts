import { type Problem, type ProblemCode, ProblemError, type Where } from '../problem.ts';
import type { Span } from './ast.ts';

/** Collects what is wrong with one source, so that all of it can be told at once. */
export class Syntax {
  readonly source: string;
  readonly where: Where;
  readonly #noted: { offset: number; problem: Problem }[] = [];
  #depth = 0;

  constructor(source: string, where: Where) {
    this.source = source;
    this.where = where;
  }

  /** Notes a problem and goes on. */
  report(at: Span, message: string, hint?: string, code: ProblemCode = 'expression-syntax'): void {
    const place = this.where(at.start, Math.max(1, at.end - at.start));
    const problem = { code, message, at: place, ...(hint === undefined ? {} : { hint }) };
    this.#noted.push({ offset: at.start, problem });
  }

  /** Notes a problem and gives this piece up; `attempt` catches it. */
  fail(at: Span, message: string, hint?: string, code?: ProblemCode): never {
    this.report(at, message, hint, code);
    throw new GivenUp();
  }

  /** Runs a piece of parsing; undefined when it was given up. */
  attempt<T>(parse: () => T): T | undefined {
    const depth = this.#depth;
    try {
      return parse();
    } catch (thrown) {
      if (!(thrown instanceof GivenUp)) throw thrown;
      this.#depth = depth;
      return undefined;
    }
  }

  /** Guards recursion: no sane expression nests a hundred deep. */
  nested<T>(at: Span, parse: () => T): T {
    if (++this.#depth > 100)
      this.fail(at, 'this is nested more than 100 deep', undefined, 'expression-limit');
    const result = parse();
    this.#depth--;
    return result;
  }

  /** Throws what was noted, if anything, in the order of the source. */
  done(): void {
    if (this.#noted.length === 0) return;
    const inOrder = this.#noted.toSorted((a, b) => a.offset - b.offset);
    throw new ProblemError(...inOrder.map(({ problem }) => problem));
  }
}

class GivenUp extends Error {}
