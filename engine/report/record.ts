import type { HostResult } from '../events.ts';
import type { Lease } from '../lease.ts';
import type { Problem } from '../problem.ts';
import type { EventView, ResourceView } from './view.ts';

/** What is known of one play on one host: its resources in the play's order, as planned until they are done. */
export interface HostRecord {
  host: string;
  resources: Map<string, ResourceView>;
  /** The lease that somebody else held when the host was read. */
  lease?: Lease;
  /** Seconds by which its clock is ahead, when that is much. */
  skewS?: number;
}

/** A play and the hosts that it is meant for, in the inventory's order. */
export interface PlayRecord {
  name: string;
  hosts: Map<string, HostRecord>;
}

/** Everything that a run has shown so far, gathered from its events for those who need the whole of it. */
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
  readonly reverted = new Map<string, { restored: readonly string[]; kept: readonly string[] }>();

  /** Every host of every play once, in order. */
  get hosts(): string[] {
    return [...new Set([...this.plays.values()].flatMap(play => [...play.hosts.keys()]))];
  }

  add(event: EventView): void {
    switch (event.event) {
      case 'run_started':
        this.playbook = event.playbook;
        this.check = event.check;
        this.startedAt ||= event.time;
        for (const host of event.hosts) this.#on(event.play, host);
        return;
      case 'host_plan':
        if (event.lease !== undefined) this.#on(event.play, event.host).lease = event.lease;
        if (event.skew_s !== undefined) this.#on(event.play, event.host).skewS = event.skew_s;
        for (const resource of event.resources) {
          this.#on(event.play, event.host).resources.set(resource.name, resource);
        }
        return;
      case 'resource':
        this.#on(event.play, event.host).resources.set(event.name, event);
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

  /** Problems of the host itself: those that no resource of it already tells. */
  hostProblems(host: string): Problem[] {
    const told = new Set<string>();
    for (const play of this.plays.values()) {
      for (const { error } of play.hosts.get(host)?.resources.values() ?? [])
        if (error) told.add(error.message);
    }
    return (this.problems.get(host) ?? []).filter(problem => !told.has(problem.message));
  }

  #on(play: string, host: string): HostRecord {
    let hosts = this.plays.get(play)?.hosts;
    if (hosts === undefined) this.plays.set(play, { name: play, hosts: (hosts = new Map()) });
    let record = hosts.get(host);
    if (record === undefined) hosts.set(host, (record = { host, resources: new Map() }));
    return record;
  }
}
