import { setTimeout as sleep } from 'node:timers/promises';
import { Greeting } from './apply/greeting.ts';
import { type Holder, leased, lockedProblem, release } from './apply/lease.ts';
import { cutOff, decodeOutcome, isLoss, outcome, recorded } from './apply/outcome.ts';
import { prelude } from './apply/prelude.ts';
import type { Become, Host } from './host.ts';
import type { Context } from './module.ts';
import { probesOf } from './plan/plan.ts';
import { type Observed, reader } from './plan/read.ts';
import { type Problem, ProblemError } from './problem.ts';
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
/** Pauses before each attempt to make a lost connection again: a host that was restarted needs some time. */
const reconnectDelaysS = [1, 2, 4, 8, 16];
/** A new connection that shows that a host can still be entered may take this long. */
const proofTimeoutMs = 6000;

/** A change that was sent and not answered yet. */
interface Flight {
  become: Become | false;
  run: string;
  number: number;
  request: Request;
  /** What was found of it after the connection was made again. */
  collected?: Promise<Answer>;
}

/**
 * A host that a run is connected to: a shell for each account that the resources ask for, and what was read of each
 * resource as long as nothing changed on the host since.
 */
export class Visit {
  readonly host: Host;
  readonly #options: ConnectOptions;
  #connection: Connection;
  readonly #sessions = new Map<string, Session>();
  readonly #observed = new Map<string, Observed>();
  #recovers: boolean;
  /** Accounts that something was changed as. */
  readonly #changed = new Map<string, Become | false>();
  #changes = 0;
  #flight: Flight | undefined;
  #restoring: Promise<void> | undefined;
  #closed = false;
  readonly greeting = new Greeting();
  #skewS = 0;
  facts: Readonly<Record<string, Plain>> = {};
  /** Told when a lost connection was made again, and why it was lost. */
  onReconnect: (why: Problem) => void = () => {};

  private constructor(host: Host, options: ConnectOptions, connection: Connection, recovers: boolean) {
    this.host = host;
    this.#options = options;
    this.#connection = connection;
    this.#recovers = recovers;
  }

