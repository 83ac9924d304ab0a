import { type Problem, type ProblemCode, ProblemError, type Where } from '../problem.ts';
import type { Span } from './ast.ts';

/** Collects the mistakes of one source, to report all of them at once. */
export class Syntax {
  readonly source: string;
  readonly where: Where;
  readonly #noted: { offset: number; problem: Problem }[] = [];
  #depth = 0;

  constructor(source: string, where: Where) {
    this.source = source;
    this.where = where;
  }

  /** Adds a problem and continues. */
  report(at: Span, message: string, hint?: string, code: ProblemCode = 'expression-syntax'): void {
    const place = this.where(at.start, Math.max(1, at.end - at.start));
    const problem = { code, message, at: place, ...(hint === undefined ? {} : { hint }) };
    this.#noted.push({ offset: at.start, problem });
  }

  /** Adds a problem and abandons this piece; `attempt` catches it. */
  fail(at: Span, message: string, hint?: string, code?: ProblemCode): never {
    this.report(at, message, hint, code);
    throw new GivenUp();
  }

  /** Runs a piece of parsing. Returns undefined if it was abandoned. */
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

  /** Limits recursion: no sensible expression nests a hundred levels. */
  nested<T>(at: Span, parse: () => T): T {
    if (++this.#depth > 100)
      this.fail(at, 'this is nested more than 100 deep', undefined, 'expression-limit');
    const result = parse();
    this.#depth--;
    return result;
  }

  /** Throws the collected problems, if there are any, in the order of the source. */
  done(): void {
    if (this.#noted.length === 0) return;
    const inOrder = this.#noted.toSorted((a, b) => a.offset - b.offset);
    throw new ProblemError(...inOrder.map(({ problem }) => problem));
  }
}

class GivenUp extends Error {}
