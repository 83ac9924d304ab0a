import { type Problem, ProblemError } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { unknownFact } from './facts-changed.ts';
import type { PlannedResource } from './plan.ts';
import {
  type Departure,
  declared,
  departure,
  type Origin,
  type Seal,
  savedHost,
  sealed,
  type UnsealedPlan,
} from './saved-plan.ts';
import type { SavedHost, SavedPlan } from './saved-plan-schema.ts';

/** The plan of a host in a play. Plays count from 0. */
export interface Planned {
  play: number;
  host: string;
  origin: Origin;
  planned: readonly PlannedResource[];
  /** The run that made the plan. */
  run: string;
}

/** The saved plan that a run creates or applies. */
export interface Binding {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdS: number;
  /** Accepts each planned host before its first write. Throws a ProblemError to refuse the host. */
  admit(planned: Planned): void;
  /** Returns a problem for each host that the plan holds for a play and that is no longer among the play's `hosts`. */
  missingHosts(play: number, hosts: readonly { name: string }[]): (Problem & { host: string })[];
}

/** Collects the plan to save. */
export class PlanBeingSaved implements Binding {
  readonly id: string;
  readonly createdS: number;
  readonly #plan: UnsealedPlan;
  readonly #mask: Seal['mask'];

  /** `plan` holds the plays, without hosts. */
  constructor(plan: UnsealedPlan, mask: Seal['mask']) {
    this.id = plan.id;
    this.createdS = plan.created;
    this.#plan = plan;
    this.#mask = mask;
  }

