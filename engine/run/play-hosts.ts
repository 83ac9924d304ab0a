import type { ConnectedHost } from '../hosts/connected-host.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { Trial } from '../plan/forecast-trial.ts';
import type { HostSight } from '../plan/host-sight.ts';
import type { Planning } from '../plan/plan.ts';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { grouped } from '../util/grouped.ts';

/** The host of a play, and the other hosts that some of its resources are delegated to. */
export class PlayHosts {
  readonly playHost: ConnectedHost;
  readonly #pool: HostPool;
  readonly #recovers: boolean;
  /** The other hosts by name, or the problem of entering them. */
  readonly #others = new Map<string, ConnectedHost | Problem>();
  /** The host of the current turn. */
  #working: ConnectedHost | undefined;

  /** With `recovers`, each host first restores the unfinished changes of an earlier run. */
  constructor(playHost: ConnectedHost, pool: HostPool, recovers: boolean) {
    this.playHost = playHost;
    this.#pool = pool;
    this.#recovers = recovers;
  }

  /** Enters the hosts that resources are delegated to, and reads all resources without a valid reading. */
  async read(resources: readonly Resource[]): Promise<void> {
    const hosts = new Map(
      resources.flatMap(({ delegatedTo }) =>
        delegatedTo === undefined ? [] : [[delegatedTo.name, delegatedTo]],
      ),
    );
    const read = (connected: ConnectedHost, name?: string) =>
      connected.exclusively(async () => {
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
    // Waits for all of them, so that no host is entered after `leave`.
    const ended = await Promise.allSettled([read(this.playHost), ...enter]);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  /** Returns the host that a resource is done on. Throws a ProblemError if that host could not be entered. */
  connectedTo(resource: Resource): ConnectedHost {
    const connected = this.#of(resource);
    if ('code' in connected) throw new ProblemError(notEntered(resource, connected));
    return connected;
  }

  /** Returns the sight of the host that a resource is done on. `createdS` is the creation of a saved plan. */
  sightOf(resource: Resource, createdS: number | undefined, trial: Trial): HostSight | Problem {
    const connected = this.#of(resource);
    if ('code' in connected) return notEntered(resource, connected);
    return {
      observed: connected.observed(resource),
      context: connected.context(createdS),
      forecast: trial.of(connected.host.name),
    };
  }

  /** Reads the probes that a plan lacks, in one round trip for each account of each host. */
  async readMore(unread: Planning['unread']): Promise<void> {
    const pool = grouped(unread, ({ resource }) => resource.delegatedTo?.name ?? '');
    await Promise.all(
      [...pool.values()].map(async all => {
        const connected = this.#of(all[0]!.resource);
        if (!('code' in connected)) await connected.exclusively(() => connected.readProbes(all));
      }),
    );
  }

  /** Runs `work` with the host to itself. */
  exclusively<T>(connected: ConnectedHost, work: () => Promise<T>): Promise<T> {
    return connected.exclusively(() => {
      this.#working = connected;
      return work().finally(() => (this.#working = undefined));
    });
  }

  /** Restores unfinished changes of an earlier run on all hosts, and forgets all readings. */
  recover(): void {
    for (const connected of [this.playHost, ...this.#entered]) connected.recover();
  }

  /** Breaks off the current work. */
  async breakOff(): Promise<void> {
    await Promise.all([this.playHost, this.#working].map(connected => connected?.close().catch(() => {})));
  }

  /**
   * Leaves all hosts, each with a line for its history, and returns the problems of lost leases. Never throws. `lineOf`
   * without a name returns the line of the play's host.
   */
  async leave(lineOf: (elsewhere?: string) => string | undefined): Promise<Problem[]> {
    const problems = [await this.#pool.leave(this.playHost.host, lineOf())];
    for (const { host } of this.#entered) problems.push(await this.#pool.leave(host, lineOf(host.name)));
    return problems.filter(problem => problem !== undefined);
  }

  get #entered(): ConnectedHost[] {
    return [...this.#others.values()].filter(
      (connected): connected is ConnectedHost => !('code' in connected),
    );
  }

  #of({ delegatedTo }: Resource): ConnectedHost | Problem {
    return delegatedTo === undefined ? this.playHost : this.#others.get(delegatedTo.name)!;
  }
}

/** Returns the problem of a resource that is delegated to a host that could not be entered. */
function notEntered({ name, delegatedTo, at }: Resource, { message, ...problem }: Problem): Problem {
  return {
    ...problem,
    at,
    resource: name,
    message: `${name} is delegated to ${delegatedTo!.name}: ${message}`,
  };
}
