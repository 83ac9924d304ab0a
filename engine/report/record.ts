import type { HostResult } from '../events.ts';
import type { Lease } from '../lease.ts';
import type { Problem } from '../problem.ts';
import type { EventView, ResourceView } from './view.ts';

/** One play on one host: its resources in order, as planned until they are applied. */
export interface HostRecord {
  host: string;
  resources: Map<string, ResourceView>;
  /** The lease that another run held when the host was read. */
  lease?: Lease;
  /** Seconds by which the host's clock is ahead, if they are many. */
  skewS?: number;
  /** The time of the first and of the last event, in milliseconds since 1970. */
  firstMs?: number;
  lastMs?: number;
  /** The end of each applied resource by its name, in the same unit. */
  readonly endsMs: Map<string, number>;
}

/** A play and its hosts, in the order of the inventory. */
export interface PlayRecord {
  name: string;
  hosts: Map<string, HostRecord>;
  /** The names of the hosts by batch, if the play has a roll-out. */
  batches?: readonly (readonly string[])[];
}

/** Collects the events of a run, for reports that need all of them. */
export class RunRecord {
  playbook = '';
  check = false;
  finished = false;
  exitCode = 0;
  durationMs = 0;
  startedAt = '';
  readonly plays = new Map<string, PlayRecord>();
  readonly results = new Map<string, HostResult>();
  readonly problems = new Map<string, readonly Problem[]>();
  /** Why the run ended before its end, and what it did not reach. */
  stopped: { why: string; hosts: readonly string[]; plays: readonly string[] } | undefined;
  readonly reverted = new Map<string, { restored: readonly string[]; kept: readonly string[] }>();

  /** Returns every host of all plays once, in order. */
  get hosts(): string[] {
    return [...new Set([...this.plays.values()].flatMap(play => [...play.hosts.keys()]))];
  }

  add(event: EventView): void {
    this.#clock(event);
    switch (event.event) {
      case 'run_started':
        this.playbook = event.playbook;
        this.check = event.check;
        this.startedAt ||= event.time;
        for (const host of event.hosts) this.#on(event.play, host);
        if (event.batches !== undefined) this.#play(event.play).batches = event.batches;
        return;
      case 'run_stopped':
        this.stopped = event;
        return;
      case 'host_plan':
        if (event.lease !== undefined) this.#on(event.play, event.host).lease = event.lease;
        if (event.skew_s !== undefined) this.#on(event.play, event.host).skewS = event.skew_s;
        for (const resource of event.resources) {
          this.#on(event.play, event.host).resources.set(resource.name, resource);
        }
        return;
      case 'resource':
        this.#addResource(event);
        return;
      case 'host_reverted':
        this.reverted.set(event.host, event);
        return;
      case 'host_finished':
        this.results.set(event.host, event.result);
        this.problems.set(event.host, event.problems);
        return;
      case 'run_finished':
        for (const [host, result] of Object.entries(event.hosts)) this.results.set(host, result);
        this.finished = true;
        this.exitCode = event.exit_code;
        this.durationMs = event.duration_ms;
    }
  }

  /** Returns the problems of the host itself, without those of its resources. */
  hostProblems(host: string): Problem[] {
    const told = new Set<string>();
    for (const play of this.plays.values()) {
      for (const { error } of play.hosts.get(host)?.resources.values() ?? [])
        if (error) told.add(error.message);
    }
    return (this.problems.get(host) ?? []).filter(problem => !told.has(problem.message));
  }

  /** Records an outcome without its host and time, so that those of several hosts can be equal. */
  #addResource({
    event: _,
    run: __,
    time,
    host,
    play,
    ...resource
  }: EventView & { event: 'resource' }): void {
    const on = this.#on(play, host);
    on.resources.set(resource.name, resource);
    on.endsMs.set(resource.name, Date.parse(time));
  }

  /** Records the time of an event of a host. Its end belongs to the last of its plays. */
  #clock(event: EventView): void {
    if (!('host' in event)) return;
    const plays = [...this.plays.values()].filter(({ hosts }) => hosts.has(event.host));
    const host = 'play' in event ? this.#on(event.play, event.host) : plays.at(-1)?.hosts.get(event.host);
    if (host === undefined) return;
    host.lastMs = Date.parse(event.time);
    host.firstMs ??= host.lastMs;
  }

  #play(name: string): PlayRecord {
    const play = this.plays.get(name) ?? { name, hosts: new Map() };
    this.plays.set(name, play);
    return play;
  }

  #on(play: string, host: string): HostRecord {
    const { hosts } = this.#play(play);
    let record = hosts.get(host);
    if (record === undefined) hosts.set(host, (record = { host, resources: new Map(), endsMs: new Map() }));
    return record;
  }
}