  /** `recovers` finishes what an earlier visit was cut off in before anything is read: not for one that only reads. */
  static async start(host: Host, options: ConnectOptions, recovers = false): Promise<Visit> {
    const own = { ...options, prelude };
    return new Visit(host, own, await connect(host, own), recovers);
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

  /** What a module needs to know of the time, by the host's clock; `createdS` is when a saved plan was made, by ours. */
  times(createdS?: number): Pick<Context, 'nowS' | 'plannedS'> {
    const nowS = Math.floor(Date.now() / 1000) + this.#skewS;
    return { nowS, ...(createdS !== undefined && { plannedS: createdS + this.#skewS }) };
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
        this.#skewS = await this.greeting.skewS();
        const observed = request.decode(answer);
        if (account === first && facts.size > 0) this.facts = observed.facts;
        for (const resource of group) this.#observed.set(resource.name, observed);
      }),
    );
  }

  /**
   * Runs the steps of a resource under the host's lease; everything that was read before no longer counts. When the
   * connection is lost meanwhile it is made again once, and the outcome is collected from the host. Rejects with a
   * ProblemError: `cut-off` or `host-restarted` when the steps are known not to have come to their end.
   */
  async change(
    resource: Resource,
    holder: Holder,
    request: Request & { timeoutMs: number },
  ): Promise<Answer> {
    const become = resource.become ?? false;
    this.forget();
    const number = ++this.#changes;
    const script = leased(recorded(request.script, holder.run, number), holder, request.timeoutMs / 1000);
    const flight: Flight = {
      become,
      run: holder.run,
      number,
      request: { ...request, script, what: resource.name },
    };
    this.#flight = flight;
    const answer = await this.#run(become, flight.request, flight).finally(() => {
      this.#flight = undefined;
    });
    if (lockedProblem(this.host.name, answer) === undefined)
      this.#changed.set(JSON.stringify(become), become);
    return answer;
  }

  /** Runs a script as an account, for what is neither a reading nor a change that a plan shows. */
  tell(become: Become | false, script: string, what: string): Promise<Answer> {
    return this.#run(become, { script, what, timeoutMs: releaseTimeoutS * 1000 });
  }

  /** What keeps one from entering the host anew and becoming the account of `resource`; undefined = nothing. */
  async obstacle({ become = false }: Resource): Promise<Problem | undefined> {
    try {
      const connection = await connect(this.host, { ...this.#options, connectTimeoutMs: proofTimeoutMs });
      try {
        const session = await connection.session(become);
        await session.run({ script: ':', what: 'entering the host anew', timeoutMs: proofTimeoutMs });
      } finally {
        void connection.close().catch(() => {});
      }
      return undefined;
    } catch (thrown) {
      if (thrown instanceof ProblemError) return thrown.problems[0];
      throw thrown;
    }
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

  /** `SHA256:…` of the key that the host showed; undefined for transports without one. */
  get hostKey(): string | undefined {
    return this.#connection.hostKeyFingerprint;
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#connection.close();
  }

  /**
   * Requests of an account whose shell is there go out in the order of the calls, without waiting for answers. One
   * that a lost connection took the answer from is sent again, or, for a change, its outcome is collected.
   */
  async #run(become: Become | false, request: Request, flight?: Flight): Promise<Answer> {
    const account = JSON.stringify(become);
    const session = this.#sessions.get(account) ?? (await this.#open(become));
    try {
      return await session.run(request);
    } catch (thrown) {
      if (!isLoss(thrown) || this.#closed) throw thrown;
      if (this.#sessions.get(account) === session) await this.#restore(thrown);
      if (flight?.collected !== undefined) return flight.collected;
      return (this.#sessions.get(account) ?? (await this.#open(become))).run(request);
    }
  }

  async #open(become: Become | false): Promise<Session> {
    const session = await this.#connection.session(become);
    this.#sessions.set(JSON.stringify(become), session);
    // Sent together with the first request: it costs no round trip.
    if (this.#recovers) recover(session);
    this.greeting.ask(session);
    return session;
  }

  /** All that the lost connection leaves without an answer waits for the same new one. */
  #restore(lost: ProblemError): Promise<void> {
    this.#restoring ??= this.#reconnect(lost).finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  async #reconnect(lost: ProblemError): Promise<void> {
    void this.#connection.close().catch(() => {});
    try {
      this.#connection = await this.#connectAgain(lost);
    } catch (thrown) {
      this.#closed = true;
      throw thrown;
    }
    this.#sessions.clear();
    this.onReconnect(lost.problems[0]!);
    const flight = this.#flight;
    if (flight === undefined) return;
    const session = await this.#connection.session(flight.become);
    const collecting = {
      script: outcome(flight.run, flight.number),
      what: flight.request.what ?? 'a change',
    };
    const found = decodeOutcome(
      await session.run({ ...flight.request, input: Buffer.alloc(0), ...collecting }),
    );
    this.#sessions.set(JSON.stringify(flight.become), session);
    const later = session.run({ script: 'r_adopt; r_recover', what: 'recovering' });
    if (found === 'never') flight.collected = session.run(flight.request);
    else if (typeof found === 'object') flight.collected = Promise.resolve(found);
    else flight.collected = later.then(() => Promise.reject(cutOff(found, flight.request.what)));
    flight.collected.catch(() => {});
    later.catch(() => {});
  }

  async #connectAgain(lost: ProblemError): Promise<Connection> {
    for (const delayS of reconnectDelaysS) {
      if (this.#closed) throw lost;
      await sleep(delayS * 1000);
      try {
        return await connect(this.host, this.#options);
      } catch (thrown) {
        if (!(thrown instanceof ProblemError) || thrown.problems[0]?.code !== 'unreachable') throw thrown;
      }
    }
    throw lost;
  }
}

/** Does not wait: what is wrong with the session is told by what is asked of it next. */
function recover(session: Session): void {
  session.run({ script: 'r_recover', what: 'recovering' }).catch(() => {});
}