  admit({ play, host, origin, planned }: Planned): void {
    const problems = planned.flatMap(({ resource }) => unknownFact(resource) ?? []);
    if (problems.length > 0) throw new ProblemError(...problems);
    const seal = { salt: this.#plan.salt, mask: this.#mask };
    this.#plan.plays[play]!.hosts[host] = savedHost(host, origin, planned, seal);
  }

  missingHosts(): [] {
    return [];
  }

  /** Whether the plan holds a host. */
  get holdsAny(): boolean {
    return this.#plan.plays.some(({ hosts }) => Object.keys(hosts).length > 0);
  }

  toJSON(): SavedPlan {
    return sealed(this.#plan);
  }
}

/** The context of an approved plan, for its comparison and its messages. */
export interface Approval {
  mask: Seal['mask'];
  /** The command that makes the plan again, to copy. */
  again: string;
  /** The version of the running program. */
  program: string;
  /** Returns the resources of a host in a play; none if the host is not in it, undefined if they depend on unread facts. */
  declaredIn(play: number, host: string): readonly Resource[] | undefined;
}

/** Compares hosts with an approved plan and refuses the ones that differ. */
export class ApprovedPlan implements Binding {
  readonly id: string;
  readonly createdS: number;
  readonly #plan: SavedPlan;
  readonly #seal: Seal;
  readonly #approval: Approval;

  constructor(plan: SavedPlan, approval: Approval) {
    this.id = plan.id;
    this.createdS = plan.created;
    this.#plan = plan;
    this.#seal = { salt: plan.salt, mask: approval.mask };
    this.#approval = approval;
  }

  admit({ play, host, origin, planned, run }: Planned): void {
    const saved = this.#of(play, host);
    if (saved === undefined) {
      const message = `${host} is not in the plan: it was not there, or could not be read, when the plan was made.`;
      throw new ProblemError(this.#refusal('plan-stale', message));
    }
    const now = savedHost(host, origin, planned, this.#seal);
    if (now.machine_id !== saved.machine_id || now.host_key !== saved.host_key)
      throw new ProblemError(this.#otherHost(host, now, saved));
    if (origin.applied !== undefined && origin.applied.run !== run) {
      throw new ProblemError(appliedProblem(host, origin.applied.at, this.#approval.again));
    }
    const problems = this.#stale(play, departure(saved, now, planned), this.#laterRedeclared(play, host));
    if (problems.length > 0) throw new ProblemError(...problems);
  }

  missingHosts(play: number, hosts: readonly { name: string }[]): (Problem & { host: string })[] {
    return Object.keys(this.#plan.plays[play]?.hosts ?? {})
      .filter(host => !hosts.some(({ name }) => name === host))
      .map(host => {
        const message = `${host} is in the plan, but no longer among the hosts of the playbook.`;
        return { ...this.#refusal('plan-stale', message), host };
      });
  }

  #of(play: number, host: string): SavedHost | undefined {
    const hosts = this.#plan.plays[play]?.hosts ?? {};
    return Object.hasOwn(hosts, host) ? hosts[host] : undefined;
  }

  /** Returns the names of resources of later plays whose declaration has changed, as far as it is known before their turn. */
  #laterRedeclared(play: number, host: string): string[] {
    return this.#plan.plays.flatMap((_, later) => {
      const resources = later > play ? this.#approval.declaredIn(later, host) : undefined;
      if (resources === undefined) return [];
      const saved = this.#of(later, host)?.resources ?? [];
      const now = new Map(
        resources.map(each => [this.#seal.mask(each.name), declared(host, each, this.#seal)]),
      );
      const names = new Set([...saved.map(({ name }) => name), ...now.keys()]);
      return [...names].filter(name => saved.find(each => each.name === name)?.declared !== now.get(name));
    });
  }

  #otherHost(host: string, now: SavedHost, saved: SavedHost): Problem {
    const what = [
      ...(now.machine_id === saved.machine_id ? [] : ['its machine-id is another one']),
      ...(now.host_key === saved.host_key
        ? []
        : [`its key is ${now.host_key ?? 'none'}, not ${saved.host_key ?? 'none'}`]),
    ];
    const message = `${host} is not the host that the plan was made for: ${what.join(', and ')}.`;
    return this.#refusal('plan-other-host', message);
  }

  #stale(play: number, found: Departure, later: readonly string[]): Problem[] {
    const { redeclared, added, removed, reordered, moved } = found;
    const changed = [...redeclared, ...later];
    const other = [
      ...(changed.length > 0 ? [`declared otherwise: ${changed.join(', ')}`] : []),
      ...(added.length > 0 ? [`not in the plan: ${added.join(', ')}`] : []),
      ...(removed.length > 0 ? [`only in the plan: ${removed.join(', ')}`] : []),
      ...(reordered ? ['in another order'] : []),
    ];
    const problems: Problem[] = [];
    const written = play === 0 ? 'Nothing was written.' : 'Nothing of this play was written.';
    const since = `since the plan was made, ${clock(this.createdS)}. ${written}`;
    if (other.length > 0) {
      const message = `The playbook, or a variable, fact, template, file or secret that it uses, has changed ${since}\n${lines(other)}`;
      problems.push(this.#refusal('plan-stale', message));
    }
    if (moved.length > 0) {
      const message = `The host has moved on ${since}\n${lines(moved)}`;
      problems.push(this.#refusal('plan-stale', message));
    }
    return problems;
  }

  #refusal(code: 'plan-stale' | 'plan-other-host', message: string): Problem {
    const { program, again } = this.#approval;
    const other =
      program === this.#plan.program
        ? ''
        : `It was made by version ${this.#plan.program}; this is ${program}. `;
    return { code, message, hint: `${other}Make a new plan:\n    ${again}` };
  }
}

/** Returns the problem of a plan that was already applied to a host, `at` a time in ISO 8601. */
export function appliedProblem(host: string, at: string | undefined, again?: string): Problem {
  const begun = at === undefined ? '' : `, begun ${clock(Date.parse(at) / 1000)}`;
  return {
    code: 'plan-applied',
    message: `This plan was already applied to ${host}${begun}; it is applied once, even if it was cut off.`,
    hint: again === undefined ? 'Make a new plan.' : `Make a new plan:\n    ${again}`,
  };
}

function lines(texts: readonly string[]): string {
  return texts.map(text => `  ${text}`).join('\n');
}

/** `2026-03-01 12:03:44 UTC` */
function clock(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
