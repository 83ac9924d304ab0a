import { decodeLease, type Holder, leased, leaseLibrary, lockedProblem, release } from './apply/lease.ts';
import { stepLibrary } from './apply/script.ts';
import type { Become, Host } from './host.ts';
import type { Lease } from './lease.ts';
import { readLibrary } from './plan/compile.ts';
import { probesOf } from './plan/plan.ts';
import { type Observed, reader } from './plan/read.ts';
import type { Resource } from './resource.ts';
import {
  type Answer,
  type Connection,
  type ConnectOptions,
  connect,
  type Request,
  type Session,
} from './transport/index.ts';
import type { Plain } from './value.ts';

/** Seconds for a reading besides what its own commands may take. */
const readTimeoutS = 120;
const releaseTimeoutS = 60;

/**
 * A host that a run is connected to: a shell for each account that the resources ask for, and what was read of each
 * resource as long as nothing changed on the host since.
 */
export class Visit {
  readonly host: Host;
  readonly #connection: Connection;
  readonly #sessions = new Map<string, Session>();
  readonly #observed = new Map<string, Observed>();
  #recovers: boolean;
  /** Accounts that something was changed as. */
  readonly #changed = new Map<string, Become | false>();
  readonly #leases: Promise<Answer | undefined>[] = [];
  facts: Readonly<Record<string, Plain>> = {};

  private constructor(host: Host, connection: Connection, recovers: boolean) {
    this.host = host;
    this.#connection = connection;
    this.#recovers = recovers;
  }

  /** `recovers` finishes what an earlier visit was cut off in before anything is read: not for one that only reads. */
  static async start(host: Host, options: ConnectOptions, recovers = false): Promise<Visit> {
    const connection = await connect(host, { ...options, prelude: readLibrary + stepLibrary + leaseLibrary });
    return new Visit(host, connection, recovers);
  }

  /** What was read of a resource; `ensure` must have been awaited. */
  observed(resource: Resource): Observed {
    const observed = this.#observed.get(resource.name);
    if (observed === undefined) throw new Error(`${resource.name} was not read`);
    return observed;
  }

  /** Whether what was read of `resource` still holds and answers all that its module asks. */
  knows(resource: Resource): boolean {
    const observed = this.#observed.get(resource.name);
    return (
      observed !== undefined &&
      Object.values(probesOf(resource)).every(probe => observed.of(probe) !== undefined)
    );
  }

  /** Forgets what was read, because something changed on the host or may have. */
  forget(): void {
    this.#observed.clear();
  }

  /** For a visit that began as one that only reads: finishes what was cut off, and has everything read anew. */
  recover(): void {
    this.#recovers = true;
    for (const session of this.#sessions.values()) recover(session);
    this.forget();
  }

  /** Reads `resource` if it is not known, and `others` with it: one round trip for each account. */
  async ensure(resource: Resource, others: readonly Resource[]): Promise<void> {
    if (!this.knows(resource)) await this.read(others.filter(other => !this.knows(other)));
  }

  /** Reads resources, and facts on request: one round trip for each account. */
  async read(resources: readonly Resource[], facts: ReadonlySet<string> = new Set()): Promise<void> {
    const accounts = new Map<string, Resource[]>();
    for (const resource of resources) {
      if (resource.when === false) continue;
      const account = JSON.stringify(resource.become ?? false);
      accounts.set(account, [...(accounts.get(account) ?? []), resource]);
    }
    if (accounts.size === 0 && facts.size > 0) accounts.set('false', []);
    const [first] = accounts.keys();
    await Promise.all(
      [...accounts].map(async ([account, group]) => {
        const probes = group.flatMap(resource => Object.values(probesOf(resource)));
        const request = reader(probes, account === first ? facts : new Set());
        const waitS = probes.reduce(
          (total, probe) => total + (probe.kind === 'command' ? probe.timeoutS : 0),
          readTimeoutS,
        );
        const answer = await this.#run(JSON.parse(account), {
          script: request.script,
          what: `reading ${group.length === 1 ? group[0]!.name : `${group.length} resources`}`,
          timeoutMs: waitS * 1000,
        });
        const observed = request.decode(answer);
        if (account === first && facts.size > 0) this.facts = observed.facts;
        for (const resource of group) this.#observed.set(resource.name, observed);
      }),
    );
  }

  /** Runs the steps of a resource under the host's lease; everything that was read before no longer counts. */
  async change(
    resource: Resource,
    holder: Holder,
    request: Request & { timeoutMs: number },
  ): Promise<Answer> {
    const become = resource.become ?? false;
    this.forget();
    const script = leased(request.script, holder, request.timeoutMs / 1000);
    const answer = await this.#run(become, { ...request, script, what: resource.name });
    if (lockedProblem(this.host.name, answer) === undefined)
      this.#changed.set(JSON.stringify(become), become);
    return answer;
  }

  /** Gives back the lease of each account that changed something, and adds a line to its history. */
  async release(holder: Holder, historyLine: () => string): Promise<void> {
    const request = { what: 'giving back the lease', timeoutMs: releaseTimeoutS * 1000 };
    await Promise.all(
      [...this.#changed.values()].map(become =>
        this.#run(become, { ...request, script: release(holder, historyLine()) }),
      ),
    );
    this.#changed.clear();
  }

  /** The lease that somebody held when the host was first read. */
  async lease(): Promise<Lease | undefined> {
    const answers = await Promise.all(this.#leases);
    return answers.map(answer => answer && decodeLease(answer.stdout.toString())).find(Boolean);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Requests of an account whose shell is there go out in the order of the calls, without waiting for answers. */
  async #run(become: Become | false, request: Request): Promise<Answer> {
    const account = JSON.stringify(become);
    const open = this.#sessions.get(account);
    if (open !== undefined) return open.run(request);
    const session = await this.#connection.session(become);
    this.#sessions.set(account, session);
    // Sent together with the first request: it costs no round trip.
    if (this.#recovers) recover(session);
    this.#leases.push(session.run({ script: 'r_show', what: 'reading the lease' }).catch(() => undefined));
    return session.run(request);
  }
}

/** Does not wait: what is wrong with the session is told by what is asked of it next. */
function recover(session: Session): void {
  session.run({ script: 'r_recover', what: 'recovering' }).catch(() => {});
}
