import { grouped } from './grouped.ts';
import type { Plan } from './plan/plan.ts';
import type { Sight } from './plan/sight.ts';
import type { Trial } from './plan/trial.ts';
import { type Problem, ProblemError, problemsOf } from './problem.ts';
import type { Resource } from './resource.ts';
import type { Visit } from './visit.ts';
import type { Visits } from './visits.ts';

/** Where the resources of a host are done: there, and on other hosts that some are delegated to. */
export class Places {
  readonly own: Visit;
  readonly #visits: Visits;
  readonly #recovers: boolean;
  /** The other hosts, or why they could not be entered. */
  readonly #others = new Map<string, Visit | Problem>();
  /** Where something is done right now. */
  #working: Visit | undefined;

  /** `recovers` finishes what an earlier run was cut off in. */
  constructor(own: Visit, visits: Visits, recovers: boolean) {
    this.own = own;
    this.#visits = visits;
    this.#recovers = recovers;
  }

  /** Enters the hosts that resources are delegated to, and reads everywhere what is not known yet. */
  async read(resources: readonly Resource[]): Promise<void> {
    const hosts = new Map(resources.flatMap(({ on }) => (on === undefined ? [] : [[on.name, on]])));
    const read = (visit: Visit, name?: string) =>
      visit.turn(async () => {
        const there = resources.filter(({ when, on }) => when !== false && on?.name === name);
        const unread = there.filter(resource => !visit.knows(resource));
        if (unread.length > 0) await visit.read(unread);
      });
    const enter = [...hosts.values()].map(async host => {
      const visit =
        this.#others.get(host.name) ??
        (await this.#visits.enter(host, this.#recovers).catch(thrown => problemsOf(thrown)[0]!));
      this.#others.set(host.name, visit);
      if (!('code' in visit)) await read(visit, host.name);
    });
    // All of them, so that no host is entered after this one was left.
    const ended = await Promise.allSettled([read(this.own), ...enter]);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  /** Throws a ProblemError when the host that a resource is delegated to could not be entered. */
  visitOf(resource: Resource): Visit {
    const visit = this.#of(resource);
    if ('code' in visit) throw new ProblemError(notEntered(resource, visit));
    return visit;
  }

  /** What is known of the host that a resource is done on. `createdS` is when a saved plan was made. */
  sightOf(resource: Resource, createdS: number | undefined, trial: Trial): Sight | Problem {
    const visit = this.#of(resource);
    if ('code' in visit) return notEntered(resource, visit);
    return {
      observed: visit.observed(resource),
      times: visit.times(createdS),
      forecast: trial.of(visit.host.name),
      login: visit.login,
    };
  }

  /** Reads probes that a plan has asked for, in one round trip for each account of each host. */
  async readMore(unread: Plan['unread']): Promise<void> {
    const visits = grouped(unread, ({ resource }) => resource.on?.name ?? '');
    await Promise.all(
      [...visits.values()].map(async all => {
        const visit = this.#of(all[0]!.resource);
        if (!('code' in visit)) await visit.turn(() => visit.readProbes(all));
      }),
    );
  }

  /** Does something with a host to itself. */
  alone<T>(visit: Visit, work: () => Promise<T>): Promise<T> {
    return visit.turn(() => {
      this.#working = visit;
      return work().finally(() => (this.#working = undefined));
    });
  }

  /** For places that began as ones that are only read. */
  recover(): void {
    for (const visit of [this.own, ...this.#entered]) visit.recover();
  }

  /** Breaks off what is being done. */
  async breakOff(): Promise<void> {
    await Promise.all([this.own, this.#working].map(visit => visit?.close().catch(() => {})));
  }

  /**
   * Leaves all of them, each with a line for its history, and tells which leases were lost; never throws. Without a name the
   * own host is meant.
   */
  async leave(lineOf: (elsewhere?: string) => string | undefined): Promise<Problem[]> {
    const problems = [await this.#visits.leave(this.own.host, lineOf())];
    for (const { host } of this.#entered) problems.push(await this.#visits.leave(host, lineOf(host.name)));
    return problems.filter(problem => problem !== undefined);
  }

  get #entered(): Visit[] {
    return [...this.#others.values()].filter((visit): visit is Visit => !('code' in visit));
  }

  #of({ on }: Resource): Visit | Problem {
    return on === undefined ? this.own : this.#others.get(on.name)!;
  }
}

/** Why what is delegated to a host cannot be done: it could not be entered. */
function notEntered({ name, on, at }: Resource, { message, ...problem }: Problem): Problem {
  return { ...problem, at, resource: name, message: `${name} is delegated to ${on!.name}: ${message}` };
}
