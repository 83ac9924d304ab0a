import {
  type Place,
  type Problem,
  type ProblemCode,
  ProblemError,
  placeKey,
  sortedByPlace,
  withoutText,
} from '../problem.ts';

/** A problem of a component, with the include at `at` that led there; one in the including file itself as it is. */
export function includedBy(problem: Problem, at: Place): Problem {
  return problem.at?.file === at.file ? problem : { ...problem, via: [...(problem.via ?? []), at] };
}

/** Collects problems, so that all of them can be told at once. */
export class Problems {
  readonly #found = new Map<string, Problem>();

  get size(): number {
    return this.#found.size;
  }

  /** Notes a problem; one that was already told at the same place is left out. */
  add(...problems: readonly Problem[]): void {
    for (const problem of problems) {
      const { code, message, at, host } = problem;
      // Whether the whole expression is underlined or the name in it, it is the same problem.
      const key = JSON.stringify([code, message, at && placeKey(withoutText(at)), host]);
      if (!this.#found.has(key)) this.#found.set(key, problem);
    }
  }

  /** Notes a problem by its parts. */
  report(code: ProblemCode, message: string, at?: Place, hint?: string): void {
    this.add({ code, message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) });
  }

  /** Runs `work`; undefined when it threw problems, which are noted. Other errors go through. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      this.add(...thrown.problems);
      return undefined;
    }
  }

  /** What was noted, in order. */
  all(): Problem[] {
    return sortedByPlace([...this.#found.values()]);
  }

  /** Throws what was noted, if anything. */
  done(): void {
    if (this.size > 0) throw new ProblemError(...this.all());
  }
}
