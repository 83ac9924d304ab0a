import {
  type Place,
  type Problem,
  type ProblemCode,
  ProblemError,
  placeKey,
  sortedByPlace,
  withoutText,
} from '../problem.ts';

/** Returns a problem of a component with the include at `at`. A problem of the including file is unchanged. */
export function includedBy(problem: Problem, at: Place): Problem {
  return problem.at?.file === at.file ? problem : { ...problem, via: [...(problem.via ?? []), at] };
}

/** Collects problems, to report all of them at once. */
export class Problems {
  readonly #found = new Map<string, Problem>();

  get size(): number {
    return this.#found.size;
  }

  /** Adds problems, except those that are already there for the same place. */
  add(...problems: readonly Problem[]): void {
    for (const problem of problems) {
      const { code, message, at, host } = problem;
      // The length of the underlined text makes no difference.
      const key = JSON.stringify([code, message, at && placeKey(withoutText(at)), host]);
      if (!this.#found.has(key)) this.#found.set(key, problem);
    }
  }

  /** Adds a problem by its parts. */
  report(code: ProblemCode, message: string, at?: Place, hint?: string): void {
    this.add({ code, message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) });
  }

  /** Runs `work` and returns its result; undefined if it threw problems, which are added. Rethrows other errors. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      this.add(...thrown.problems);
      return undefined;
    }
  }

  /** Returns all problems, in order. */
  all(): Problem[] {
    return sortedByPlace([...this.#found.values()]);
  }

  /** Throws the problems, if there are any. */
  done(): void {
    if (this.size > 0) throw new ProblemError(...this.all());
  }
}
