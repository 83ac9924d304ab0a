import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { Trial } from '../plan/forecast-trial.ts';
import type { HostSight } from '../plan/host-sight.ts';
import type { Planning } from '../plan/plan.ts';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { grouped } from '../util/grouped.ts';

/** Where the resources of a host are done: there, and on other hosts that some are delegated to. */
export class Delegates {
  readonly own: ConnectedHost;
  readonly #pool: HostPool;
  readonly #recovers: boolean;
  /** The other hosts, or why they could not be entered. */
  readonly #others = new Map<string, ConnectedHost | Problem>();
  /** Where something is done right now. */
  #working: ConnectedHost | undefined;

  /** `recovers` finishes what an earlier run was cut off in. */
  constructor(own: ConnectedHost, pool: HostPool, recovers: boolean) {
    this.own = own;
    this.#pool = pool;
    this.#recovers = recovers;
  }

  /** Enters the hosts that resources are delegated to, and reads everywhere what is not known yet. */
  async read(resources: readonly Resource[]): Promise<void> {
    const hosts = new Map(
      resources.flatMap(({ delegatedTo }) =>
        delegatedTo === undefined ? [] : [[delegatedTo.name, delegatedTo]],
      ),
    );
    const read = (connected: ConnectedHost, name?: string) =>
      connected.turn(async () => {
        const there = resources.filter(
          ({ when, delegatedTo }) => when !== false && delegatedTo?.name === name,
        );
        const unread = there.filter(resource => !connected.knows(resource));
        if (unread.length > 0) await connected.read(unread);
      });
    const enter = [...hosts.values()].map(async host => {
      const connected =
        this.#others.get(host.name) ??
        (await this.#pool.enter(host, this.#recovers).catch(thrown => problemsOf(thrown)[0]!));
      this.#others.set(host.name, connected);
      if (!('code' in connected)) await read(connected, host.name);
    });
    // All of them, so that no host is entered after this one was left.
    const ended = await Promise.allSettled([read(this.own), ...enter]);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  /** Throws a ProblemError when the host that a resource is delegated to could not be entered. */
  connectedTo(resource: Resource): ConnectedHost {
    const connected = this.#of(resource);
    if ('code' in connected) throw new ProblemError(notEntered(resource, connected));
    return connected;
  }

  /** What is known of the host that a resource is done on. `createdS` is when a saved plan was made. */
  sightOf(resource: Resource, createdS: number | undefined, trial: Trial): HostSight | Problem {
    const connected = this.#of(resource);
    if ('code' in connected) return notEntered(resource, connected);
    return {
      observed: connected.observed(resource),
      times: connected.times(createdS),
      forecast: trial.of(connected.host.name),
      login: connected.login,
    };
  }

  /** Reads probes that a plan has asked for, in one round trip for each account of each host. */
  async readMore(unread: Planning['unread']): Promise<void> {
    const pool = grouped(unread, ({ resource }) => resource.delegatedTo?.name ?? '');
    await Promise.all(
      [...pool.values()].map(async all => {
        const connected = this.#of(all[0]!.resource);
        if (!('code' in connected)) await connected.turn(() => connected.readProbes(all));
      }),
    );
  }

  /** Does something with a host to itself. */
  alone<T>(connected: ConnectedHost, work: () => Promise<T>): Promise<T> {
    return connected.turn(() => {
      this.#working = connected;
      return work().finally(() => (this.#working = undefined));
    });
  }

  /** For hosts that were entered only to be read. */
  recover(): void {
    for (const connected of [this.own, ...this.#entered]) connected.recover();
  }

  /** Breaks off what is being done. */
  async breakOff(): Promise<void> {
    await Promise.all([this.own, this.#working].map(connected => connected?.close().catch(() => {})));
  }

  /**
   * Leaves all of them, each with a line for its history, and tells which leases were lost; never throws. Without a name the
   * own host is meant.
   */
  async leave(lineOf: (elsewhere?: string) => string | undefined): Promise<Problem[]> {
    const problems = [await this.#pool.leave(this.own.host, lineOf())];
    for (const { host } of this.#entered) problems.push(await this.#pool.leave(host, lineOf(host.name)));
    return problems.filter(problem => problem !== undefined);
  }

  get #entered(): ConnectedHost[] {
    return [...this.#others.values()].filter(
      (connected): connected is ConnectedHost => !('code' in connected),
    );
  }

  #of({ delegatedTo }: Resource): ConnectedHost | Problem {
    return delegatedTo === undefined ? this.own : this.#others.get(delegatedTo.name)!;
  }
}

/** Why what is delegated to a host cannot be done: it could not be entered. */
function notEntered({ name, delegatedTo, at }: Resource, { message, ...problem }: Problem): Problem {
  return {
    ...problem,
    at,
    resource: name,
    message: `${name} is delegated to ${delegatedTo!.name}: ${message}`,
  };
}
