import type { Host } from '../host.ts';
import { type Problem, placeKey } from '../problem.ts';

/** The problems of several hosts, each reported once. */
export class HostProblems {
  readonly #found = new Map<string, { problem: Problem; hosts: Set<Host> }>();

  /** Adds problems of some hosts. A problem that other hosts have already gets these hosts, too. */
  add(problems: readonly Problem[], hosts: readonly Host[]): void {
    for (const problem of problems) {
      const { code, message, at, via = [] } = problem;
      const key = JSON.stringify([code, at ? placeKey(at) : message, ...via.map(placeKey)]);
      const known = this.#found.get(key) ?? { problem, hosts: new Set() };
      for (const host of hosts) known.hosts.add(host);
      this.#found.set(key, known);
    }
  }

  /** Returns all problems. A problem that not all hosts have names its hosts. */
  of(all: readonly Host[]): Problem[] {
    return [...this.#found.values()].map(({ problem, hosts }) => {
      if (hosts.size === all.length) return problem;
      const names = all.filter(host => hosts.has(host)).map(({ name }) => name);
      const host =
        names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
      return { ...problem, host };
    });
  }
}
